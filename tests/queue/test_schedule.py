"""Migrating writes beat's jobs into the database, and leaves alone what staff has changed."""

from __future__ import annotations

import pytest
from celery import current_app
from django.conf import settings
from django_celery_beat.models import PeriodicTask

from pqintel.queue.schedule import install

pytestmark = pytest.mark.django_db


def test_every_job_is_there_as_the_settings_say_and_its_task_exists() -> None:
    install()  # migrating has done it, but tests that commit empty tables
    found = {
        task.name: {
            "task": task.task,
            "schedule": task.schedule.run_every.total_seconds(),
            "expires": task.expire_seconds,
        }
        for task in PeriodicTask.objects.filter(name__in=settings.BEAT_JOBS)
    }
    wanted = {
        name: {"task": job["task"], "schedule": job["schedule"], "expires": job["options"]["expires"]}
        for name, job in settings.BEAT_JOBS.items()
    }
    assert found == wanted
    current_app.loader.import_default_modules()
    assert {job["task"] for job in settings.BEAT_JOBS.values()} <= set(current_app.tasks)


def test_what_staff_changed_stays_and_what_is_missing_comes_back() -> None:
    install()
    PeriodicTask.objects.filter(name="sweep-inbox").update(enabled=False, expire_seconds=99)
    PeriodicTask.objects.filter(name="sweep-reads").delete()
    install()
    changed = PeriodicTask.objects.get(name="sweep-inbox")
    assert (changed.enabled, changed.expire_seconds) == (False, 99)
    assert PeriodicTask.objects.get(name="sweep-reads").enabled
