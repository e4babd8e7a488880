"""Objects whose state is not certain: the events of their newest second do not say in which order they happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from .actions.bulk import fetch
from .modes import Mode

EXAMPLES: Final = 5
_TABLES: Final = {
    "customer": "billing_customer",
    "checkout": "billing_checkout",
    "subscription": "billing_subscription",
    "invoice": "billing_invoice",
    "payment": "billing_payment",
}
_UNSURE: Final = " UNION ALL ".join(
    f"SELECT '{kind}', count(*), (array_agg(stripe_id ORDER BY stripe_id))[:{EXAMPLES}] "  # noqa: S608 - our names
    f"FROM {table} WHERE workspace_id = %(ws)s AND mode = %(mode)s AND NOT sure HAVING count(*) > 0"
    for kind, table in _TABLES.items()
)


@dataclass(frozen=True, slots=True)
class Doubt:
    """How many objects of a kind are uncertain; `examples` are a few of their Stripe ids."""

    kind: str
    count: int
    examples: tuple[str, ...]


def unsure_objects(workspace_id: int, mode: Mode) -> list[Doubt]:
    """The uncertain objects of a workspace and mode by kind. One query over partial indexes. Must run in scope."""
    found: list[tuple[Any, ...]] = fetch(_UNSURE, {"ws": workspace_id, "mode": str(mode)})
    return [Doubt(kind, count, tuple(examples)) for kind, count, examples in found]
