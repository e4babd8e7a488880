"""Every page with sample contexts, to look at without a database: `python -m tests.ui.gallery [PORT]`.

Its settings are the few that pages need, so that a page can be looked at while the rest of the project is in pieces.
"""

from __future__ import annotations

import sys
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

ROOT = Path(__file__).resolve().parents[2]
SELF, NONE = "'self'", "'none'"

SETTINGS: dict[str, Any] = {
    "SECRET_KEY": "gallery",
    "ALLOWED_HOSTS": ["127.0.0.1", "localhost"],
    "ROOT_URLCONF": "tests.ui.gallery_urls",
    "INSTALLED_APPS": [
        "pqintel.ui",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.staticfiles",
        "allauth",
        "allauth.account",
        "allauth.mfa",
        "csp",
        "pqintel.workspaces",
        "billing",
        "integrations",
        "dunning",
        "alerts",
    ],
    "AUTH_USER_MODEL": "workspaces.User",
    "DATABASES": {"default": {"ENGINE": "pqintel.workspaces.postgres"}},
    "MIDDLEWARE": [
        "csp.middleware.CSPMiddleware",
        "whitenoise.middleware.WhiteNoiseMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "allauth.account.middleware.AccountMiddleware",
    ],
    "TEMPLATES": [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "DIRS": [ROOT / "templates"],
            "OPTIONS": {
                "context_processors": ["django.template.context_processors.request"],
                "loaders": [
                    "django.template.loaders.filesystem.Loader",
                    "django.template.loaders.app_directories.Loader",
                ],
            },
        }
    ],
    "LOGGING": {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"console": {"class": "logging.StreamHandler"}},
        "loggers": {"django.request": {"handlers": ["console"], "level": "ERROR", "propagate": False}},
    },
    "STATIC_URL": "/static/",
    "STATICFILES_DIRS": [ROOT / "static"],
    "WHITENOISE_USE_FINDERS": True,
    "WHITENOISE_AUTOREFRESH": True,
    "USE_I18N": False,
    "USE_TZ": True,
    "ACCOUNT_USER_MODEL_USERNAME_FIELD": None,
    "ACCOUNT_LOGIN_METHODS": {"email"},
    "ACCOUNT_SIGNUP_FIELDS": ["email*", "password1*"],
    "MFA_SUPPORTED_TYPES": ["totp", "recovery_codes"],
    "CONTENT_SECURITY_POLICY": {
        "DIRECTIVES": {
            "default-src": [NONE],
            "script-src": [SELF],
            "style-src": [SELF],
            "img-src": [SELF, "data:"],
            "font-src": [SELF],
            "connect-src": [SELF],
            "form-action": [SELF],
            "base-uri": [NONE],
        }
    },
}


class Server(ThreadingMixIn, WSGIServer):
    """One thread a connection: a browser opens some that it does not use yet."""

    daemon_threads = True


class Quiet(WSGIRequestHandler):
    """Logs no requests."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is wsgiref's
        """Says nothing."""


def application() -> Any:
    """The gallery as a WSGI application."""
    import django
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler

    settings.configure(**SETTINGS)
    django.setup()
    return WSGIHandler()


def main(port: int) -> None:
    """Serves on loopback until it is stopped; port 0 takes a free one. Prints the address first."""
    with make_server("127.0.0.1", port, application(), server_class=Server, handler_class=Quiet) as server:
        print(f"http://127.0.0.1:{server.server_port}/gallery/", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8099)
