"""The Plans page: what it shows, what a change would do, and what it does."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from billing import tasks
from billing.access.gates import gates_in, gates_text
from billing.actions.access import carrying
from billing.actions.access.carrying import carry_out, effect_of
from billing.actions.access.proposals import Grant, MapPrice, SetPolicy
from billing.lanes import lane_of
from billing.models import (
    Access,
    AccessOverride,
    AccessPolicy,
    HistoryEntry,
    OverrideEffect,
    PriceMapping,
    Recalculation,
    Tier,
)
from billing.modes import Mode
from pqintel.queue import hold_lane
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.factories import AccessOverrideFactory, CustomerFactory, WorkspaceFactory

from .cases import NOW, access, apply, catalogue, lesson, state, told

pytestmark = pytest.mark.django_db
PLANS = "/w/acme/test/plans/"


@pytest.fixture
def sold(workspace: Workspace) -> Workspace:
    """Three customers on a price that nobody mapped, one on Growth, one who left; strangers in the other mode."""
    strange = [lesson(f"{n}", n, state(price="strange", name=f"sub_{n}", customer=f"cus_{n}")) for n in range(3)]
    growth = lesson("g", 5, state(name="sub_g", customer="cus_g"))
    gone = lesson("x", 6, state("canceled", price="strange", name="sub_x", customer="cus_x"))
    apply(workspace, catalogue(), *strange, growth, gone)
    apply(
        workspace, catalogue(), lesson("l", 5, state(price="strange", name="sub_l", customer="cus_l")), mode=Mode.LIVE
    )
    return workspace


def follow(client: Client, path: str, given: dict[str, object]) -> tuple[str, dict[str, object]]:
    """The page that shows the effect, and what its form would send to confirm."""
    page = client.post(path, given)
    assert page.status_code == 200, page.content.decode()
    return page.content.decode(), {**given, "confirm": page.context["confirm"]}


def test_the_page_shows_unmapped_prices_first(sold: Workspace, viewer_client: Client) -> None:
    page = viewer_client.get(PLANS)
    shown = page.context["plans"]
    assert [(row.price, row.given.tier, row.waiting, row.subscribers) for row in shown.prices][:2] == [
        ("price_strange", None, 3, 3),
        ("price_growth", "growth", 0, 0),
    ]
    assert [(tier.key, tier.customers) for tier in shown.tiers] == [
        ("free", 4), ("starter", 0), ("growth", 1), ("scale", 0),
    ]  # fmt: skip
    text = page.content.decode()
    assert "1 price with paying customers gives no tier" in text
    assert "Edit" not in text
    live = viewer_client.get("/w/acme/live/plans/").context["plans"]
    assert [(row.price, row.waiting) for row in live.prices][:1] == [("price_strange", 1)]


def test_mapping_a_price_shows_its_effect_and_then_does_it(sold: Workspace, admin_client: Client) -> None:
    path = f"{PLANS}price/?price=price_strange"
    text, confirmed = follow(admin_client, path, {"kind": "price", "tier": "growth"})
    assert "3 customers move from Free to Growth" in text
    assert "move from Free to" in text
    with scoped_transaction(sold):
        assert PriceMapping.objects.count() == 0
    assert admin_client.post(path, confirmed).headers["Location"] == PLANS
    assert [access(sold, f"cus_{n}").tier for n in range(3)] == ["growth"] * 3
    assert (access(sold, "cus_x").tier, access(sold, "cus_l", Mode.LIVE).tier) == ("free", "free")
    answer = access(sold, "cus_0")
    assert answer.cause == "mapping:price:price_strange"
    with scoped_transaction(sold):
        line = HistoryEntry.objects.get(kind="access.upgraded", customer="cus_0")
        mapping = PriceMapping.objects.get()
    assert line.after is not None
    assert line.after["why"].endswith("mapped price_strange to growth")
    assert answer.since == mapping.changed_at.replace(microsecond=0)
    text, confirmed = follow(admin_client, path, {"kind": "price", "tier": "-unmapped"})
    assert "3 customers move from Growth to Free" in text
    admin_client.post(path, confirmed)
    assert [str(access(sold, f"cus_{n}").reason) for n in range(3)] == ["unmapped"] * 3
    text, confirmed = follow(admin_client, path, {"kind": "price", "tier": "-add-on"})
    admin_client.post(path, confirmed)
    assert (str(access(sold, "cus_0").reason), access(sold, "cus_0").unmapped) == ("add_on", ())


def test_what_is_confirmed_is_what_was_shown(sold: Workspace, admin_client: Client) -> None:
    path = f"{PLANS}price/?price=price_strange"
    _, confirmed = follow(admin_client, path, {"kind": "price", "tier": "growth"})
    text, _ = follow(admin_client, path, {**confirmed, "tier": "scale"})
    assert "3 customers move from Free to Scale" in text
    with scoped_transaction(sold):
        assert PriceMapping.objects.count() == 0


def test_mapping_by_metadata_reaches_every_price_of_such_products(sold: Workspace, admin_client: Client) -> None:
    path = f"{PLANS}price/?price=price_growth"
    text, confirmed = follow(admin_client, path, {"kind": "product_tier", "tier": "scale"})
    assert "1 customer moves from Growth to Scale" in text
    admin_client.post(path, confirmed)
    assert access(sold, "cus_g").tier == "scale"
    assert admin_client.post(path, {"kind": "lookup_key", "tier": "scale"}).status_code == 422


def test_a_price_that_is_not_there_leads_back(sold: Workspace, admin_client: Client) -> None:
    for query in ("", "?price=price_nobody", "?price=%00", "?price=' OR 1=1"):
        answer = admin_client.get(f"{PLANS}price/{query}")
        assert (answer.status_code, answer.headers.get("Location")) == (302, PLANS)


def test_editing_a_tier_makes_all_of_them_rows(sold: Workspace, admin_client: Client) -> None:
    path = f"{PLANS}tier/?key=growth"
    given = {
        "name": "Team",
        "rank": "20",
        "seat_limit": "33",
        "features": "projects = 60\napi_access = on\nnew_thing = unlimited",
    }
    text, confirmed = follow(admin_client, path, given)
    assert "1 customer stays on Team with other features or seats" in text
    admin_client.post(path, confirmed)
    with scoped_transaction(sold):
        assert list(Tier.objects.order_by("rank").values_list("key", flat=True)) == [
            "free",
            "starter",
            "growth",
            "scale",
        ]
    answer = access(sold, "cus_g")
    assert (answer.tier_name, answer.seats, answer.features) == (
        "Team", 33, {"api_access": True, "new_thing": None, "projects": 60},
    )  # fmt: skip
    assert answer.cause == "tier:growth"
    since = answer.since
    text, confirmed = follow(admin_client, path, {**given, "name": "Crew"})
    assert "Nobody’s access changes now" in text
    admin_client.post(path, confirmed)
    assert (access(sold, "cus_g").tier_name, access(sold, "cus_g").since) == ("Crew", since)
    assert told(sold, "cus_g") == [("access.granted", "growth", "evt_g"), ("access.changed", "growth", "tier:growth")]


def test_a_new_tier(sold: Workspace, admin_client: Client) -> None:
    given = {"key": "Gold", "name": "Gold", "rank": "50", "seat_limit": "", "features": ""}
    _, confirmed = follow(admin_client, f"{PLANS}tier/", given)
    admin_client.post(f"{PLANS}tier/", confirmed)
    with scoped_transaction(sold):
        assert Tier.objects.get(key="gold").seat_limit is None
    assert admin_client.post(f"{PLANS}tier/", given).status_code == 422


@pytest.mark.parametrize(
    ("path", "given", "words"),
    [
        ("tier/?key=growth", {"name": "", "rank": "1", "features": ""}, "This field is required"),
        ("tier/?key=growth", {"name": "A", "rank": "x", "features": ""}, "Enter a whole number"),
        (
            "tier/?key=growth",
            {"name": "A", "rank": "1", "seat_limit": "-1", "features": ""},
            "greater than or equal to 0",
        ),
        ("tier/?key=growth", {"name": "A", "rank": "1", "features": "<b>kept = maybe"}, "Line 1: write name = value"),
        ("tier/?key=growth", {"name": "A", "rank": "1", "features": "kept = maybe"}, "“maybe” is neither on, off"),
        ("tier/?key=growth", {"name": "A", "rank": "1", "features": "a = 1\na = 2"}, "Line 2: a is there twice"),
        ("policy/", {"past_due_days": "-2"}, "greater than or equal to 0"),
        ("policy/", {"free_tier": "platinum"}, "Select a valid choice"),
        (
            "override/",
            {"customer": "cus_nobody", "tier": "scale", "effect": "at_least", "reason": "r"},
            "is known in test",
        ),
        (
            "override/",
            {"customer": "cus_l", "tier": "scale", "effect": "at_least", "reason": "r"},
            "is known in test mode",
        ),
        ("override/", {"customer": "cus_g", "effect": "at_least", "reason": "r"}, "This would add nothing"),
        ("override/", {"customer": "cus_g", "tier": "scale", "effect": "at_least"}, "This field is required"),
        (
            "override/",
            {"customer": "cus_g", "tier": "scale", "effect": "at_least", "reason": "r", "expires_on": "2020-01-01"},
            "This day is over",
        ),
        (
            "override/",
            {"customer": "cus_g", "tier": "scale", "effect": "at_least", "reason": "r", "expires_on": "soon"},
            "Enter a valid date",
        ),
    ],
)
def test_wrong_input_is_said_and_kept(
    sold: Workspace, admin_client: Client, path: str, given: dict[str, str], words: str
) -> None:
    page = admin_client.post(PLANS + path, given)
    text = page.content.decode()
    assert page.status_code == 422
    assert words in text
    for value in given.values():
        assert value in page.context["form"].data.values()
    assert "<b>kept" not in text
    with scoped_transaction(sold):
        assert (Tier.objects.count(), AccessPolicy.objects.count(), AccessOverride.objects.count()) == (0, 0, 0)


def test_the_policy_for_those_who_do_not_pay(sold: Workspace, admin_client: Client) -> None:
    text, confirmed = follow(admin_client, f"{PLANS}policy/", {"free_tier": "", "past_due_days": "7"})
    assert "4 customers move from Free to no access" in text
    admin_client.post(f"{PLANS}policy/", confirmed)
    assert (access(sold, "cus_x").tier, access(sold, "cus_l", Mode.LIVE).tier) == (None, None)
    shown = admin_client.get(PLANS).context["plans"]
    assert (shown.free_tier, shown.past_due_days, shown.no_access) == (None, 7, 4)


def test_an_override_is_granted_replaced_and_revoked(sold: Workspace, admin_client: Client) -> None:
    CustomerFactory(workspace=sold, stripe_id="cus_mail", email="ada@example.com")
    given = {"customer": "cus_g", "tier": "scale", "effect": "at_least", "reason": "A <trial> of Scale", "features": ""}
    text, confirmed = follow(admin_client, f"{PLANS}override/", given)
    assert "1 customer moves from Growth to Scale" in text
    admin_client.post(f"{PLANS}override/", confirmed)
    assert (access(sold, "cus_g").tier, access(sold, "cus_g").overridden) == ("scale", True)
    given |= {"effect": "exactly", "tier": "starter", "seats": "3"}
    _, confirmed = follow(admin_client, f"{PLANS}override/", given)
    admin_client.post(f"{PLANS}override/", confirmed)
    assert (access(sold, "cus_g").tier, access(sold, "cus_g").seats) == ("starter", 3)
    page = admin_client.get(PLANS)
    assert [(one.row.customer, one.state) for one in page.context["plans"].overrides] == [
        ("cus_g", "running"),
        ("cus_g", "revoked"),
    ]
    assert "A &lt;trial&gt; of Scale" in page.content.decode()
    pk = page.context["plans"].overrides[0].row.pk
    assert admin_client.post(f"/w/acme/live/plans/overrides/{pk}/revoke/").status_code == 404
    assert admin_client.post(f"{PLANS}overrides/{pk}/revoke/").headers["Location"] == PLANS
    assert (access(sold, "cus_g").tier, access(sold, "cus_g").overridden) == ("growth", False)
    lines = told(sold, "cus_g")
    assert [kind for kind, _, _ in lines] == [
        "access.granted", "access.upgraded", "access.downgraded", "access.upgraded",
    ]  # fmt: skip
    by_mail = {"customer": "ada@example.com", "tier": "starter", "effect": "at_least", "reason": "r", "features": ""}
    text, confirmed = follow(admin_client, f"{PLANS}override/", by_mail)
    assert "1 customer moves from Free to Starter" in text


def test_an_override_of_another_workspace_is_not_there(sold: Workspace, admin_client: Client) -> None:
    strange = AccessOverrideFactory(customer="cus_g")
    assert admin_client.post(f"{PLANS}overrides/{strange.pk}/revoke/").status_code == 404
    with scoped_transaction(strange.workspace):
        strange.refresh_from_db()
    assert strange.revoked_at is None


def test_expired_overrides_end_by_the_beat(sold: Workspace) -> None:
    moment = timezone.now().replace(microsecond=0)
    grant = Grant(
        Mode.TEST, "cus_g", OverrideEffect.AT_LEAST, "scale", {}, None, "a day", moment + timedelta(seconds=-1)
    )
    with scope(sold):
        assert carry_out(sold.pk, grant, "ada", moment - timedelta(days=1)) is True
    assert access(sold, "cus_g").tier == "scale"
    assert tasks.settle_access() == 1
    assert (access(sold, "cus_g").tier, access(sold, "cus_g").until) == ("growth", None)
    assert tasks.settle_access() == 0


def test_many_customers_are_left_to_a_recalculation(sold: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrying, "AT_ONCE", 2)
    proposal = MapPrice(Mode.TEST, "price", "price_strange", "growth")
    with scoped_transaction(sold):
        effect = effect_of(sold.pk, Mode.TEST, proposal, NOW)
    assert (effect.looked_at, effect.complete, effect.moved) == (2, False, 2)
    with scope(sold):
        assert carry_out(sold.pk, proposal, "ada", timezone.now()) is False
    assert access(sold, "cus_0").tier == "free"
    with scoped_transaction(sold):
        assert Recalculation.objects.get().reason == "ada mapped price_strange to growth"
    tasks.recalculate(lane_of(sold.pk, Mode.TEST))
    assert [access(sold, f"cus_{n}").tier for n in range(3)] == ["growth"] * 3
    with scoped_transaction(sold):
        line = HistoryEntry.objects.filter(kind="access.upgraded").first()
    assert line is not None
    assert (line.after or {})["why"] == "ada mapped price_strange to growth"


def test_a_proposal_writes_nothing(sold: Workspace) -> None:
    with scoped_transaction(sold):
        before = list(Access.objects.order_by("id").values())
        effect_of(sold.pk, Mode.TEST, SetPolicy(None, 3), NOW)
        assert list(Access.objects.order_by("id").values()) == before
        assert AccessPolicy.objects.count() == 0


def test_the_page_costs_a_fixed_number_of_queries(
    sold: Workspace, viewer_client: Client, django_assert_num_queries: Callable[..., object]
) -> None:
    viewer_client.get(PLANS)
    with django_assert_num_queries(15):
        viewer_client.get(PLANS)
    for n in range(12):
        apply(sold, lesson(f"m{n}", 50, state(price=f"more_{n}", name=f"sub_m{n}", customer=f"cus_m{n}")))
        AccessOverrideFactory(workspace=sold, customer=f"cus_m{n}")
    with django_assert_num_queries(16):  # the names of customers
        viewer_client.get(PLANS)


def test_gates_are_read_as_they_are_written() -> None:
    gates, problems = gates_in("b = off\n\n a = 12 \nc=unlimited\nd = ON")
    assert (gates, problems) == ({"a": 12, "b": False, "c": None, "d": True}, [])
    assert gates_in(gates_text(gates)) == (gates, [])
    assert len(gates_in("a = ²\nA = 1\nb\n= 3\nc = 99999999999999999999999")[1]) == 5


def test_commands(sold: Workspace) -> None:
    out = StringIO()
    call_command("access_show", "acme", "cus_g", mode="test", json=True, stdout=out)
    shown = json.loads(out.getvalue())
    assert (shown["tier"], shown["seats"], shown["cause"], shown["reason"]) == ("growth", 20, "evt_g", "active")
    call_command("access_show", "acme", "cus_0", mode="test", stdout=out)
    assert "prices without a tier: price_strange" in out.getvalue()
    with pytest.raises(CommandError, match="No customer 'cus_l' is known in test mode"):
        call_command("access_show", "acme", "cus_l", mode="test")
    with pytest.raises(CommandError, match="There is no workspace 'nobody'"):
        call_command("access_show", "nobody", "cus_g", mode="test")
    with scoped_transaction(sold):
        Access.objects.filter(mode="test").delete()
    out = StringIO()
    call_command("access_recompute", "acme", mode="test", json=True, stdout=out)
    assert json.loads(out.getvalue()) == {"customers": 5, "changed": 5}
    call_command("access_recompute", "acme", mode="test", stdout=out)
    assert "5 customers; 0 changed." in out.getvalue()
    with pytest.raises(CommandError, match="There is no workspace"):
        call_command("access_recompute", "nobody", mode="test")


@pytest.mark.django_db(transaction=True)
def test_while_a_worker_holds_the_lane_the_change_is_saved_and_follows_later(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    from django.db import connection

    workspace = WorkspaceFactory(slug="busy")
    apply(workspace, catalogue(), lesson("1", 0, state(price="strange")))
    monkeypatch.setattr(carrying, "PATIENCE_SECONDS", 0.2)
    held, over = threading.Event(), threading.Event()

    def work() -> None:
        with scope(workspace), hold_lane(lane_of(workspace.pk, Mode.TEST)):
            held.set()
            over.wait(20)
        connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    held.wait(20)
    with scope(workspace):
        assert carry_out(workspace.pk, MapPrice(Mode.TEST, "price", "price_strange", "scale"), "ada", NOW) is False
    assert access(workspace).tier == "free"
    over.set()
    worker.join()
    tasks.recalculate(lane_of(workspace.pk, Mode.TEST))
    assert access(workspace).tier == "scale"
