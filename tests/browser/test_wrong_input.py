"""What is wrong shows at once, each with its own words; nothing is saved half, and no secret comes back."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from playwright.sync_api import Locator, Page

from integrations.models import Connection, ConnectionStatus
from integrations.stripe.connections import FIELDS
from pqintel.simulator.delivery import Conditions
from pqintel.simulator.server.endpoints import REQUIRED_EVENTS
from pqintel.simulator.server.keys import USUAL_PERMISSIONS
from pqintel.simulator.testing import Simulation

from .accounts import deliver, sell
from .connecting import LABELS, Panel
from .people import Person, Team, pasted
from .stage import Stage
from .visitor import Visitor, expect

SIGNING_SECRET = "whsec" + "_" + "w" * 32
FAILURES = "payment_intent.payment_failed"
WITHOUT_FAILURES = f"{FAILURES}: failed payments have no reason, and there are no alerts about them"
ONCE = Conditions(attempts=1)
NEEDED = {
    "publishable_key": "Needed: it begins pk_test_…",
    "secret_key": "Needed: it begins rk_test_… or sk_test_…",
    "webhook_secret": "Needed: it begins whsec_…",
}
OTHER_MODE = (
    "This is a {wrong} mode key, and this is the {right} mode connection. "
    "Paste the {right} mode key here; the {wrong} mode key belongs to the other one."
)


def key(kind: str, mode: str = "test") -> str:
    """A key of the right form that no account knows."""
    return "_".join((kind, mode, "q" * 24))


WRONG_FORMS = {
    "nothing": ({}, NEEDED),
    "words": (
        {"publishable_key": "our key", "secret_key": "the other", "webhook_secret": "swordfish"},
        {
            "publishable_key": "There is a space or a line break in it: copy it again, in one piece.",
            "secret_key": "There is a space or a line break in it: copy it again, in one piece.",
            "webhook_secret": "This is not a key of Stripe. It begins whsec_…",
        },
    ),
    "each in the wrong field": (
        {"publishable_key": key("sk"), "secret_key": SIGNING_SECRET, "webhook_secret": key("pk")},
        {
            "publishable_key": "This is a secret key. What belongs here begins pk_test_…",
            "secret_key": "This is a signing secret. What belongs here begins rk_test_… or sk_test_…",
            "webhook_secret": "This is a publishable key. What belongs here begins whsec_…",
        },
    ),
    "cut off": (
        {"publishable_key": key("pk")[:12], "secret_key": key("rk"), "webhook_secret": SIGNING_SECRET},
        {"publishable_key": "This is not a complete key: copy all of it. It begins pk_test_…"},
    ),
    "masked": (
        {"publishable_key": key("pk"), "secret_key": "sk_test_•••••abcd", "webhook_secret": SIGNING_SECRET},
        {"secret_key": "This is a masked key: reveal it at Stripe, then copy it."},
    ),
    "both live": (
        {"publishable_key": key("pk", "live"), "secret_key": key("rk", "live"), "webhook_secret": SIGNING_SECRET},
        {name: OTHER_MODE.format(wrong="live", right="test") for name in ("publishable_key", "secret_key")},
    ),
    "one live, one test": (
        {"publishable_key": key("pk", "live"), "secret_key": key("sk"), "webhook_secret": SIGNING_SECRET},
        {"publishable_key": OTHER_MODE.format(wrong="live", right="test")},
    ),
}


def working_values(connection: Connection) -> dict[str, object]:
    """The working credentials, opened."""
    return {name: getattr(connection, name) for name in FIELDS}


def silent(page: Page, *values: str) -> None:
    """The server has sent none of the values: the source does not hold what stands in a field because it was typed."""
    source = page.content()
    assert [value for value in values if value in source] == []


def reload_until(page: Page, sign: Locator) -> None:
    """Reload until something is there: the page of settings does not move by itself."""
    end = time.monotonic() + 60
    while not sign.is_visible():
        assert time.monotonic() < end, f"it does not come: {sign}"
        page.reload()


def test_forms_and_modes_of_keys(visit: Callable[..., Visitor], team: Team, owner: Person) -> None:
    page = visit(owner).page
    page.goto(owner.page())
    panel = Panel(page)
    for values, problems in WRONG_FORMS.values():
        panel.save(**values)
        for name in LABELS:
            expect(panel.error(name)).to_have_text([problems[name]] if name in problems else [])
            expect(panel.field(name)).to_have_value("" if name in problems else values[name])
        wrong = panel.section.locator("[aria-invalid=true]")
        expect(wrong).to_have_count(len(problems))
        assert [field.get_attribute("name") for field in wrong.all()] == [name for name in LABELS if name in problems]
        expect(wrong.first).to_be_focused()
        expect(panel.status).to_have_text("Not connected")
        expect(panel.section.locator(".check")).to_have_count(0)
        silent(page, *values.values())
    page.reload()
    expect(panel.section.get_by_text("Stored:")).to_have_count(0)
    stored = team.stored(owner)
    assert stored.status == ConnectionStatus.NEW
    assert {name for name, value in vars(stored).items() if value and name.endswith(("_key", "_secret"))} == set()


def test_a_key_that_stripe_refuses(visit: Callable[..., Visitor], owner: Person, stripe: Simulation) -> None:
    page = visit(owner).page
    page.goto(owner.page())
    panel = Panel(page)
    stripe.register(panel.webhook_url())
    stripe.keys.revoke(stripe.restricted_key)
    for refused in (key("rk"), stripe.restricted_key):
        panel.save(**pasted(stripe, secret_key=refused))
        panel.says(
            "Key accepted by Stripe",
            "Failed",
            "Stripe does not accept the secret or restricted key: it is wrong, expired or deleted.",
            "Copy the key again at Stripe, Developers › API keys, or make a new one, and save it here.",
        )
        panel.says("Read permissions", "Cannot be known", "Not asked, because Stripe did not accept the key.")
        panel.says("Webhook endpoint at Stripe", "Cannot be known", "Not asked, because Stripe did not accept the key.")
        expect(panel.status).to_have_text("Draft")
        silent(page, refused)
    panel.save(secret_key=stripe.secret_key)
    panel.says(
        "Key accepted by Stripe",
        "Warning",
        "Accepted. It is a secret key: it could change and charge anything in your account. PQ Intel only reads.",
        "Better is a restricted key (rk_…), which can read and nothing else: the pre-filled form makes one.",
    )
    expect(panel.status).to_have_text("Connected")


def test_a_key_that_lacks_one_permission(visit: Callable[..., Visitor], owner: Person, stripe: Simulation) -> None:
    page = visit(owner).page
    page.goto(owner.page())
    panel = Panel(page)
    stripe.register(panel.webhook_url())
    stripe.keys.add(stripe.restricted_key, USUAL_PERMISSIONS - {"rak_coupon_read"})
    panel.save(**pasted(stripe))
    panel.says(
        "Read permissions",
        "Failed",
        "The key may not read: Coupons (rak_coupon_read).",
        "At Stripe, Developers › API keys, edit the key and set these to Read, or make a new one with the pre-filled "
        "form.",
    )
    panel.finished()
    expect(panel.status).to_have_text("Draft")
    stripe.keys.add(stripe.restricted_key, USUAL_PERMISSIONS)
    panel.save()  # what was typed is kept: only the key was changed, at Stripe
    expect(panel.status).to_have_text("Connected")


def test_an_endpoint_that_is_wrong_at_stripe(visit: Callable[..., Visitor], owner: Person, stripe: Simulation) -> None:
    page = visit(owner).page
    page.goto(owner.page())
    panel, line = Panel(page), "Webhook endpoint at Stripe"
    url = panel.webhook_url()
    address = url.split("/")[2]
    register = "At Stripe, Developers › Webhooks, in test mode, set the endpoint's URL to the one shown here."
    panel.save(**pasted(stripe))
    panel.says(line, "Failed", "No webhook endpoint is registered at Stripe in test mode.", register)
    right = stripe.register(url)
    for wrong, detail, remedy in (
        (
            replace(right, url=url[:-3]),
            f"An endpoint at Stripe leads to {address}, but its URL is not that of this connection.",
            f"{register} Copy it with the button: every character counts.",
        ),
        (
            replace(right, url="https://shop.example/hooks/"),
            "None of the endpoints at Stripe has this connection's URL; they lead to shop.example.",
            register,
        ),
        (
            replace(right, status="disabled"),
            "The endpoint is registered, but disabled.",
            "At Stripe, Developers › Webhooks, open the endpoint and enable it.",
        ),
        (
            replace(right, enabled_events=(*(event for event in REQUIRED_EVENTS if event != FAILURES), "invoice.*")),
            f"1 of the 8 required events not selected. Without them: {WITHOUT_FAILURES}.",
            f"At Stripe, Developers › Webhooks, open the endpoint, edit its events and add: {FAILURES}.",
        ),
    ):
        stripe.endpoints[:] = [wrong]
        panel.save()
        panel.says(line, "Failed", detail, remedy)
        expect(panel.status).to_have_text("Draft")
    stripe.endpoints[:] = [right]
    panel.save()
    panel.says(line, "Passed", "The URL is registered, enabled, and selects what is needed.")
    expect(panel.status).to_have_text("Connected")


def test_no_worker(visit: Callable[..., Visitor], stage: Stage, owner: Person, stripe: Simulation) -> None:
    page = visit(owner).page
    page.goto(owner.page())
    panel, line = Panel(page), "Test event processed by a worker"
    stripe.register(panel.webhook_url())
    with stage.without("worker"):
        panel.save(**pasted(stripe))
        panel.says(
            line,
            "Failed",
            "The test event arrived, but no worker has taken it within 20 s.",
            "Start a worker: celery -A pqintel worker. If one runs, look whether it reaches Redis and the database.",
        )
        expect(panel.status).to_have_text("Draft")
    panel.save()
    expect(panel.status).to_have_text("Connected")


def test_a_wrong_signing_secret(visit: Callable[..., Visitor], owner: Person, stripe: Simulation) -> None:
    page = visit(owner).page
    page.goto(owner.page())
    panel = Panel(page)
    url = panel.webhook_url()
    stripe.register(url)
    panel.save(**pasted(stripe, webhook_secret=SIGNING_SECRET))
    expect(panel.status).to_have_text("Connected")
    expect(panel.signing).to_have_text(
        "Unproven No delivery of Stripe's has arrived with it yet. The first one proves it."
    )
    sell(stripe)
    assert set(deliver(stripe, url, conditions=ONCE).refused) == {400}
    refused = panel.section.locator(".notice-bad")
    reload_until(page, refused)
    expect(refused).to_contain_text("Deliveries were refused")
    expect(refused).to_contain_text("The signature does not match the signing secret stored here: ")
    expect(panel.signing).to_have_text(
        "Refused A delivery was signed with another secret. Copy the signing secret of the endpoint with this URL "
        "again: every endpoint has its own, and one that was deleted and made anew has a new one."
    )
    assert panel.signing.locator(".badge").evaluate("badge => badge.classList.contains('badge-bad')")
    panel.section.get_by_text("Webhook, keys, and how to replace them").click()
    panel.save(webhook_secret=stripe.webhook_secret)
    panel.finished()
    assert deliver(stripe, url, conditions=ONCE).refused == {}
    reload_until(page, panel.signing.get_by_text("Proven", exact=True))
    expect(panel.signing).to_have_text("Proven A delivery of Stripe's was verified with it.")


def test_working_credentials_stay_when_new_ones_fail(
    visit: Callable[..., Visitor], team: Team, owner: Person, stripe: Simulation
) -> None:
    url = team.connect(owner, stripe)
    working = working_values(team.stored(owner))
    page = visit(owner).page
    page.goto(owner.page())
    panel = Panel(page)
    panel.section.get_by_text("Webhook, keys, and how to replace them").click()
    panel.save(secret_key=key("rk"), webhook_secret=SIGNING_SECRET)
    panel.finished()
    expect(panel.check("Key accepted by Stripe").locator(".check-state")).to_have_text("Failed")
    expect(panel.status).to_have_text("Connected")
    assert working_values(team.stored(owner)) == working
    sell(stripe)
    assert deliver(stripe, url, conditions=ONCE).refused == {}
    page.get_by_role("link", name="Dashboard").click()
    expect(page.locator("[data-fresh=mrr-usd]")).to_have_text("$49.00")


def test_what_is_corrected_while_checks_run(visit: Callable[..., Visitor], owner: Person, stripe: Simulation) -> None:
    page = visit(owner).page
    page.goto(owner.page())
    panel = Panel(page)
    stripe.register(panel.webhook_url())
    stripe.keys.revoke(stripe.secret_key)
    stripe.faults.change(slow=0.5)
    panel.save(**pasted(stripe, secret_key=stripe.secret_key))
    expect(panel.check("Key accepted by Stripe").locator(".check-state")).to_have_text("Failed")
    panel.field("secret_key").press_sequentially(stripe.restricted_key, delay=100)
    expect(panel.field("secret_key")).to_have_value(stripe.restricted_key)
    expect(panel.field("secret_key")).to_be_focused()
    panel.save()
    panel.finished()
    expect(panel.status).to_have_text("Connected")
    stripe.faults.change(slow=0.0)
    for _ in range(3):
        panel.save()  # while the checks of the press before still run
    panel.finished()
    expect(panel.check("Test event processed by a worker").locator(".check-state")).to_have_text("Passed")


def test_sign_up_keeps_what_was_typed(visit: Callable[..., Visitor]) -> None:
    page = visit().page
    page.goto("/accounts/signup/")
    typed = {"Your name": "Ada", "Workspace name": "Engines", "Email": "ada@engines.example"}
    for label, value in typed.items():
        page.get_by_label(label).fill(value)
    page.get_by_label("Password").fill("1234567")
    page.get_by_role("button", name="Create workspace").click()
    expect(page.locator(".field-errors")).to_have_count(1)
    assert {label: page.get_by_label(label).input_value() for label in typed} == typed
    silent(page, "1234567")
