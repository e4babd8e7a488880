"""The WSGI application, served by gunicorn."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pqintel.settings")

application = get_wsgi_application()

from pqintel.vault.canaries import verify_keys  # noqa: E402 - needs the applications loaded

verify_keys()
