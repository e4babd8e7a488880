"""Why nobody is told that their card expires, for the page that answers why messages are not sent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from billing.modes import Mode
from dunning.models import CardReading
from integrations.diagnostics.findings import Finding, Tone


def why_not_told(workspace_id: int, mode: Mode, now: datetime) -> Iterator[Finding]:
    """That charges cannot be read, if they could not be more than once. One query, in a scoped transaction."""
    failing = CardReading.objects.filter(workspace_id=workspace_id, mode=mode, failures__gt=1)
    for failure in failing.values_list("failure", flat=True):
        yield Finding(Tone.LOOK, "Nobody is told that their card expires: charges cannot be read.", failure)
