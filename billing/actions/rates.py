"""Keeping exchange rates: what a file says, all in one statement, as often as one likes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from billing.ecb import Quote

from .bulk import fetch

ECB: Final = "ecb"
MANUAL: Final = "manual"

# What has another source stays: who entered a rate by hand had a reason. Only the demo's invented ones give way.
_WRITE: Final = """
WITH given AS (
    SELECT DISTINCT ON (r.currency, r.day) r.day, r.currency, r.per_euro::numeric(24, 10) AS per_euro
    FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(place bigint, day date, currency text, per_euro numeric)
    ORDER BY r.currency, r.day, r.place DESC
),
written AS (
    INSERT INTO billing_exchangerate AS t (day, currency, per_euro, source, changed_at)
    SELECT day, currency, per_euro, %(source)s, now() FROM given
    ON CONFLICT (currency, day) DO UPDATE SET
        per_euro = excluded.per_euro, source = excluded.source, changed_at = excluded.changed_at
    WHERE t.source IN (excluded.source, 'demo')
      AND (t.per_euro, t.source) IS DISTINCT FROM (excluded.per_euro, excluded.source)
    RETURNING (xmax = 0) AS fresh
)
SELECT (SELECT count(*) FROM given), count(*) FILTER (WHERE fresh), count(*) FILTER (WHERE NOT fresh),
       (SELECT count(*) FROM given JOIN billing_exchangerate e USING (currency, day)
        WHERE e.source NOT IN (%(source)s, 'demo') AND e.per_euro <> given.per_euro)
FROM written
"""


@dataclass(frozen=True)
class Imported:
    """How many rates were given, of these new or changed, and how many differ from what another source says."""

    given: int
    new: int
    changed: int
    kept: int


def keep_rates(quotes: Iterable[Quote], source: str = ECB) -> Imported:
    """Keep these rates. One statement; the same rates again change nothing. Of several for one day the last one counts.

    Rates of another source stay as they are, those entered by hand above all. Needs no scope.
    """
    rows: list[dict[str, Any]] = [
        {"place": place, "day": day.isoformat(), "currency": currency, "per_euro": str(per_euro)}
        for place, (day, currency, per_euro) in enumerate(quotes)
    ]
    ((given, new, changed, kept),) = fetch(_WRITE, {"rows": json.dumps(rows), "source": source})
    return Imported(given, new, changed, kept)
