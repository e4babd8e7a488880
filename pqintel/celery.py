"""The Celery application: `celery -A pqintel worker` and `celery -A pqintel beat`."""

import os
from typing import Any

from celery import Celery, signals
from django.db import close_old_connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pqintel.settings")

app = Celery("pqintel")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(["pqintel"], related_name="reactions")


@signals.worker_init.connect
def verify_keys_first(**_: Any) -> None:
    """Refuse to work with wrong keys. Celery swallows errors of its signals' receivers, but not SystemExit."""
    from django.core.exceptions import ImproperlyConfigured

    from pqintel.vault.canaries import verify_keys  # needs the applications loaded

    try:
        verify_keys()
    except ImproperlyConfigured as error:
        raise SystemExit(f"pqintel: {error}") from None


@signals.worker_init.connect
def share_out_places(sender: Any, **_: Any) -> None:
    """Tell the processes that will be forked how many they are."""
    from pqintel.queue import places  # needs the applications loaded

    places.of(sender.concurrency)


@signals.task_prerun.connect
def check_connection(**_: Any) -> None:
    """Before a task: drop a database connection that is broken or as old as CONN_MAX_AGE, keep any other.

    Celery by itself connects anew for every task (CELERY_DB_REUSE_MAX), which costs more than most visits to a lane.
    """
    close_old_connections()
