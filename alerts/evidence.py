"""What alerts know of why nothing was sent: for the diagnostics, which ask."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Max, Sum

from billing.modes import Mode
from integrations.diagnostics.findings import Finding as Evidence
from integrations.diagnostics.findings import Tone
from integrations.diagnostics.words import ago, many

from .machine import Why
from .models import Finding, Outcome, Rule

RECENT: Final = timedelta(days=7)
WHERE: Final = "Settings › Alerts"
AS_WISHED: Final = (Why.COOLDOWN, Why.GROUPED, Why.SILENCED, Why.QUIET, Why.TEST_MODE)
"""Reasons that somebody chose; the rules themselves say so. That one is off is easily forgotten: it is told."""


def why_not_told(workspace_id: int, mode: Mode, now: datetime) -> Iterator[Evidence]:
    """Rules that are off, muted or silenced, and what was kept back in the last days, by reason. Two queries."""
    rules = list(Rule.objects.filter(workspace_id=workspace_id, mode=mode, removed_at=None).order_by("number"))
    for rule in rules:
        if rule.enabled and rule.silenced_at(now):
            text = f"The rule “{rule.name}” is silenced until {rule.silenced_until:%Y-%m-%d %H:%M} UTC."
            yield Evidence(Tone.LOOK, text, f"End the silence under {WHERE}, if it should speak.")
        elif rule.enabled and rule.test_mode:
            text = f"The rule “{rule.name}” is muted: what it finds is written down and not sent."
            yield Evidence(Tone.LOOK, text, f"Unmute it under {WHERE}, if it should speak.")
    if rules and not any(rule.enabled for rule in rules):
        yield Evidence(Tone.LOOK, "Every alert rule is off.", f"Turn on what should speak under {WHERE}.")
    kept_back = (
        Finding.objects.filter(
            workspace_id=workspace_id,
            mode=mode,
            recorded_at__gt=now - RECENT,
            outcome__in=(Outcome.SUPPRESSED, Outcome.SKIPPED),
        )
        .exclude(reason__in=AS_WISHED)
        .values("reason")
        .annotate(things=Sum("count"), last=Max("recorded_at"))
        .order_by("-last")[:5]
    )
    for found in kept_back:
        times = f"{many(found['things'], 'time')} in a week, the last {ago(now, found['last'])}"
        yield Evidence(Tone.LOOK, f"Not told, {times}: {found['reason']}", f"The history under {WHERE} lists each.")
