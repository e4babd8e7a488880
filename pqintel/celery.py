"""The Celery application: `celery -A pqintel worker` and `celery -A pqintel beat`."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pqintel.settings")

app = Celery("pqintel")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
