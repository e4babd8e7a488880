"""The billing history: facts and changes, with before and after in words, their cause and both times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import QuerySet

from billing.actions.bulk import fetch
from billing.feed import feed_status
from billing.models import HistoryEntry, Invoice
from billing.money import Money
from billing.names import customer_labels, plan_names
from billing.snapshots import Kind
from billing.story import line
from billing.wording import Moved, moved, prices_in

from .filters import Filter, between
from .finding import find
from .forms import Choices, HistoryForm
from .paging import Order
from .rows import Column, Listing, Place

LATE: Final = timedelta(minutes=15)
"""How much later than it happened something must have been learnt to be called late, once events could come."""

# One step of the index after another: as many look-ups as there are kinds, however many lines.
_KINDS: Final = """
WITH RECURSIVE kinds(kind) AS (
    SELECT min(kind) FROM billing_historyentry WHERE workspace_id = %(ws)s AND mode = %(mode)s
    UNION ALL
    SELECT (SELECT min(h.kind) FROM billing_historyentry h
            WHERE h.workspace_id = %(ws)s AND h.mode = %(mode)s AND h.kind > kinds.kind)
    FROM kinds WHERE kinds.kind IS NOT NULL
)
SELECT kind FROM kinds WHERE kind IS NOT NULL
"""


@dataclass(frozen=True)
class HistoryRow:
    """One line. `moved` are its fields in words; `late`: learnt well after it happened, though events could come."""

    kind: str
    title: str
    detail: str
    tone: str
    amount: Money | None
    customer: str | None
    customer_label: str
    object_kind: str
    object_id: str
    happened_at: datetime
    learnt_at: datetime
    late: bool
    event_id: str
    is_change: bool
    superseded_at: datetime | None
    moved: tuple[Moved, ...]


def records(place: Place, wanted: Filter) -> QuerySet[HistoryEntry]:
    """The lines that a filter means; superseded ones only when they are asked for."""
    found = find(place.all(HistoryEntry), place, wanted.search, ids=("object_id", "customer", "event_id"))
    found = between(found, "happened_at", wanted.since, wanted.until)
    if not wanted.superseded:
        found = found.filter(superseded_at=None)
    if wanted.lines in ("facts", "changes"):
        found = found.filter(is_change=wanted.lines == "changes")
    for column, value in (("kind", wanted.kind), ("customer", wanted.customer), ("object_id", wanted.object_id)):
        if value:
            found = found.filter(**{column: value})
    return found


def rows(place: Place, entries: Sequence[HistoryEntry]) -> list[HistoryRow]:
    """Lines in words. A fixed number of queries."""
    labels = customer_labels(place.workspace_id, place.mode, (entry.customer for entry in entries))
    prices = prices_in(fields for entry in entries for fields in (entry.before, entry.after))
    plans = plan_names(place.workspace_id, place.mode, prices)
    invoices = {entry.object_id for entry in entries if entry.object_kind == Kind.INVOICE and entry.is_change}
    currencies = dict(place.all(Invoice).filter(stripe_id__in=invoices).values_list("stripe_id", "currency"))
    connected_at = feed_status(place.workspace_id, place.mode).connected_at
    told = []
    for entry in entries:
        could_come = connected_at is None or entry.happened_at >= connected_at
        words = line(entry, labels.get(entry.customer or "", entry.customer or ""))
        told.append(
            HistoryRow(
                kind=entry.kind,
                title=words.title,
                detail=words.detail or _step(entry),
                tone=words.tone,
                amount=words.amount,
                customer=entry.customer,
                customer_label=words.customer_label,
                object_kind=entry.object_kind,
                object_id=entry.object_id,
                happened_at=entry.happened_at,
                learnt_at=entry.learnt_at,
                late=could_come and entry.learnt_at - entry.happened_at > LATE,
                event_id=entry.event_id,
                is_change=entry.is_change,
                superseded_at=entry.superseded_at,
                moved=moved(entry.before, entry.after, plans, currencies.get(entry.object_id, "")),
            )
        )
    return told


def _step(entry: HistoryEntry) -> str:
    """ "open → paid" for a change of status that has no words of its own."""
    before, after = entry.before or {}, entry.after or {}
    if (
        not entry.is_change
        or entry.object_kind == Kind.SUBSCRIPTION
        or not before.get("status")
        or "status" not in after
    ):
        return ""
    return f"{before['status']} → {after['status']}".replace("_", " ")


def choices(place: Place) -> dict[str, Choices]:
    """The kinds of lines that there are, with their names. One query."""
    found = fetch(_KINDS, {"ws": place.workspace_id, "mode": str(place.mode)})
    return {"kind": sorted(((kind, kind_in_words(kind)) for (kind,) in found), key=lambda choice: choice[1])}


def kind_in_words(kind: str) -> str:
    """ "Invoice: payment failed" for invoice.payment_failed."""
    subject, _, what = kind.replace("_", " ").partition(".")
    return f"{subject.capitalize()}: {what}" if what else subject.capitalize()


HISTORY = Listing(
    name="history",
    title="History",
    form=HistoryForm,
    orders={"happened": Order("happened_at")},
    records=records,
    rows=rows,
    choices=choices,
    columns=(
        Column("happened_at", lambda row: row.happened_at),
        Column("learnt_at", lambda row: row.learnt_at),
        Column("kind", lambda row: row.kind),
        Column("title", lambda row: row.title),
        Column("customer", lambda row: row.customer),
        Column("customer_name", lambda row: row.customer_label),
        Column("object", lambda row: row.object_id),
        Column("currency", lambda row: row.amount.currency if row.amount else None),
        Column("amount", lambda row: row.amount),
        Column("details", lambda row: "; ".join(map(str, row.moved))),
        Column("line", lambda row: "change" if row.is_change else "fact"),
        Column("event", lambda row: row.event_id),
        Column("superseded_at", lambda row: row.superseded_at),
    ),
)
