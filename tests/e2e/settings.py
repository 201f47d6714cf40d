"""The project's settings, with its collected static files in a directory of the test run's own."""

import os

from raxxconsole.settings import *  # noqa: F403

STATIC_ROOT = os.environ["E2E_STATIC_ROOT"]
