"""Settings of the console, all from the environment (docs/settings.md lists them)."""

import os
import socket
from datetime import timedelta
from pathlib import Path

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from flags import config_vars
from raxxconsole import databases, environment, logs

BASE_DIR = Path(__file__).resolve().parent.parent
environ.Env.read_env(os.environ.get("ENV_FILE", BASE_DIR / ".env"))

DEBUG = environment.read_bool("DEBUG", default=False)
# The key under DEBUG is public on purpose: it signs nothing but a developer's own sessions.
SECRET_KEY = environment.read_text("SECRET_KEY", default="debug-only" if DEBUG else None)
# Signs the audit chain: the same key in every deployment that shares the database.
AUDIT_SIGNING_KEY = environment.read_text(
    "AUDIT_SIGNING_KEY", default="debug-only" if DEBUG else None
)
AUDIT_OLD_SIGNING_KEYS = environment.read_list("AUDIT_OLD_SIGNING_KEYS", default=())
ALLOWED_HOSTS = environment.read_list(
    "ALLOWED_HOSTS", default=("localhost", "127.0.0.1", "[::1]") if DEBUG else ()
)
CSRF_TRUSTED_ORIGINS = environment.read_list("CSRF_TRUSTED_ORIGINS", default=())

# --- the console's own -------------------------------------------------------

ENVIRONMENTS = ("prod", "staging")
CONSOLE_ENV = environment.read_choice(
    "CONSOLE_ENV", ENVIRONMENTS, default="staging" if DEBUG else None
)
CONSOLE_ENVIRONMENTS = environment.read_choices(
    "CONSOLE_ENVIRONMENTS", ENVIRONMENTS, default=ENVIRONMENTS if DEBUG else (CONSOLE_ENV,)
)
if CONSOLE_ENV not in CONSOLE_ENVIRONMENTS:
    raise ImproperlyConfigured(
        f"CONSOLE_ENVIRONMENTS leaves out CONSOLE_ENV={CONSOLE_ENV!r}: "
        "a console always shows its own environment."
    )
FEATURE_FLAGS_FILE = BASE_DIR / environment.read_text(
    "FEATURE_FLAGS_FILE", default="flags/feature_flags.yaml"
)
FLAG_CONSOLE_FEATURE_FLAGS_DB = environment.understood_bool(
    config_vars.SWITCH, config_vars.switch_text(), default=False
)
# 30 s is the runbook's promise (section 1), so nobody may ask for more.
FLAGS_TTL_SECONDS = environment.read_number("FLAGS_TTL_SECONDS", default=30, low=0.1, high=30)
FLAGS_PUSH = environment.read_bool("FLAGS_PUSH", default=True)
# Absolute, from the moment of the proof (runbook section 5).
ELEVATION_SECONDS = environment.read_number("ELEVATION_SECONDS", default=600, low=1, high=3600)
# An hour without a click, and a shift.
SESSION_IDLE_SECONDS = environment.read_number(
    "SESSION_IDLE_SECONDS", default=3600, low=60, high=86400
)
SESSION_MAX_SECONDS = environment.read_number(
    "SESSION_MAX_SECONDS", default=43200, low=300, high=604800
)
# Runbook section 3: how long after its soak a promotion waits, and whether it takes two people.
PROMOTION_EXPIRY_HOURS = environment.read_number(
    "PROMOTION_EXPIRY_HOURS", default=168, low=1, high=8760, unit="hours"
)
PROMOTION_FOUR_EYES = environment.read_choice(
    "PROMOTION_FOUR_EYES", ("off", "high", "all"), default="off"
)
# Of each service token, and of each process (docs/architecture/ofrep.md).
OFREP_REQUESTS_PER_MINUTE = environment.read_number(
    "OFREP_REQUESTS_PER_MINUTE", default=600, low=0, high=100_000, unit="requests"
)
RELEASE = environment.read_text("HEROKU_RELEASE_VERSION", default="-")[:64]
# Which app this is. A dyno that was not told (no dyno metadata) has a host name of its own at each
# start, which would be a new app each time.
APP_NAME = environment.read_text(
    "HEROKU_APP_NAME", default="-" if "DYNO" in os.environ else socket.gethostname()
)[:100]
# Those that read FLAG_* variables, and their environments (runbook, "System").
HEROKU_APPS = environment.read_apps(
    "HEROKU_APPS",
    ENVIRONMENTS,
    default=("raxx-console-prod", "raxx-console-staging", "raxx-api-prod", "raxx-api-staging"),
)

# --- Django ------------------------------------------------------------------

INSTALLED_APPS = [
    "raxxconsole.apps.RaxxConsoleConfig",
    "raxxconsole.apps.ConsoleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "axes",
    "csp",
    "django_htmx",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "audit",
    "accounts",
    "flags",
    "promotions",
]

MIDDLEWARE = [
    "raxxconsole.middleware.request_id",
    "raxxconsole.middleware.head_without_body",
    "flags.ofrep.middleware.speaks_json",
    "raxxconsole.middleware.response_headers",
    "csp.middleware.CSPMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "raxxconsole.middleware.ConsoleSessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "accounts.middleware.OperatorAuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "raxxconsole.middleware.OperatorMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "raxxconsole.urls"
WSGI_APPLICATION = "raxxconsole.wsgi.application"
APPEND_SLASH = False
CSRF_FAILURE_VIEW = "raxxconsole.views.csrf_failure"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "raxxconsole.context_processors.environment",
            ],
        },
    },
]

DATABASES = {
    "default": databases.configured(
        environment.read_database("DATABASE_URL", default=f"sqlite:///{BASE_DIR}/db.sqlite3")
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# --- sign-in and sessions ----------------------------------------------------

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
# By name and address together: nobody can lock a person out from elsewhere.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_ON_SUCCESS = True
# Tries during a lock do not prolong it: it must end for a person who keeps trying, too.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_CLIENT_IP_CALLABLE = "accounts.sign_in.throttled_address"
AXES_USERNAME_CALLABLE = "accounts.sign_in.throttled_name"
# django-axes keeps the form of a failed sign-in: none of our forms may leave a secret there.
AXES_SENSITIVE_PARAMETERS = [
    *("username", "ip_address", "token", "csrfmiddlewaretoken"),
    *("old_password", "new_password1", "new_password2"),
]
AXES_LOCKOUT_CALLABLE = "accounts.sign_in.throttled_answer"
AXES_DISABLE_ACCESS_LOG = True  # the audit log has it
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False

# The prefix makes browsers refuse the cookie from anything but this very host over TLS.
_COOKIE_PREFIX = "" if DEBUG else "__Host-"
SESSION_COOKIE_NAME = f"{_COOKIE_PREFIX}sessionid"
CSRF_COOKIE_NAME = f"{_COOKIE_PREFIX}csrftoken"
# Who may see last known values while sessions cannot be read.
OUTAGE_COOKIE_NAME = f"{_COOKIE_PREFIX}outage"
SESSION_COOKIE_SECURE = not DEBUG
CSRF_COOKIE_SECURE = not DEBUG
CSRF_COOKIE_HTTPONLY = True
# Longer than the session may last: who comes back too late is told so.
SESSION_COOKIE_AGE = int(SESSION_MAX_SECONDS) + 86400

# --- what browsers are told --------------------------------------------------

if not DEBUG:
    # Heroku's router sets the header itself, whatever the client sent.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = environment.read_bool("SECURE_SSL_REDIRECT", default=True)
    # Probes within the platform speak plain HTTP.
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
    SECURE_HSTS_SECONDS = 365 * 86400
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

OTP_TOTP_ISSUER = "Raxx console"

LANGUAGE_CODE = "en-gb"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

LOGGING = logs.CONFIG
