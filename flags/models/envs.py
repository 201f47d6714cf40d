"""The environments, as columns name them."""

from django.db import models


class Env(models.TextChoices):
    PROD = "prod", "prod"
    STAGING = "staging", "staging"
