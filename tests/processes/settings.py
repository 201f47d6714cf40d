"""The project's settings for web servers of the tests, with one thing of the test run's own: cheap
passwords. The Procfile's own console, and a day's logs, have the project's."""

from raxxconsole.settings import *  # noqa: F403

PASSWORD_HASHERS = ["tests.hashers.QuickArgon2"]
