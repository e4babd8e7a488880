"""Letters to customers that did not go out, for the page that answers why messages are not sent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from billing.actions.bulk import fetch
from billing.modes import Mode
from integrations.diagnostics.findings import Finding, Tone
from integrations.diagnostics.words import many

RECENT: Final = timedelta(days=7)
NEWEST: Final = 2_000
"""Letters that are looked at: a workspace with more in a week is told by them as well."""

_UNSENT: Final = """
SELECT 'held' AS state, reason, count(*) FROM dunning_letter
WHERE workspace_id = %(ws)s AND mode = %(mode)s AND state = 'held' GROUP BY 2
UNION ALL
SELECT 'failed', coalesce(nullif(reason, ''), answer), count(*) FROM (
    SELECT state, reason, answer, created_at FROM dunning_letter
    WHERE workspace_id = %(ws)s AND mode = %(mode)s ORDER BY id DESC LIMIT %(most)s
) newest WHERE state = 'failed' AND created_at > %(since)s GROUP BY 2
ORDER BY 1, 3 DESC, 2 LIMIT 5
"""


def why_not_written(workspace_id: int, mode: Mode, now: datetime) -> Iterator[Finding]:
    """Letters that are held, and those of seven days that failed, by reason. One query, in a scoped transaction."""
    place: dict[str, Any] = {"ws": workspace_id, "mode": str(mode), "most": NEWEST, "since": now - RECENT}
    for state, reason, count in fetch(_UNSENT, place):
        letters = many(count, "letter")
        if state == "held":
            yield Finding(
                Tone.LOOK,
                f"{letters} to customers {'is' if count == 1 else 'are'} held: {_sentence(reason)}",
                "Look under Settings › Letters: it says what is to be answered. What is not too old by then goes out.",
            )
        else:
            yield Finding(
                Tone.LOOK,
                f"{letters} to customers failed in 7 days: {_sentence(reason)}",
                "Look under Settings › Letters: each says what the mail server answered.",
            )


def _sentence(reason: str) -> str:
    reason = reason.strip() or "no reason was given"
    return reason if reason.endswith((".", "!", "?")) else f"{reason}."
