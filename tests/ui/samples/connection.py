"""The Stripe connection, in each of its states."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django import forms

from . import letters
from .shell import NOW, USER, Page, nav


class StripeForm(forms.Form):
    """The fields of the connection form."""

    publishable_key = forms.CharField(label="Publishable key", help_text="Starts with pk_test_")
    secret_key = forms.CharField(label="Secret or restricted key", help_text="rk_test_ (recommended) or sk_test_")
    webhook_secret = forms.CharField(label="Signing secret", help_text="Starts with whsec_")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for one in self.fields.values():
            one.widget = forms.PasswordInput(render_value=False, attrs={"autocomplete": "off"})


REQUIRED = [
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "invoice.paid",
    "invoice.payment_failed",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "checkout.session.completed",
]


def check(label: str, state: str, detail: str = "", remedy: str = "") -> dict[str, str]:
    return {"name": label.lower(), "label": label, "state": state, "detail": detail, "remedy": remedy}


def panel(mode: str, **changes: Any) -> dict[str, Any]:
    """A panel that is not connected; `changes` replaces keys."""
    return {
        "mode": mode,
        "webhook_url": "https://pq.example.com/webhooks/stripe/" + "k7Qx2mVb9TzR4wYc8LpN" * 2 + "/",
        "required_events": REQUIRED,
        "recommended_events": ["customer.subscription.*", "invoice.*", "payment_intent.*", "customer.*"],
        "key_form_url": "https://dashboard.stripe.com/apikeys/create",
        "form": StripeForm(auto_id=f"{mode}_%s"),
        "stored": dict.fromkeys(("publishable_key", "secret_key", "webhook_secret")),
        "status": "not connected",
        "signing_state": None,
        "signing_detail": "",
        "checks": [],
        "next_step": None,
        "connected_at": None,
        "last_delivery_at": None,
        "refused": [],
        "asked": [],
        "backfill": None,
        "can_edit": True,
        **changes,
    }


def backfill(mode: str, state: str, **changes: Any) -> dict[str, Any]:
    """A backfill in a state, as `_backfill.html` reads it; `changes` replaces keys of its progress."""
    counts = {"Customers": 2_381, "Products": 7, "Prices": 19, "Coupons": 3, "Subscriptions": 2_604, "Invoices": 1_200}
    done = state == "done"
    stages = [
        {
            "label": label,
            "count": count,
            "state": "running" if label == "Invoices" and not done else "done",
            "detail": "",
        }
        for label, count in counts.items()
    ]
    stages[-1]["detail"] = "" if done else "12 of about 40 pages"
    rest = "done" if done else "pending"
    labels = ("Payments", "Checkouts", "Payments of invoices", "Events of the last 30 days")
    stages += [{"label": label, "count": 0, "state": rest, "detail": ""} for label in labels]
    moves = state in ("running", "waiting")
    told = {
        "state": state,
        "moves": moves,
        "stages": stages,
        "now": stages[5] if moves else None,
        "skipped": [],
        "objects": sum(counts.values()),
        "started_at": NOW - timedelta(minutes=4),
        "finished_at": NOW - timedelta(minutes=1) if done else None,
        "waiting_for": "",
        "waits_until": None,
        "failure": "",
        "remedy": "",
        "version": 1,
        **changes,
    }
    return {"mode": mode, "may_start": True, "progress": told}


def connected_panel(mode: str, **changes: Any) -> dict[str, Any]:
    return panel(
        mode,
        **changes,
        status="connected",
        signing_state="proven",
        connected_at=NOW - timedelta(days=3),
        last_delivery_at=NOW - timedelta(seconds=9),
        stored={
            "publishable_key": f"pk_{mode}_…9fQ2",
            "secret_key": f"rk_{mode}_…abcd",
            "webhook_secret": "fingerprint 3f9a 71c0",
        },
        checks=[check(label, "ok") for label in ("Key formats", "One mode", "Key accepted", "Read permissions")]
        + [check("Account", "unknown", "A restricted key does not tell which account it belongs to.")],
    )


def verifying_panel() -> dict[str, Any]:
    """Asks for its next check as soon as it is on the page."""
    checks = [check("Key formats", "ok"), check("Key accepted by Stripe", "running"), check("Worker", "pending")]
    return panel("test", status="draft", signing_state="unproven", checks=checks, next_step="key")


def failing_panel() -> dict[str, Any]:
    form = StripeForm({"publishable_key": "pk_live_x"}, auto_id="test_%s")
    form.add_error("publishable_key", "This is a live key. Test mode needs one that starts with pk_test_.")
    form.add_error(None, "The three values are not all of one mode.")
    return panel(
        "test",
        form=form,
        status="broken",
        signing_state="refused",
        signing_detail="The last delivery was signed with another secret. Copy the one of this endpoint.",
        last_delivery_at=NOW - timedelta(minutes=2),
        refused=[{"reason": "Bad signature", "count": 14, "last_at": NOW - timedelta(minutes=2)}],
        stored={"publishable_key": None, "secret_key": "rk_test_…abcd", "webhook_secret": "fingerprint 3f9a 71c0"},
        checks=[
            check("Key formats", "ok"),
            check("One mode", "ok", "All three are of test mode."),
            check("Key accepted by Stripe", "ok", "Account acct_…4Tz1"),
            check(
                "Read permissions",
                "failed",
                "Missing: invoices, coupons.",
                "Edit the key at Stripe and set both to Read, then verify again.",
            ),
            check(
                "Endpoint at Stripe",
                "warning",
                "invoice.* is not selected.",
                "Without it a voided invoice stays open here.",
            ),
            check("Account", "unknown", "A restricted key does not tell which account it belongs to."),
            check("Test event through the public URL", "running"),
            check("Worker", "pending"),
        ],
    )


def pages() -> Iterator[tuple[str, Page]]:
    """One page a state."""
    yield "stripe", page(panel("test"), panel("live"))
    yield "stripe-connected", page(connected_panel("test"), panel("live", can_edit=False))
    asked = [{"template": "dunning/letters/_asked.html", "question": letters.question(None, held=1, mode="test")}]
    yield "stripe-asked", page(connected_panel("test", asked=asked), panel("live"))
    limited = {"waiting_for": "Stripe asks to slow down (endpoint-rate).", "waits_until": NOW + timedelta(seconds=40)}
    yield (
        "stripe-backfill",
        page(
            connected_panel("test", backfill=backfill("test", "running")),
            connected_panel("live", backfill=backfill("live", "waiting", **limited)),
        ),
    )
    stopped = {
        "failure": "Stripe does not accept the key.",
        "remedy": "Paste a new key below. Then let it go on: it does so where it stopped.",
    }
    missing = "The key lacks a permission: rak_coupon_read. Set it to Read at Stripe, then read again."
    coupons = {"label": "Coupons", "count": 0, "state": "skipped", "detail": missing}
    yield (
        "stripe-backfill-ended",
        page(
            connected_panel("test", backfill=backfill("test", "done", skipped=[coupons])),
            connected_panel("live", backfill=backfill("live", "failed", **stopped)),
        ),
    )
    yield (
        "stripe-backfill-none",
        page(connected_panel("test", backfill={"mode": "test", "may_start": True, "progress": None}), panel("live")),
    )
    yield "stripe-verifying", page(verifying_panel(), panel("live"))
    yield "stripe-failing", page(failing_panel(), panel("live"))


def page(*panels: dict[str, Any]) -> Page:
    return Page("integrations/stripe.html", {"nav": nav(section="integrations"), "panels": panels, "user": USER})
