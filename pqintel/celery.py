"""The Celery application: `celery -A pqintel worker` and `celery -A pqintel beat`."""

import os
from typing import Any

from celery import Celery, signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pqintel.settings")

app = Celery("pqintel")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.worker_init.connect
def verify_keys_first(**_: Any) -> None:
    """Refuse to work with wrong keys. Celery swallows errors of its signals' receivers, but not SystemExit."""
    from django.core.exceptions import ImproperlyConfigured

    from pqintel.vault.canaries import verify_keys  # needs the applications loaded

    try:
        verify_keys()
    except ImproperlyConfigured as error:
        raise SystemExit(f"pqintel: {error}") from None
