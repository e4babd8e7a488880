"""Payment intents: what was to be paid, and why the last attempt failed."""

from __future__ import annotations

import re
from typing import Any, Final

from billing.snapshots import UNKNOWN, Fact, Kind, PaymentState, Unknown

from .declines import classify
from .lesson import Lesson
from .part import Part

_INVOICE: Final = re.compile(r"in_(?!.{22}$)\w{1,252}")
"""An order reference that is an invoice's id. 25 characters are an id of 27 that was cut: clover does that."""


def state(payment: Part) -> PaymentState:
    error = payment.part("last_payment_error")
    return PaymentState(
        id=payment.need("id", payment.ref),
        customer=payment.ref("customer"),
        status=payment.need("status", payment.text),
        amount=payment.need("amount", payment.whole),
        currency=payment.need("currency", payment.currency),
        created=payment.need("created", payment.instant),
        amount_received=payment.told("amount_received", payment.whole),
        charge=_charge(payment),
        failure_code=error.text("code") if error else None,
        decline_code=error.text("decline_code") if error else None,
        advice_code=error.text("advice_code") if error else None,
        failure_message=error.text("message") if error else None,
    )


def around(payment: Part, lesson: Lesson) -> None:
    lesson.link(_invoice(payment), payment.need("id", payment.ref))


def succeeded(payment: Part, lesson: Lesson) -> None:
    received = payment.whole("amount_received")
    amount = payment.need("amount", payment.whole) if received is None else received
    _happened("payment.succeeded", payment, lesson, amount, charge=_latest(payment))


def failed(payment: Part, lesson: Lesson) -> None:
    """Keeps the reason, which vanishes from later states. `decline` is what it means (`declines.Decline`)."""
    error = payment.part("last_payment_error") or Part({}, "last_payment_error", payment)
    code, decline_code, advice_code = error.text("code"), error.text("decline_code"), error.text("advice_code")
    _happened(
        "payment.failed",
        payment,
        lesson,
        payment.need("amount", payment.whole),
        charge=error.ref("charge") or _latest(payment),
        code=code,
        decline_code=decline_code,
        advice_code=advice_code,
        message=error.text("message"),
        decline=classify(code, decline_code, advice_code).value,
    )


def _happened(kind: str, payment: Part, lesson: Lesson, amount: int, *, charge: str | None, **detail: Any) -> None:
    lesson.facts.append(
        Fact(
            kind=kind,
            object_kind=Kind.PAYMENT,
            object_id=payment.need("id", payment.ref),
            customer=payment.ref("customer"),
            detail={
                "amount": amount,
                "currency": payment.need("currency", payment.currency),
                "invoice": _invoice(payment),
                "charge": charge,
                **detail,
            },
        )
    )


def _charge(payment: Part) -> str | None | Unknown:
    """The last attempt: the newest of `charges` until 2022-08, `latest_charge` since."""
    if "latest_charge" in payment.fields:
        return payment.ref("latest_charge")
    if "charges" not in payment.fields:
        return UNKNOWN
    charges = payment.parts("charges")
    return charges[0].ref("id") if charges else None


def _latest(payment: Part) -> str | None:
    charge = _charge(payment)
    return None if isinstance(charge, Unknown) else charge


def _invoice(payment: Part) -> str | None:
    """Named until 2025-02; since then only where Billing left its order reference, and only where that is whole."""
    if (named := payment.ref("invoice")) is not None:
        return named
    details = payment.part("payment_details")
    reference = details.text("order_reference") if details else None
    return reference if reference and _INVOICE.fullmatch(reference) else None
