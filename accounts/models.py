from django.contrib.auth.models import AbstractUser


class User(AbstractUser):
    """An operator. Deactivated when they leave, never deleted: the audit log names them."""
