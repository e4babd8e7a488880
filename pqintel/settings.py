"""Django settings: one file, driven by the environment. README.md lists the variables."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from kombu import Queue

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

# --- where and what we are -------------------------------------------------------------------------------------------
PQ_ENV = env.str("PQ_ENV", "development")
if PQ_ENV not in ("development", "production"):
    raise ImproperlyConfigured("PQ_ENV must be development or production.")
PRODUCTION = PQ_ENV == "production"
DEBUG = False
PQ_HOME = Path(env.str("PQ_HOME", str(BASE_DIR / ".local"))).resolve()
PORT = env.int("PORT", 8000)
PQ_BASE_URL = env.str("PQ_BASE_URL", f"http://127.0.0.1:{PORT}").rstrip("/")
PQ_DEMO = env.bool("PQ_DEMO", True) and not PRODUCTION
PQ_HOUSE_WORKSPACE = env.str("PQ_HOUSE_WORKSPACE", "")
STRIPE_API_BASE = env.str("STRIPE_API_BASE", "https://api.stripe.com").rstrip("/")
SLACK_API_BASE = env.str("SLACK_API_BASE", "https://slack.com").rstrip("/")
TELEGRAM_API_BASE = env.str("TELEGRAM_API_BASE", "https://api.telegram.org").rstrip("/")
HTTPS = PQ_BASE_URL.startswith("https://")
if PRODUCTION and not HTTPS:
    raise ImproperlyConfigured("PQ_ENV=production needs an https:// PQ_BASE_URL: Stripe delivers to public https URLs.")


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _kept(name: str, file: str, fresh: str) -> str:
    """A secret from the environment, or in development from a file in PQ_HOME, made (mode 0600) when it is missing."""
    if value := str(env.str(name, "")):
        return value
    if PRODUCTION:
        raise ImproperlyConfigured(f"PQ_ENV=production needs {name}. README.md, Environment, says how to make one.")
    path = PQ_HOME / file
    PQ_HOME.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with open(path, "x", opener=_owner_only) as kept:
            kept.write(fresh)
    except FileExistsError:
        return path.read_text().strip()
    return fresh


SECRET_KEY = _kept("PQ_SECRET_KEY", "secret-key", secrets.token_urlsafe(50))
PQ_KEYS = _kept("PQ_KEYS", "keys", f"k1:{secrets.token_hex(32)}")

# --- web -------------------------------------------------------------------------------------------------------------
ALLOWED_HOSTS = sorted({urlsplit(PQ_BASE_URL).hostname or "", *([] if PRODUCTION else ["127.0.0.1", "localhost"])})
CSRF_TRUSTED_ORIGINS = [PQ_BASE_URL]
ROOT_URLCONF = "pqintel.urls"
WSGI_APPLICATION = "pqintel.wsgi.application"
APPEND_SLASH = True
SITE_NAME = "PQ Intel"

INSTALLED_APPS = [
    "pqintel.workspaces",  # before Django's own apps: its `migrate` command takes their place
    "pqintel.vault",
    "pqintel.queue",
    "pqintel.ui",
    "billing",
    "integrations",
    "dunning",
    "alerts",
    "pqintel.workspaces.apps.StaffAdminConfig",  # django.contrib.admin with our own site: staff need a second factor
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "csp",
    "django_celery_beat",
    "django_htmx",
    "template_partials.apps.SimpleAppConfig",
]

MIDDLEWARE = [
    "integrations.stripe.webhook.WebhookMiddleware",  # answers Stripe before sessions, CSRF and logging
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "pqintel.workspaces.middleware.WorkspaceMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "pqintel.workspaces.navigation.nav",
            ],
            "builtins": ["template_partials.templatetags.partials", "django.templatetags.static"],
            "loaders": [
                (
                    "template_partials.loader.Loader",
                    [
                        (
                            "django.template.loaders.cached.Loader",
                            [
                                "django.template.loaders.filesystem.Loader",
                                "django.template.loaders.app_directories.Loader",
                            ],
                        )
                    ],
                )
            ],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.DjangoTemplates"

# --- database: two logins, two roles ---------------------------------------------------------------------------------
# DATABASE_URL is the application's login, DATABASE_OWNER_URL the one that owns the tables (migrations only). Where only
# one is given it is the owner's; either way the backend becomes the role that row-level security binds.
_database = env.db_url("DATABASE_URL", "postgres://127.0.0.1:5432/pqintel")
DATABASE_OWNER = env.db_url("DATABASE_OWNER_URL") if env.str("DATABASE_OWNER_URL", "") else None
DATABASES = {
    "default": {
        **_database,
        "ENGINE": "pqintel.workspaces.postgres",
        "ATOMIC_REQUESTS": True,
        "CONN_MAX_AGE": 300,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            **_database.get("OPTIONS", {}),
            "connect_timeout": 3,
            "tcp_user_timeout": 10_000,
            "keepalives_idle": 5,
            # The last one: a killed worker's statement, and with it its lane's lock, ends within two seconds.
            "options": "-c idle_in_transaction_session_timeout=60000 -c statement_timeout=60000 -c timezone=UTC"
            " -c client_connection_check_interval=2000",
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Only rate limits of the sign-in lie here. In PostgreSQL, because Redis may be lost or hang at any time.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "django_cache",
        # Room for every address that tries within five minutes: beyond it, entries that still count would be dropped.
        "OPTIONS": {"MAX_ENTRIES": 20_000, "CULL_FREQUENCY": 10},
    }
}

# --- accounts --------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "workspaces.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_LOGOUT_REDIRECT_URL = "home"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_FORMS = {"signup": "pqintel.workspaces.forms.SignupForm"}
ACCOUNT_ADAPTER = "pqintel.workspaces.adapter.AccountAdapter"
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if HTTPS else "http"
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_CHANGE_EMAIL = True  # one address each; a new one replaces it once it is proven
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True  # only in the browser that has just signed up
ACCOUNT_EMAIL_NOTIFICATIONS = True
MFA_ADAPTER = "pqintel.workspaces.adapter.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = SITE_NAME
# Rate limits count by address. Behind one proxy the client's is the last of X-Forwarded-For; without, the peer's own.
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("PQ_TRUSTED_PROXIES", 1 if HTTPS else 0)

# --- email -----------------------------------------------------------------------------------------------------------
# Without EMAIL_URL, development keeps mails as files in PQ_HOME/mail and lets people in before their address is proven.
if env.str("EMAIL_URL", ""):
    vars().update(env.email_url("EMAIL_URL"))
elif PRODUCTION:
    raise ImproperlyConfigured("PQ_ENV=production needs EMAIL_URL, for example smtp+tls://user:password@host:587.")
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = str(PQ_HOME / "mail")
ACCOUNT_EMAIL_VERIFICATION = "mandatory" if env.str("EMAIL_URL", "") else "optional"
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", f"PQ Intel <no-reply@{urlsplit(PQ_BASE_URL).hostname}>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL

# --- security --------------------------------------------------------------------------------------------------------
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS else "csrf"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],  # data: the QR code of an authenticator app
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

# --- language, time, static files ------------------------------------------------------------------------------------
LANGUAGE_CODE = "en-us"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = BASE_DIR / "staticfiles"
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = not PRODUCTION
_static_storage = (
    "whitenoise.storage.CompressedManifestStaticFilesStorage"
    if PRODUCTION
    else "django.contrib.staticfiles.storage.StaticFilesStorage"
)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": _static_storage},
}

# --- Celery: Redis is only a doorbell, PostgreSQL holds the work ------------------------------------------------------
REDIS_URL = env.str("REDIS_URL", "redis://127.0.0.1:6379/0")
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", REDIS_URL)
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 5,
    "socket_connect_timeout": 3,
    "socket_keepalive": True,
    "health_check_interval": 25,
    "visibility_timeout": 300,
    "unacked_restore_interval": 5,
}
CELERY_TASK_QUEUES = [Queue("drain"), Queue("react"), Queue("bulk")]
CELERY_TASK_DEFAULT_QUEUE = "bulk"
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_DB_REUSE_MAX = 1_000_000  # connections outlive tasks; pqintel.celery sees to their health and age
CELERY_TASK_SOFT_TIME_LIMIT = 120
CELERY_TASK_TIME_LIMIT = 180
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_CONSUMER = "pqintel.queue.consumer:Consumer"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# Work goes on without Redis: ended in the middle, it would count as a worker's death, and a letter as perhaps sent.
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 5
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 400_000  # KiB
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 1
# What beat does without being asked. Migrating writes what is missing of it into the database, where staff can change
# it (pqintel/queue/schedule.py); turn a job off there instead of deleting it.
BEAT_JOBS: dict[str, dict[str, Any]] = {
    "sweep-inbox": {"task": "integrations.tasks.sweep_inbox", "schedule": 5.0, "options": {"expires": 5}},
    "sweep-reads": {"task": "integrations.tasks.sweep_reads", "schedule": 5.0, "options": {"expires": 5}},
    "sweep-recalculations": {
        "task": "billing.tasks.sweep_recalculations",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "settle-access": {"task": "billing.tasks.settle_access", "schedule": 15.0, "options": {"expires": 15}},
    "sweep-recoveries": {"task": "integrations.tasks.sweep_recoveries", "schedule": 30.0, "options": {"expires": 30}},
    "sweep-backfills": {"task": "integrations.tasks.sweep_backfills", "schedule": 5.0, "options": {"expires": 5}},
    "sweep-reconciliations": {
        "task": "integrations.tasks.sweep_reconciliations",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "begin-reconciliations": {
        "task": "integrations.tasks.begin_reconciliations",
        "schedule": 300.0,
        "options": {"expires": 300},
    },
    "sweep-letters": {"task": "dunning.tasks.sweep_letters", "schedule": 5.0, "options": {"expires": 5}},
    "sweep-deliveries": {"task": "integrations.tasks.sweep_deliveries", "schedule": 5.0, "options": {"expires": 5}},
    "sweep-reactions": {"task": "pqintel.reactions.sweep", "schedule": 5.0, "options": {"expires": 5}},
    "sweep-digests": {"task": "alerts.tasks.sweep_digests", "schedule": 60.0, "options": {"expires": 60}},
    "sweep-rules": {"task": "alerts.tasks.sweep_rules", "schedule": 60.0, "options": {"expires": 60}},
    "release-held": {"task": "integrations.tasks.release_held", "schedule": 60.0, "options": {"expires": 60}},
    "sweep-cases": {"task": "dunning.tasks.sweep_cases", "schedule": 60.0, "options": {"expires": 60}},
    "sweep-put-off-cases": {"task": "dunning.tasks.sweep_put_off", "schedule": 300.0, "options": {"expires": 300}},
    "sweep-cards": {"task": "dunning.tasks.sweep_cards", "schedule": 60.0, "options": {"expires": 60}},
    "forget": {"task": "integrations.tasks.forget", "schedule": 3600.0, "options": {"expires": 600}},
    "forget-letters": {"task": "dunning.tasks.forget_letters", "schedule": 3600.0, "options": {"expires": 600}},
    "forget-findings": {"task": "alerts.tasks.forget_findings", "schedule": 3600.0, "options": {"expires": 600}},
    "wipe-expired": {"task": "integrations.tasks.wipe_expired", "schedule": 3600.0, "options": {"expires": 600}},
}

# --- logs ------------------------------------------------------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"scrub": {"()": "pqintel.vault.scrub.ScrubFilter"}},
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["scrub"]}},
    "root": {"handlers": ["console"], "level": env.str("PQ_LOG_LEVEL", "INFO")},
    "loggers": {
        "django.server": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        "httpx": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "stripe": {"level": "WARNING"},
    },
}
SILENCED_SYSTEM_CHECKS: list[str] = []
