"""Settings of the test runs: the project's own, with the developer's environment left out."""

import os
from pathlib import Path

_CACHE = Path(__file__).resolve().parent.parent / ".cache"
_CACHE.mkdir(exist_ok=True)

for _name in [name for name in os.environ if name.startswith("FLAG_")]:
    del os.environ[_name]
os.environ.pop("FEATURE_FLAGS_FILE", None)
os.environ.update(
    ENV_FILE=os.devnull,
    DEBUG="0",
    # Django's test client speaks plain HTTP.
    SECURE_SSL_REDIRECT="0",
    SECRET_KEY="only-for-tests",
    AUDIT_SIGNING_KEY="only-for-tests",
    CONSOLE_ENV="staging",
    CONSOLE_ENVIRONMENTS="prod,staging",
    FLAG_CONSOLE_FEATURE_FLAGS_DB="1",
    ALLOWED_HOSTS="testserver,localhost,127.0.0.1",
    DATABASE_URL=os.environ.get("TEST_DATABASE_URL") or f"sqlite:///{_CACHE}/never-used.sqlite3",
)

from raxxconsole.settings import *  # noqa: E402, F403
from raxxconsole.settings import DATABASES, STORAGES  # noqa: E402

# A file, because a second connection to an in-memory database fails at once.
if "sqlite" in DATABASES["default"]["ENGINE"]:
    DATABASES["default"]["TEST"] = {"NAME": str(_CACHE / "test.sqlite3")}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# An empty one: whitenoise warns where there is none, and tests serve no static files.
STATIC_ROOT = _CACHE / "no-static-files"
STATIC_ROOT.mkdir(exist_ok=True)
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
