"""What is forgotten after its time."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from dunning.letters import retention


@shared_task(name="dunning.tasks.forget_letters")
def forget_letters() -> int:
    """Wipe what letters said that are too old to matter. Returns how many."""
    return retention.forget_letters(timezone.now())
