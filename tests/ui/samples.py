"""Sample contexts for every page, after docs/design.md. Shared by the gallery (to look at) and the tests (to prove)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from django import forms

NOW = datetime.now(UTC)


@dataclass(frozen=True)
class Money:
    """An amount in major units, as the pages see it."""

    amount: Decimal
    currency: str


def usd(amount: str) -> Money:
    return Money(Decimal(amount), "usd")


WORKSPACE = SimpleNamespace(slug="northwind", name="Northwind Analytics", timezone="Europe/Berlin")
OTHERS = [SimpleNamespace(slug="acme", name="Acme Tools"), WORKSPACE]
USER = SimpleNamespace(email="ada@northwind.example", is_authenticated=True, is_staff=True)


def nav(mode: str | None = None, section: str = "", *, may_all: bool = True, **more: Any) -> dict[str, Any]:
    """The shell's context for a page of a workspace."""
    return {
        "workspace": WORKSPACE,
        "mode": mode,
        "link_mode": mode or "live",
        "workspaces": OTHERS,
        "may": dict.fromkeys(("see", "work", "configure", "own"), may_all),
        "section": section,
        "other_mode_url": {"live": "/dashboard-test/", "test": "/dashboard/"}.get(mode or ""),
        "notice": None,
        **more,
    }


def series(start: int, step: int, days: int = 90) -> list[tuple[date, Decimal]]:
    """Daily amounts that grow with a plausible wobble."""
    first = NOW.date() - timedelta(days=days)
    return [(first + timedelta(days=n), Decimal(start + step * n + (n * 37 % 11) * step)) for n in range(days + 1)]


def plan(name: str, interval: str, mrr: Money, subscribers: int, share: str) -> dict[str, Any]:
    return {
        "name": name,
        "interval_label": interval,
        "mrr": mrr,
        "active_subscribers": subscribers,
        "share": Decimal(share),
    }


def row(ago: timedelta, title: str, who: str, amount: Money | None, tone: str, detail: str = "") -> dict[str, Any]:
    return {
        "happened_at": NOW - ago,
        "kind": title.lower().replace(" ", "."),
        "title": title,
        "customer_label": who,
        "detail": detail,
        "amount": amount,
        "event_id": f"evt_{abs(hash((title, who))) % 10**8}",
        "tone": tone,
    }


def history() -> list[dict[str, Any]]:
    eur = Money(Decimal("290"), "eur")
    return [
        row(timedelta(seconds=3), "Subscription started", "Lovelace & Sons", usd("49"), "good", "Pro, monthly"),
        row(timedelta(seconds=48), "Payment failed", "Turing Machines Ltd", usd("199"), "bad", "Card declined: insufficient funds"),
        row(timedelta(minutes=7), "Invoice paid", "Hopper Naval Systems", usd("1188"), "good"),
        row(timedelta(minutes=31), "Plan changed", "Noether Symmetry GmbH", eur, "good", "Pro → Scale, from €49.00"),
        row(timedelta(hours=2), "Trial started", "a.very.long.address.for.a.customer@subdomain.example.com", None, "neutral"),
        row(timedelta(hours=5), "Subscription ended", "Babbage Engines", usd("-49"), "bad", "Cancelled by the customer"),
        row(timedelta(days=1), "Payment succeeded", "Johnson Orbital", usd("49"), "good"),
        row(timedelta(days=9), "Quantity changed", "Curie Labs", usd("120"), "good", "5 → 12 seats"),
    ]


def dashboard(**changes: Any) -> dict[str, Any]:
    """A dashboard in full; `changes` replaces attributes."""
    return {
        "version": 41,
        "as_of": NOW,
        "connected": True,
        "last_event_at": NOW - timedelta(seconds=3),
        "pending": 37,
        "quarantined": 1,
        "active_subscribers_total": 688,
        "currencies": [
            {
                "currency": "usd",
                "mrr": usd("48310.50"),
                "trial_mrr": usd("1274"),
                "active_subscribers": 612,
                "plans": [
                    plan("Pro", "monthly", usd("24108"), 492, "49.9"),
                    plan("Scale", "yearly", usd("16500.50"), 83, "34.2"),
                    plan("Starter with a rather long name for a plan", "monthly", usd("7692"), 36, "15.9"),
                    plan("Legacy", "every 3 months", usd("10"), 1, "0.02"),
                ],
                "mrr_series": series(41200, 71),
            },
            {
                "currency": "jpy",
                "mrr": Money(Decimal("1250000"), "jpy"),
                "trial_mrr": Money(Decimal("0"), "jpy"),
                "active_subscribers": 79,
                "plans": [plan("Pro", "monthly", Money(Decimal("1250000"), "jpy"), 79, "100")],
            },
        ],
        "history": history(),
        **changes,
    }


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
        "can_edit": True,
        **changes,
    }


def connected_panel(mode: str) -> dict[str, Any]:
    return panel(
        mode,
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
            check("Endpoint at Stripe", "warning", "invoice.* is not selected.", "Without it a voided invoice stays open here."),
            check("Account", "unknown", "A restricted key does not tell which account it belongs to."),
            check("Test event through the public URL", "running"),
            check("Worker", "pending"),
        ],
    )


class InviteForm(forms.Form):
    email = forms.EmailField()
    role = forms.ChoiceField(choices=[("viewer", "Viewer"), ("member", "Member"), ("admin", "Admin")])


class WorkspaceForm(forms.Form):
    name = forms.CharField(help_text="Usually the name of your company.", initial="Northwind Analytics")
    timezone = forms.ChoiceField(label="Time zone", choices=[("Europe/Berlin", "Europe/Berlin")])


def member(number: int, name: str, email: str, role: str, **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "name": name,
        "email": email,
        "role": role,
        "role_label": role.title(),
        "joined_at": NOW - timedelta(days=number * 30),
        "is_you": False,
        "can_change_role": True,
        "can_remove": True,
        **more,
    }


def members() -> dict[str, Any]:
    return {
        "members": [
            member(1, "Ada Lovelace", "ada@northwind.example", "owner", is_you=True, can_change_role=False, can_remove=False),
            member(2, "Alan Turing", "alan@northwind.example", "admin"),
            member(3, "", "grace.hopper.with.a.long.address@northwind.example", "viewer"),
        ],
        "role_choices": [("viewer", "Viewer"), ("member", "Member"), ("admin", "Admin"), ("owner", "Owner")],
        "invitations": [invitation(1), invitation(2, email="emmy@northwind.example", expired=True)],
        "invite_form": InviteForm(),
        "seats": {"used": 3, "limit": 10},
    }


def invitation(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "id": number,
        "workspace": WORKSPACE,
        "email": "katherine@northwind.example",
        "role_label": "Member",
        "invited_by": "Ada Lovelace",
        "created_at": NOW - timedelta(days=2),
        "expires_at": NOW + timedelta(days=5),
        "expired": False,
        **changes,
    }


@dataclass(frozen=True)
class Page:
    """A template with what it is given; `status` is what it is served with."""

    template: str
    context: dict[str, Any] = field(default_factory=dict)
    status: int = 200


def pages() -> dict[str, Page]:
    """Every page by a short name: each state that looks different has its own."""
    return dict(_pages())


def _pages() -> Iterator[tuple[str, Page]]:
    live, test = nav("live", "dashboard"), nav("test", "dashboard")
    board, settings = "billing/dashboard.html", "integrations/stripe.html"
    yield "dashboard", Page(board, {"nav": live, "dashboard": dashboard(), "user": USER})
    one = dashboard()["currencies"][:1]
    calm = dashboard(currencies=one, pending=0, quarantined=0)
    yield "dashboard-test", Page(board, {"nav": test, "dashboard": calm, "user": USER})
    empty: dict[str, Any] = {"currencies": [], "history": [], "pending": 0, "quarantined": 0, "last_event_at": None}
    yield "dashboard-unconnected", Page(board, {"nav": live, "dashboard": dashboard(**empty, connected=False), "user": USER})
    yield "dashboard-waiting", Page(board, {"nav": test, "dashboard": dashboard(**empty), "user": USER})
    no_revenue = dashboard(currencies=[], connected=False, pending=0)
    yield "dashboard-no-revenue", Page(board, {"nav": live, "dashboard": no_revenue, "user": USER})
    integrations = nav(section="integrations")
    yield "stripe", Page(settings, {"nav": integrations, "panels": [panel("test"), panel("live")], "user": USER})
    both = [connected_panel("test"), panel("live", can_edit=False)]
    yield "stripe-connected", Page(settings, {"nav": integrations, "panels": both, "user": USER})
    failing = [failing_panel(), panel("live")]
    yield "stripe-failing", Page(settings, {"nav": integrations, "panels": failing, "user": USER})
    yield "members", Page("workspaces/members.html", {"nav": nav(section="members"), **members(), "user": USER})
    alone = {**members(), "invitations": [], "members": members()["members"][:1], "seats": None}
    yield "members-alone", Page("workspaces/members.html", {"nav": nav(section="members"), **alone, "user": USER})
    general = {"nav": nav(section="settings"), "form": WorkspaceForm(), "user": USER}
    trial = {"name": "Growth trial", "trial_ends_at": NOW + timedelta(days=9), "open": False}
    yield "settings", Page("workspaces/settings.html", {**general, "plan": trial})
    notice = {"text": "Your trial ends in 3 days.", "url": "/", "link_label": "Choose a plan"}
    viewer = nav(section="settings", may_all=False, notice=notice)
    yield "settings-viewer", Page("workspaces/settings.html", {**general, "nav": viewer})
    yield "new", Page("workspaces/new.html", {"nav": nav(workspace=None), "form": WorkspaceForm({"name": ""}), "user": USER})
    for state in ("ready", "wrong_account", "signed_out"):
        context = {"invitation": invitation(), "state": state, "login_url": "/", "signup_url": "/", "user": USER}
        yield f"invitation-{state}", Page("workspaces/invitation_accept.html", context)
    yield "invitation-invalid", Page("workspaces/invitation_invalid.html", {"reason": "expired"})
    yield "home", Page("home.html", {"demo": {"email": "demo@pqintel.example", "password": "demo"}})
    for code in ("400", "403", "403_csrf", "404", "500", "503"):
        yield f"error-{code}", Page(f"{code}.html", status=int(code[:3]))
