"""What beat does: jobs of the settings, kept in the database where staff can change them."""

from __future__ import annotations

from typing import Any

from django.conf import settings


def install(using: str = "default", **_: Any) -> None:
    """Write the jobs of `settings.BEAT_JOBS` that are not there yet. Receives `post_migrate` of Celery beat's tables.

    Jobs that are there stay as they are: staff may have changed or disabled them. A deleted one comes back.
    """
    from django_celery_beat.models import IntervalSchedule, PeriodicTask  # needs the applications loaded

    jobs: Any = settings.BEAT_JOBS
    known = set(PeriodicTask.objects.using(using).values_list("name", flat=True))
    for name, job in jobs.items():
        if name in known:
            continue
        every, _ = IntervalSchedule.objects.using(using).get_or_create(
            every=round(job["schedule"]), period=IntervalSchedule.SECONDS
        )
        PeriodicTask.objects.using(using).create(
            name=name, task=job["task"], interval=every, expire_seconds=job["options"]["expires"]
        )
