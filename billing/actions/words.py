"""Keeping the words that customers are found by (billing/search.py) in line with their names and addresses."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from billing.search import MOST_WORDS, words_of

from .bulk import fetch, run

# The rows to delete and those to insert are disjoint, so that both parts may work on the same snapshot.
_INDEX: Final = """
WITH wanted AS (
    SELECT r.customer, w.word FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(customer text, words jsonb),
        jsonb_array_elements_text(r.words) AS w(word)
), gone AS (
    DELETE FROM billing_customerword t
    USING jsonb_to_recordset(%(rows)s::jsonb) AS r(customer text)
    WHERE t.workspace_id = %(ws)s AND t.mode = %(mode)s AND t.customer = r.customer
      AND NOT EXISTS (SELECT FROM wanted w WHERE w.customer = t.customer AND w.word = t.word)
)
INSERT INTO billing_customerword (workspace_id, mode, customer, word)
SELECT %(ws)s, %(mode)s, customer, word FROM wanted ORDER BY customer, word
ON CONFLICT DO NOTHING
"""


_STATES: Final = """
SELECT stripe_id, name, email FROM billing_customer WHERE workspace_id = %s AND mode = %s AND stripe_id = ANY(%s)
"""


def renew(workspace_id: int, mode: str, customers: Sequence[str]) -> None:
    """Bring the words of these customers in line with their rows. Two statements."""
    rows = fetch(_STATES, (workspace_id, mode, list(customers)))
    index(workspace_id, mode, [dict(zip(("id", "name", "email"), row, strict=True)) for row in rows])


def index(workspace_id: int, mode: str, customers: Iterable[Mapping[str, Any]]) -> None:
    """Bring the words of these customers (`id`, `name`, `email`) in line with their state. One statement, or none."""
    rows = [
        {
            "customer": customer["id"],
            "words": words_of(f"{customer.get('name') or ''} {customer.get('email') or ''}")[:MOST_WORDS],
        }
        for customer in customers
    ]
    if rows:
        run(_INDEX, {"ws": workspace_id, "mode": mode, "rows": json.dumps(rows)})
