"""Deleting a tier: what names it is said with what to do, and the tier stays until nothing does."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from billing.access.uses import uses_of_tier
from billing.actions.access.carrying import carry_out, effect_of
from billing.actions.access.deleting import DeleteTier, TierInUseError
from billing.actions.access.proposals import MapPrice, tiers_of
from billing.models import Access, Tier
from billing.modes import Mode
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.factories import (
    AccessOverrideFactory,
    AccessPolicyFactory,
    PriceMappingFactory,
    ProductFactory,
    TierFactory,
    WorkspaceFactory,
)

from .cases import access, apply, catalogue, lesson, state

pytestmark = pytest.mark.django_db
PLANS = "/w/acme/test/plans/"
NOW = timezone.now()


def texts(workspace: Workspace, key: str) -> list[str]:
    with scoped_transaction(workspace):
        return [use.text for use in uses_of_tier(workspace.pk, key, NOW)]


def keys(workspace: Workspace) -> list[str]:
    with scoped_transaction(workspace):
        return list(tiers_of(workspace.pk))


def test_everything_that_names_a_tier_is_said_in_both_modes(workspace: Workspace) -> None:
    for number in range(5):
        PriceMappingFactory(workspace=workspace, mode="live", value=f"price_{number}", tier="growth")
    PriceMappingFactory(workspace=workspace, mode="test", kind="lookup_key", value="pro", tier="growth")
    PriceMappingFactory(workspace=workspace, mode="test", kind="product_tier", value="team", tier="growth")
    AccessOverrideFactory(workspace=workspace, mode="test", customer="cus_1", tier="growth")
    AccessOverrideFactory(
        workspace=workspace, mode="test", customer="cus_2", tier="growth", expires_at=NOW + timedelta(1)
    )
    ProductFactory(workspace=workspace, mode="live", stripe_id="prod_1", name="Growth plan", tier_key=" Growth ")
    AccessPolicyFactory(workspace=workspace, free_tier="growth")
    assert texts(workspace, "growth") == [
        "1 lookup key in test mode is mapped to it: pro.",
        "5 prices in live mode are mapped to it: price_0, price_1, price_2 and 2 more.",
        "1 kind of metadata in test mode is mapped to it: team.",
        "1 product in live mode names it in the metadata at Stripe: Growth plan.",
        "2 running overrides in test mode give it: cus_1, cus_2.",
        "Who does not pay falls to it.",
    ]


def test_what_is_over_or_of_others_names_nothing(workspace: Workspace) -> None:
    other = WorkspaceFactory()
    PriceMappingFactory(workspace=workspace, value="price_1", tier="growth", removed=True)
    PriceMappingFactory(workspace=workspace, value="price_2", tier="scale")
    PriceMappingFactory(workspace=workspace, kind="product_tier", value="growth", tier="scale")
    PriceMappingFactory(workspace=other, value="price_3", tier="growth")
    AccessOverrideFactory(workspace=workspace, tier="growth", expires_at=NOW - timedelta(seconds=1))
    AccessOverrideFactory(workspace=workspace, tier="growth", revoked_at=NOW)
    AccessOverrideFactory(workspace=other, tier="growth")
    AccessPolicyFactory(workspace=other, free_tier="growth")
    ProductFactory(workspace=workspace, stripe_id="prod_1", tier_key="growth")
    ProductFactory(workspace=other, stripe_id="prod_2", tier_key="growth")
    assert texts(workspace, "growth") == []


def test_the_policy_speaks_also_where_nobody_edited_it(workspace: Workspace) -> None:
    assert texts(workspace, "free") == ["Who does not pay falls to it."]
    policy = AccessPolicyFactory(workspace=workspace, free_tier=None)
    assert texts(workspace, "free") == []
    with scoped_transaction(workspace):
        policy.delete()
    TierFactory(workspace=workspace, key="gold")
    assert texts(workspace, "gold") == ["It is the only tier."]


def test_a_tier_that_nothing_names_is_deleted_after_its_effect_was_shown(
    workspace: Workspace, admin_client: Client
) -> None:
    apply(workspace, catalogue(), lesson("g", 5, state(name="sub_g", customer="cus_g")))
    assert "tier/delete/?key=scale" in admin_client.get(f"{PLANS}tier/?key=scale").content.decode()
    path = f"{PLANS}tier/delete/?key=scale"
    in_use = admin_client.get(path)
    assert in_use.context["nav"].section == "plans"
    assert "names it in the metadata at Stripe: Scale" in in_use.content.decode()
    assert admin_client.post(path, {"confirm": "x"}).status_code == 409
    for mode in ("test", "live"):
        PriceMappingFactory(workspace=workspace, mode=mode, kind="product_tier", value="scale", tier="growth")
    page = admin_client.get(path)
    assert "Nobody’s access changes now" in page.content.decode()
    assert "it holds for the other mode as well" in page.content.decode()
    assert admin_client.post(path, {"confirm": "wrong"}).status_code == 200
    assert keys(workspace) == ["free", "starter", "growth", "scale"]
    answer = admin_client.post(path, {"confirm": page.context["confirm"]})
    assert (answer.status_code, answer.headers["Location"]) == (302, PLANS)
    assert keys(workspace) == ["free", "starter", "growth"]
    assert access(workspace, "cus_g").tier == "growth"
    assert "scale" not in [tier.key for tier in admin_client.get(PLANS).context["plans"].tiers]
    gone = admin_client.get(path)
    assert (gone.status_code, gone.headers["Location"]) == (302, PLANS)


def test_what_names_it_between_showing_and_confirming_refuses(workspace: Workspace, admin_client: Client) -> None:
    path = f"{PLANS}tier/delete/?key=scale"
    page = admin_client.get(path)
    with scope(workspace):
        carry_out(workspace.pk, MapPrice(Mode.LIVE, "price", "price_1", "scale"), "ada", NOW)
    answer = admin_client.post(path, {"confirm": page.context["confirm"]})
    assert answer.status_code == 409
    assert "1 price in live mode is mapped to it: price_1." in answer.content.decode()
    assert keys(workspace) == ["free", "starter", "growth", "scale"]


def test_a_refusal_in_the_last_moment_writes_nothing(workspace: Workspace) -> None:
    PriceMappingFactory(workspace=workspace, value="price_1", tier="scale")
    with scope(workspace), pytest.raises(TierInUseError, match="1 price in test mode is mapped to it: price_1"):
        carry_out(workspace.pk, DeleteTier("scale"), "ada", NOW)
    with scoped_transaction(workspace):
        assert Tier.objects.count() == 0


def test_the_effect_counts_customers_whom_the_rules_no_longer_give_it(workspace: Workspace) -> None:
    apply(workspace, catalogue(), lesson("g", 5, state(name="sub_g", customer="cus_g")))
    with scoped_transaction(workspace):
        before = list(Access.objects.values())
        effect = effect_of(workspace.pk, Mode.TEST, DeleteTier("growth"), NOW)
        assert [(move.before, move.after, move.customers) for move in effect.moves] == [("growth", "free", 1)]
        assert list(Access.objects.values()) == before


def test_names_are_escaped_and_a_tier_of_another_workspace_is_not_there(
    workspace: Workspace, admin_client: Client
) -> None:
    TierFactory(workspace=workspace, key="odd", name="<b>Odd</b>")
    TierFactory(workspace=workspace, key="free")
    PriceMappingFactory(workspace=workspace, value="<i>price", tier="odd")
    text = admin_client.get(f"{PLANS}tier/delete/?key=odd").content.decode()
    assert "&lt;b&gt;Odd" in text
    assert "&lt;i&gt;price" in text
    TierFactory(workspace=WorkspaceFactory(), key="gold")
    for query in ("", "?key=gold", "?key=%00", "?key=' OR 1=1"):
        answer = admin_client.get(f"{PLANS}tier/delete/{query}")
        assert (answer.status_code, answer.headers.get("Location")) == (302, PLANS)
