"""Lists of customers, subscriptions, invoices, payments and lines of history; and the pages of single ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from django.http import QueryDict

from billing import statuses
from billing.lists import forms
from billing.money import Money
from billing.statuses import status_of

from .billing import series, usd
from .shell import NOW, USER, Page, nav

READ = "pqread_0123456789abcdef0123456789abcdef"
LONG = "The Very Long Name of a Company for Analytical Engines and Other Calculating Machinery Incorporated"
FORMS = {
    "customers": forms.CustomerForm,
    "subscriptions": forms.SubscriptionForm,
    "invoices": forms.InvoiceForm,
    "payments": forms.PaymentForm,
    "history": forms.HistoryForm,
}


def row(**values: Any) -> SimpleNamespace:
    return SimpleNamespace(**values)


def customers() -> list[SimpleNamespace]:
    def one(label: str, email: str | None, mrr: Sequence[Money], **more: Any) -> SimpleNamespace:
        plain = {"country": "GB", "created": NOW - timedelta(days=40), "trial_mrr": (), "delinquent": False}
        return row(
            stripe_id="cus_1", label=label, email=email, mrr=mrr, **{**plain, "deleted": False, "known": True, **more}
        )

    return [
        one("Ada Lovelace", "ada@engines.example", (usd("49"), Money(29000, "eur"))),
        one(LONG, "a.very.long.address.for.a.customer@subdomain.example.com", (usd("12500.50"),), delinquent=True),
        one("In Trial Ltd", "try@example.com", (), trial_mrr=(usd("99"),)),
        one("gone@example.com", "gone@example.com", (), deleted=True, country=None),
        one("cus_QxYz12345678", None, (), known=False, created=None, country=None),
    ]


def subscriptions() -> list[SimpleNamespace]:
    def one(status: str, mrr: Sequence[Money], **more: Any) -> SimpleNamespace:
        plain = {
            "stripe_id": "sub_1QxYz12345678901234567890",
            "customer": "cus_1",
            "customer_label": "Ada Lovelace",
            "plans": ("Scale, yearly × 12",),
            "trial_mrr": (),
            "created": NOW - timedelta(days=400),
            "current_period_end": NOW + timedelta(days=12),
            "ends_at": None,
            "ended_at": None,
            "collection_paused": False,
            "certain": True,
        }
        return row(status_name=status, status=status_of(statuses.SUBSCRIPTION, status), mrr=mrr, **{**plain, **more})

    return [
        one("active", (usd("49"),), plans=("Pro, monthly", "Extra seats, monthly × 3")),
        one("past_due", (usd("16500.50"),), customer_label=LONG, certain=False, ends_at=NOW + timedelta(days=3)),
        one("trialing", (), trial_mrr=(usd("99"),)),
        one("canceled", (), ended_at=NOW - timedelta(days=3)),
        one("active", (), collection_paused=True, plans=()),
    ]


def invoices() -> list[SimpleNamespace]:
    def one(status: str, due: Money, paid: Money, **more: Any) -> SimpleNamespace:
        plain = {
            "stripe_id": "in_1",
            "label": "YO6A2VE0-0006",
            "customer": "cus_1",
            "customer_label": "Ada Lovelace",
            "attempt_count": 1,
            "created": NOW - timedelta(days=5),
            "certain": True,
        }
        words = status_of(statuses.INVOICE, status)
        return row(status_name=status, status=words, due=due, paid=paid, remaining=due, **{**plain, **more})

    return [
        one("paid", usd("49"), usd("49")),
        one("open", usd("16500.50"), usd("0"), attempt_count=3, customer_label=LONG, certain=False),
        one("draft", Money(5000, "jpy"), Money(0, "jpy"), label="in_1QxYz12345678901234567890", attempt_count=0),
        one("void", usd("49"), usd("0"), customer=None, customer_label=""),
        one("uncollectible", Money(3500, "kwd"), Money(0, "kwd")),
    ]


def payments() -> list[SimpleNamespace]:
    def one(status: str, amount: Money, **more: Any) -> SimpleNamespace:
        plain = {
            "stripe_id": "pi_1",
            "customer": "cus_1",
            "customer_label": "Ada Lovelace",
            "received": amount,
            "reason": "",
            "created": NOW - timedelta(hours=5),
            "charge": "ch_1QxYz12345678901234567890",
            "invoices": (("in_1", "YO6A2VE0-0006"),),
            "certain": True,
        }
        words = status_of(statuses.PAYMENT, status)
        return row(status_name=status, status=words, amount=amount, **{**plain, **more})

    return [
        one("succeeded", usd("49")),
        one("requires_payment_method", usd("16500.50"), reason="insufficient funds", customer_label=LONG),
        one("requires_action", Money(29000, "eur"), invoices=(), customer=None, customer_label=""),
    ]


def history() -> list[SimpleNamespace]:
    def field(label: str, before: str | None, after: str) -> SimpleNamespace:
        return row(name=label, label=label, before=before, after=after)

    def one(title: str, tone: str, amount: Money | None = None, **more: Any) -> SimpleNamespace:
        plain = {
            "kind": "subscription.changed",
            "detail": "",
            "customer": "cus_1",
            "customer_label": "Ada Lovelace",
            "object_kind": "subscription",
            "object_id": "sub_1QxYz12345678901234567890",
            "happened_at": NOW - timedelta(hours=5),
            "learnt_at": NOW - timedelta(hours=5),
            "late": False,
            "event_id": "evt_1QxYz12345678901234567890",
            "is_change": True,
            "superseded_at": None,
            "moved": (),
        }
        return row(title=title, tone=tone, amount=amount, **{**plain, **more})

    return [
        one("Quantity changed", "good", detail="6 → 8", moved=(field("Items", "Pro × 6", "Pro × 8"),)),
        one("Payment failed", "bad", usd("16500.50"), customer_label=LONG, moved=(field("Attempts", None, "3"),)),
        one(
            "Plan changed", "neutral", superseded_at=NOW, late=True, event_id="pqread_0123456789abcdef0123456789abcdef"
        ),
        one("Checkout completed", "good", usd("49"), object_kind="checkout", object_id="cs_test_1", customer=None),
    ]


ROWS = {
    "customers": customers,
    "subscriptions": subscriptions,
    "invoices": invoices,
    "payments": payments,
    "history": history,
}


def listing(name: str, query: str = "", **changes: Any) -> dict[str, Any]:
    """The context of a list; `changes` replaces attributes."""
    form = FORMS[name](QueryDict(query))
    wanted = form.filter()
    form.offer(**({"currency": [("eur", "EUR"), ("usd", "USD")]} if "currency" in form.fields else {}))
    return {
        "name": name,
        "title": name.capitalize(),
        "form": form,
        "wanted": wanted,
        "rows": ROWS[name](),
        "notices": tuple(f"{label} is left out. {why}" for label, why in forms.refused(form)),
        "sorts": {
            "created": {"url": "?sort=created", "direction": "descending"},
            "amount": {"url": "?sort=-amount", "direction": ""},
        },
        "customer_label": "Ada Lovelace",
        "next_url": "?after=1",
        "previous_url": None,
        "first_url": None,
        "all_customers_url": "?",
        "export_query": "?",
        "narrowed": wanted.narrows,
        **changes,
    }


def versions() -> dict[str, Any]:
    def one(**more: Any) -> SimpleNamespace:
        plain = {
            "at": NOW - timedelta(days=1),
            "event_id": "evt_1QxYz12345678901234567890",
            "read": False,
            "chosen": True,
            "sure": True,
            "learnt_at": NOW - timedelta(days=1),
            "moved": (row(label="Status", before="active", after="past due"),),
        }
        return row(**{**plain, **more})

    return {
        "rows": [
            one(),
            one(chosen=False, moved=()),
            one(sure=False, moved=()),
            one(read=True, event_id=READ, moved=(row(label="Status", before=None, after="active"),)),
        ],
        "next_url": "?after=1",
        "previous_url": "?before=1",
        "first_url": "?",
    }


def some(name: str, *, more: bool = False) -> dict[str, Any]:
    return {"rows": ROWS[name](), "more": more}


def access(tier: str | None, **changes: Any) -> dict[str, Any]:
    """The card of what a customer may use."""
    answer = {
        "tier": tier,
        "tier_name": tier,
        "reason": "active",
        "overridden": tier is not None,
        "unmapped": () if tier else ("price_1QxYz12345678901234567890",),
        "since": NOW - timedelta(days=40) if tier else None,
        "until": NOW + timedelta(days=4) if tier else None,
    }
    return {
        "answer": answer,
        "reason": "By a subscription that is paid.",
        "seats": "20",
        "features": [("API access", "Yes"), ("Projects", "50"), ("Single sign on", "No")],
        "event": "evt_1QxYz12345678901234567890" if tier else "",
        "rule": "" if tier else "a plan was changed (growth)",
        **changes,
    }


def failures() -> dict[str, Any]:
    def one(**more: Any) -> dict[str, Any]:
        plain = {
            "happened_at": NOW - timedelta(days=3),
            "amount": usd("49"),
            "reason": "insufficient funds",
            "meaning": "May succeed later",
            "attempt": 2,
            "invoice": "in_1",
            "invoice_label": "YO6A2VE0-0006",
            "payment": "pi_1",
        }
        return {**plain, **more}

    return {
        "rows": [one(), one(invoice=None, reason="", meaning="", payment="pi_1QxYz12345678901234567890")],
        "more": True,
    }


def customer(**changes: Any) -> dict[str, Any]:
    """A customer's page in full."""
    return {
        "record": {
            "stripe_id": "cus_QxYz12345678",
            "name": LONG,
            "email": "a.very.long.address.for.a.customer@subdomain.example.com",
            "country": "GB",
            "currency": "usd",
            "created": NOW - timedelta(days=400),
            "delinquent": True,
            "sure": False,
        },
        "row": customers()[1],
        "access": access("Growth"),
        "failures": failures(),
        "courses": [
            {"mrr": usd("12500.50"), "series": series(900, 31)},
            {"mrr": Money(29000, "eur"), "series": []},
        ],
        **{name: some(name, more=True) for name in ("subscriptions", "invoices", "payments", "history")},
        "versions": versions(),
        **changes,
    }


def stranger() -> dict[str, Any]:
    """Somebody of whom only the id is known."""
    none: dict[str, Any] = {"rows": [], "more": False}
    return customer(
        record={"stripe_id": "cus_QxYz12345678", "sure": True, "delinquent": None},
        row=customers()[4],
        access=access(None),
        failures={"rows": [], "more": False},
        courses=[],
        **dict.fromkeys(("subscriptions", "invoices", "payments", "history"), none),
        versions={"rows": []},
    )


def subscription() -> dict[str, Any]:
    pro = {"plan": "Pro, monthly", "price": "price_1QxYz12345678901234567890", "note": ""}
    span = {
        "plan": "Pro, monthly",
        "item": "si_1",
        "monthly": usd("49"),
        "trial": False,
        "involuntary": False,
        "starts": NOW - timedelta(days=90),
        "ends": None,
        "runs": True,
    }
    day = timedelta(days=1)
    return {
        "record": {
            "stripe_id": "sub_1QxYz12345678901234567890",
            "sure": False,
            "created": NOW - 90 * day,
            "current_period_start": NOW - 18 * day,
            "current_period_end": NOW + 12 * day,
            "trial_start": NOW - 90 * day,
            "trial_end": NOW - 76 * day,
            "canceled_at": NOW - day,
            "pause_behavior": None,
            "get_payment_status_display": "Payment failing",
            "failed_attempts": 2,
            "last_paid_at": NOW - 40 * day,
            "collection_method": "charge_automatically",
        },
        "row": subscriptions()[1],
        "items": [
            {**pro, "quantity": 12, "unit_price": usd("49")},
            {
                **pro,
                "plan": "API calls",
                "quantity": None,
                "unit_price": None,
                "note": "Metered: usage is no part of MRR.",
            },
        ],
        "discounts": [{"name": "Friends", "terms": "20% off, for 3 months", "of_item": True, "ends": NOW + 30 * day}],
        "awaiting": ["price price_2", "discount di_1"],
        "spans": [
            span,
            {**span, "runs": False, "involuntary": True, "ends": NOW - 5 * day},
            {**span, "runs": False, "trial": True, "ends": NOW - 76 * day},
        ],
        "invoices": some("invoices"),
        "history": some("history", more=True),
        "versions": versions(),
    }


def invoice() -> dict[str, Any]:
    amounts = [("Subtotal", usd("41")), ("Tax", usd("8")), ("Total", usd("49")), ("Amount due", usd("49"))]
    return {
        "record": {
            "stripe_id": "in_1QxYz12345678901234567890",
            "sure": True,
            "subscription": "sub_1",
            "attempt_count": 3,
            "next_payment_attempt": NOW + timedelta(days=2),
            "created": NOW - timedelta(days=5),
            "finalized_at": NOW - timedelta(days=5),
            "due_date": NOW - timedelta(days=1),
            "period_start": NOW - timedelta(days=5),
            "period_end": NOW + timedelta(days=25),
        },
        "row": invoices()[1],
        "amounts": [*amounts, ("Paid", usd("0")), ("Remaining", usd("49"))],
        "hosted_url": "https://invoice.stripe.com/i/acct_1/test_1",
        "payments": payments(),
        "history": some("history"),
        "versions": versions(),
    }


def payment() -> dict[str, Any]:
    return {
        "record": {
            "stripe_id": "pi_1QxYz12345678901234567890",
            "sure": True,
            "created": NOW - timedelta(hours=5),
            "failure_message": "Your card has insufficient funds.",
        },
        "advice": "try again later",
        "row": payments()[1],
        "invoices": invoices()[:1],
        "history": some("history"),
        "versions": versions(),
    }


def pages() -> Iterator[tuple[str, Page]]:
    """One page a state."""
    for name in FORMS:
        yield name, listed("live", listing(name))
    yield "customers-test", listed("test", listing("customers", previous_url="?before=1", first_url="?"))
    yield "customers-empty", listed("test", listing("customers", rows=[], next_url=None))
    yield "invoices-nothing", listed("live", listing("invoices", "q=nobody&customer=cus_1", rows=[], next_url=None))
    yield "invoices-wrong", listed("live", listing("invoices", "least=many&since=2026-99-99&currency=dollars&most=5"))
    yield "history-beyond", listed("live", listing("history", rows=[], next_url=None, first_url="?"))
    yield "customer", one("live", "customer", customer())
    yield "customer-stranger", one("test", "customer", stranger())
    yield "subscription", one("live", "subscription", subscription())
    yield "invoice", one("test", "invoice", invoice())
    yield "payment", one("live", "payment", payment())


def listed(mode: str, shown: dict[str, Any]) -> Page:
    context = {"nav": nav(mode, shown["name"]), "list": shown, "user": USER}
    return Page(f"billing/lists/{shown['name']}.html", context)


def one(mode: str, name: str, page: dict[str, Any]) -> Page:
    return Page(f"billing/objects/{name}.html", {"nav": nav(mode, f"{name}s"), "page": page, "user": USER})
