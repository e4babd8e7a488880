"""Invoices: what they say of themselves, which subscription they are for, and which payment pays them."""

from __future__ import annotations

from typing import Any

from billing.snapshots import UNKNOWN, Fact, InvoiceState, Kind, Unknown

from .lesson import Lesson
from .part import Part


def state(invoice: Part) -> InvoiceState:
    lines = invoice.parts("lines")
    moments = invoice.part("status_transitions") or Part({}, "status_transitions", invoice)
    start, end = _service_period(lines)
    return InvoiceState(
        id=invoice.need("id", invoice.ref),
        customer=invoice.ref("customer"),
        subscription=_subscription(invoice, lines),
        status=_status(invoice),
        currency=invoice.need("currency", invoice.currency),
        created=invoice.need("created", invoice.instant),
        number=invoice.text("number"),
        subtotal=invoice.told("subtotal", invoice.whole),
        total=invoice.told("total", invoice.whole),
        tax=_tax(invoice),
        amount_due=invoice.whole("amount_due") or 0,
        amount_paid=invoice.whole("amount_paid") or 0,
        amount_remaining=invoice.whole("amount_remaining") or 0,
        attempt_count=invoice.count("attempt_count") or 0,
        attempted=invoice.flag("attempted") is True,
        next_payment_attempt=invoice.instant("next_payment_attempt"),
        billing_reason=invoice.text("billing_reason"),
        collection_method=invoice.told("collection_method", invoice.text),
        due_date=invoice.instant("due_date"),
        period_start=start,
        period_end=end,
        finalized_at=moments.instant("finalized_at"),
        paid_at=moments.instant("paid_at"),
        voided_at=moments.instant("voided_at"),
        marked_uncollectible_at=moments.instant("marked_uncollectible_at"),
        hosted_invoice_url=invoice.told("hosted_invoice_url", invoice.text),
    )


def around(invoice: Part, lesson: Lesson) -> None:
    """The payments that an older shape names (`payment_intent`) or an expanded one lists (`payments`)."""
    identity = invoice.need("id", invoice.ref)
    lesson.link(identity, invoice.ref("payment_intent"))
    for payment in invoice.parts("payments"):
        _link(identity, payment, lesson)


def payment_link(invoice_payment: Part, lesson: Lesson) -> None:
    """An `invoice_payment`: the object that links the two since 2025-03-31."""
    _link(invoice_payment.need("invoice", invoice_payment.ref), invoice_payment, lesson)


def paid(invoice: Part, lesson: Lesson) -> None:
    _happened("invoice.paid", invoice, lesson, amount=invoice.whole("amount_paid") or 0, paid_at=_paid_at(invoice))


def payment_failed(invoice: Part, lesson: Lesson) -> None:
    """The reason is not on the invoice: it comes with the payment's own event. Older shapes name the charge of both."""
    _happened(
        "invoice.payment_failed",
        invoice,
        lesson,
        amount=_outstanding(invoice),
        payment=invoice.ref("payment_intent"),
        charge=invoice.ref("charge"),
        next_payment_attempt=invoice.instant("next_payment_attempt"),
        collection_method=invoice.text("collection_method"),
        due_date=invoice.instant("due_date"),
        hosted_invoice_url=invoice.text("hosted_invoice_url"),
    )


def action_required(invoice: Part, lesson: Lesson) -> None:
    """The customer must confirm the payment (3-D Secure)."""
    _happened(
        "invoice.payment_action_required",
        invoice,
        lesson,
        amount=_outstanding(invoice),
        hosted_invoice_url=invoice.text("hosted_invoice_url"),
    )


def _outstanding(invoice: Part) -> int:
    remaining = invoice.whole("amount_remaining")
    return (invoice.whole("amount_due") or 0) if remaining is None else remaining


def _happened(kind: str, invoice: Part, lesson: Lesson, *, amount: int, **detail: Any) -> None:
    identity = invoice.need("id", invoice.ref)
    lesson.facts.append(
        Fact(
            kind=kind,
            object_kind=Kind.INVOICE,
            object_id=identity,
            customer=invoice.ref("customer"),
            detail={
                "amount": amount,
                "currency": invoice.need("currency", invoice.currency),
                "subscription": _subscription(invoice, invoice.parts("lines")),
                "number": invoice.text("number"),
                "attempt_count": invoice.count("attempt_count") or 0,
                "billing_reason": invoice.text("billing_reason"),
                **detail,
            },
        )
    )
    if amount and "payment_intent" not in invoice.fields and "payments" not in invoice.fields:
        lesson.want("invoice_payments", identity)


def _link(invoice: str, holder: Part, lesson: Lesson) -> None:
    payment = holder.part("payment")
    if payment is not None:
        lesson.link(invoice, payment.ref("payment_intent"))


def _status(invoice: Part) -> str | None:
    """`deleted` is our word for a draft that was thrown away; older shapes without a status say only `paid`."""
    if invoice.flag("deleted"):
        return "deleted"
    return invoice.text("status") or ("paid" if invoice.flag("paid") else None)


def _subscription(invoice: Part, lines: list[Part]) -> str | None:
    """On the invoice until 2025-02, in its parent since; the lines name it in both. None: not for a subscription."""
    if (named := invoice.ref("subscription")) is not None:
        return named
    if (named := _ref_below(invoice, "parent", "subscription_details")) is not None:
        return named
    for line in lines:
        named = line.ref("subscription") or _ref_below(line, "parent", "subscription_item_details")
        if named is not None:
            return named
    return None


def _ref_below(part: Part, *keys: str) -> str | None:
    inner: Part | None = part
    for key in keys:
        inner = inner.part(key) if inner else None
    return inner.ref("subscription") if inner else None


def _service_period(lines: list[Part]) -> tuple[int | None, int | None]:
    """From the earliest start to the latest end of the lines, without prorations where there are others.

    The invoice's own `period_*` is when its items were gathered, not what is paid for.
    """
    regular = [line for line in lines if not _proration(line)]
    periods = [period for line in regular or lines if (period := line.part("period")) is not None]
    starts = [start for period in periods if (start := period.instant("start")) is not None]
    ends = [end for period in periods if (end := period.instant("end")) is not None]
    return min(starts, default=None), max(ends, default=None)


def _proration(line: Part) -> bool:
    if "proration" in line.fields:
        return line.flag("proration") is True
    parent = line.part("parent")
    if parent is None:
        return False
    details = parent.part("subscription_item_details") or parent.part("invoice_item_details")
    return details is not None and details.flag("proration") is True


def _tax(invoice: Part) -> int | None | Unknown:
    """All tax of the invoice, exclusive and inclusive; 0 where the shape says that there is none."""
    for key in ("total_taxes", "total_tax_amounts"):
        if key in invoice.fields:
            return sum(tax.whole("amount") or 0 for tax in invoice.parts(key))
    return (invoice.whole("tax") or 0) if "tax" in invoice.fields else UNKNOWN


def _paid_at(invoice: Part) -> int | None:
    moments = invoice.part("status_transitions")
    return moments.instant("paid_at") if moments else None
