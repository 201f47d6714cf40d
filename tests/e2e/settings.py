"""The project's settings, with two things of the test run's own.

Static files are collected into a directory of its own. Passwords have Argon2 hashes, which the
project's settings can read too, but cheap ones: there are more than a hundred sign-ins.
"""

import os

from raxxconsole.settings import *  # noqa: F403

STATIC_ROOT = os.environ["E2E_STATIC_ROOT"]
PASSWORD_HASHERS = ["tests.hashers.QuickArgon2"]
