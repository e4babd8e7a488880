"""Questions that only Stripe's API answers, asked outside any lane; each answer comes back through the inbox."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F

from billing.actions import Outcome
from billing.models import Customer, PaymentLink
from integrations.models import Connection, Read

from .client import Answer, NotFound, ReadFailed, StripeReader
from .intake import EVENT_PREFIX, put, read_event
from .kinds import Kind
from .whole import complete

__all__ = ["EVENT_PREFIX", "answer_due", "ask", "look"]

READS_SETTLE: Final = timedelta(seconds=60)
"""How long an object that could not be ordered is left alone: Stripe's own reads lag behind its events."""
ASK_AGAIN: Final = timedelta(days=1)
"""How long terms that an answer did not bring (a discount that is gone, say) are not asked for again."""
EVENTS_ANSWER: Final = {"customer": timedelta(seconds=5), "invoice_payments": timedelta(seconds=30)}
"""How long a question is left to the events that answer most of its kind."""
BATCH: Final = 50
MOST_TRIES: Final = 8

_ASK = """
INSERT INTO integrations_read (workspace_id, connection_id, what, object_id, due_at, tries)
SELECT %s, %s, r.what, r.object_id, r.due_at, 0
FROM jsonb_to_recordset(%s::jsonb) AS r(what text, object_id text, due_at timestamptz)
WHERE r.what IN ('subscription', 'invoice', 'payment', 'checkout', 'invoice_payments') OR NOT EXISTS (
    SELECT FROM integrations_read old
    WHERE old.workspace_id = %s AND old.connection_id = %s AND old.what = r.what AND old.object_id = r.object_id
      AND old.done_at > %s
)
ON CONFLICT DO NOTHING
RETURNING what
"""
# What to read for a wish of `Outcome`, and with which parts expanded.
_EXPAND: Final[dict[str, tuple[Kind, tuple[str, ...]]]] = {
    "price": (Kind.PRICE, ("tiers", "currency_options.tiers")),
    "subscription": (Kind.SUBSCRIPTION, ("discounts.source.coupon", "items.data.price.tiers", "items.data.discounts")),
    "customer": (Kind.CUSTOMER, ("discount.source.coupon",)),
    "coupon": (Kind.COUPON, ()),
    "product": (Kind.PRODUCT, ()),
    "invoice": (Kind.INVOICE, ()),
    "payment": (Kind.PAYMENT_INTENT, ()),
    "checkout": (Kind.CHECKOUT_SESSION, ()),
}


def ask(workspace_id: int, connection_id: UUID, outcome: Outcome, now: datetime) -> bool:
    """Queue a batch's open questions, inside its transaction; whether any is due at once.

    A question that is open already stays one. Some wait a moment: the event that answers them is often on its way.
    """
    rows = [_row(what, i, now + EVENTS_ANSWER.get(what, timedelta())) for what, i in sorted(outcome.wanted)]
    rows += [_row(what, i, now + READS_SETTLE) for what, i in sorted(outcome.unsure)]
    if rows:
        with connection.cursor() as cursor:
            place = (workspace_id, connection_id)
            cursor.execute(_ASK, (*place, json.dumps(rows), *place, now - ASK_AGAIN))
            asked = {row[0] for row in cursor.fetchall()}
    else:
        asked = set()
    return any(what in asked and what not in EVENTS_ANSWER for what, _ in outcome.wanted)


def _row(what: str, object_id: str, due_at: datetime) -> dict[str, str]:
    return {"what": what, "object_id": object_id, "due_at": due_at.isoformat()}


def answer_due(stripe: Connection) -> tuple[int, bool]:
    """Read what is due for one connection and put the answers into its inbox. Runs in its scope, without a transaction.

    Returns:
        How many answers were stored (ring the lane if any), and whether more is due already.

    A connection without a usable key keeps its questions: they are asked again, ever more slowly, up to 8 times.
    """
    with transaction.atomic():
        due = list(
            Read.objects.filter(
                workspace_id=stripe.workspace_id, connection=stripe, done_at=None, due_at__lte=_now()
            ).order_by("due_at", "pk")[:BATCH]
        )
        met = _met(stripe, due)
        key = stripe.secret_key
    _close([question for question in due if question.object_id in met])
    due = [question for question in due if question.object_id not in met]
    if not due:
        return 0, bool(met)
    if key is None:
        _put_off(due, "No secret key is connected.")
        return 0, False
    with StripeReader(key) as reader:
        answers = sum(_answer(stripe, reader, question) for question in due)
    return answers, len(due) + len(met) == BATCH


def _met(stripe: Connection, questions: list[Read]) -> set[str]:
    """The ids whose question events have answered meanwhile: customers introduced, invoices linked to a payment."""
    place = {"workspace_id": stripe.workspace_id, "mode": stripe.mode}
    met: set[str] = set()
    if customers := [question.object_id for question in questions if question.what == "customer"]:
        known = Customer.objects.filter(**place, stripe_id__in=customers, position__gte=0, sure=True)
        met.update(known.values_list("stripe_id", flat=True))
    if invoices := [question.object_id for question in questions if question.what == "invoice_payments"]:
        met.update(PaymentLink.objects.filter(**place, invoice__in=invoices).values_list("invoice", flat=True))
    return met


def _answer(stripe: Connection, reader: StripeReader, question: Read) -> bool:
    try:
        found = look(reader, question.what, question.object_id)
    except NotFound:
        _close([question], "Stripe does not know it (any more).")
        return False
    except ReadFailed as error:
        _put_off([question], str(error))
        return False
    with transaction.atomic():
        put(stripe, [read_event(stripe.mode, found.json, found.asked_at)])
        Read.objects.filter(workspace_id=stripe.workspace_id, pk=question.pk).update(done_at=_now(), failure=None)
    return True


def look(reader: StripeReader, what: str, object_id: str) -> Answer:
    """Ask for an object of a kind of ours (`invoice`, `price`, …) or a wish of `Outcome`, whole. Raises ReadFailed."""
    if what == "invoice_payments":
        return reader.ask(Kind.INVOICE_PAYMENT.path, invoice=object_id, limit=100)
    if what.startswith("discount:"):
        what = "customer" if object_id.startswith("cus_") else "subscription"
    kind, expand = _EXPAND[what]
    found = reader.ask(f"{kind.path}/{quote(object_id, safe='')}", expand=list(expand))
    complete(reader, [found.json])
    return found


def _put_off(questions: list[Read], failure: str) -> None:
    with transaction.atomic():
        for question in questions:
            wait = timedelta(seconds=min(30 * 2**question.tries, 3600))
            given_up = _now() if question.tries + 1 >= MOST_TRIES else None
            Read.objects.filter(workspace_id=question.workspace_id, pk=question.pk).update(
                tries=F("tries") + 1, due_at=_now() + wait, failure=failure, done_at=given_up
            )


def _close(questions: list[Read], failure: str | None = None) -> None:
    if questions:
        with transaction.atomic():
            Read.objects.filter(
                workspace_id=questions[0].workspace_id, pk__in=[question.pk for question in questions]
            ).update(done_at=_now(), failure=failure)


def _now() -> datetime:
    return datetime.now(UTC)
