"""What a customer may use, by the rules alone: each status, combinations, mappings, overrides, time."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.access import (
    DEFAULT_TIERS,
    Decision,
    MappingTerms,
    Override,
    PriceTerms,
    Resolution,
    Rules,
    Step,
    TierTerms,
    decide,
)
from billing.access.tiers import better, better_features, more_seats

from .cases import DAY, T, step

RULES = Rules(prices={f"price_{t}": PriceTerms(None, t) for t in ("starter", "growth", "scale")})
NOW = T + 1000 * DAY
TIERS = {tier.key: tier for tier in DEFAULT_TIERS}


def decided(*lives: list[Step], rules: Rules = RULES, overrides: tuple[Override, ...] = (), now: int = NOW) -> Decision:
    found = decide({f"sub_{n}": life for n, life in enumerate(lives)}, overrides, rules, now)
    assert found is not None
    return found


def short(decision: Decision) -> tuple[str | None, str, int, str]:
    """Tier, reason, seconds since T, cause."""
    return decision.given.tier, str(decision.reason), decision.since - T, decision.cause


@pytest.mark.parametrize(
    ("status", "tier", "reason"),
    [
        ("active", "growth", "active"),
        ("trialing", "growth", "trialing"),
        ("past_due", "growth", "past_due"),
        ("unpaid", "free", "unpaid"),
        ("canceled", "free", "ended"),
        ("paused", "free", "paused"),
        ("incomplete", "free", "incomplete"),
        ("incomplete_expired", "free", "ended"),
        ("hibernating", "free", "unknown"),
    ],
)
def test_each_status(status: str, tier: str, reason: str) -> None:
    assert short(decided([step(5, status)])) == (tier, reason, 5, "evt_5")
    nobody_is_free = decided([step(5, status)], rules=replace(RULES, free_tier=None))
    if tier == "free":
        assert (nobody_is_free.given.tier, nobody_is_free.given.features, nobody_is_free.given.seats) == (None, {}, 0)
    else:
        assert nobody_is_free.given.tier == "growth"


@pytest.mark.parametrize(
    ("behavior", "tier", "reason"),
    [
        ("void", "free", "paused"),
        ("keep_as_draft", "growth", "active"),
        ("mark_uncollectible", "growth", "active"),
    ],
)
def test_paused_collection_ends_access_only_where_nothing_is_provided(behavior: str, tier: str, reason: str) -> None:
    paused = step(9, pause=behavior)
    assert short(decided([step(5), paused]))[:2] == (tier, reason)
    assert short(decided([step(5), paused, step(11)]))[:2] == ("growth", "active")


def test_since_is_when_this_began_and_not_the_last_event() -> None:
    life = [step(0, "trialing"), step(100), step(200, "past_due"), step(300), step(400, quantity=3)]
    assert short(decided(life)) == ("growth", "active", 0, "evt_0")
    upgraded = [*life, step(500, price="scale"), step(600, "past_due", price="scale")]
    assert short(decided(upgraded)) == ("scale", "past_due", 500, "evt_500")
    assert short(decided([*upgraded, step(700, "canceled", price="scale")])) == ("free", "ended", 700, "evt_700")


def test_the_last_state_of_a_second_counts() -> None:
    flicker = [step(0), step(50, "unpaid"), step(50, event_id="evt_later")]
    assert short(decided(flicker)) == ("growth", "active", 0, "evt_0")


def test_several_subscriptions_give_the_better_of_each() -> None:
    both = decided([step(0, price="growth")], [step(50, price="starter")])
    assert short(both) == ("growth", "active", 0, "evt_0")
    assert both.subscription == "sub_0"
    later = decided([step(0, price="starter")], [step(50, "trialing", price="scale")])
    assert short(later) == ("scale", "trialing", 50, "evt_50")
    assert (later.subscription, later.given.seats) == ("sub_1", None)
    one_ended = decided([step(0, price="starter")], [step(50, price="scale"), step(60, "canceled", price="scale")])
    assert short(one_ended) == ("starter", "active", 60, "evt_60")


def test_features_combine_gate_by_gate_and_seats_that_are_included_do_not_add_up() -> None:
    tiers = {
        "a": TierTerms("a", "A", 1, {"projects": 9, "sso": True, "only_a": True}, seat_limit=7),
        "b": TierTerms("b", "B", 2, {"projects": 3, "sso": False, "exports": None}, seat_limit=5),
    }
    rules = Rules(tiers=tiers, prices={"price_a": PriceTerms(None, "a"), "price_b": PriceTerms(None, "b")})
    found = decided([step(0, price="a")], [step(1, price="b")], rules=rules).given
    assert (found.tier, found.seats) == ("b", 7)
    assert found.features == {"exports": None, "only_a": True, "projects": 9, "sso": True}


def test_seats_bought_by_quantity_add_up_to_the_tiers_limit() -> None:
    rules = replace(RULES, tiers={**TIERS, "growth": replace(TIERS["growth"], seats_by_quantity=True)})
    assert decided([step(0, quantity=4)], rules=rules).given.seats == 4
    assert decided([step(0, quantity=4)], [step(1, quantity=5)], rules=rules).given.seats == 9
    assert decided([step(0, quantity=400)], rules=rules).given.seats == 20
    assert decided([step(0, quantity=3)], [step(0, price="starter")], rules=rules).given.seats == 5
    fewer = decided([step(0, quantity=4), step(10, quantity=2)], rules=rules)
    assert (fewer.given.seats, short(fewer)) == (2, ("growth", "active", 10, "evt_10"))


@pytest.mark.parametrize(
    ("mappings", "terms", "expected"),
    [
        ({}, PriceTerms("key", "growth"), (True, "growth", "product_tier")),
        ({}, PriceTerms("key", " Growth "), (True, "growth", "product_tier")),
        ({}, PriceTerms("key", "gold"), (False, None, "")),
        ({("product_tier", "gold"): "scale"}, PriceTerms("key", "gold"), (True, "scale", "product_tier")),
        ({("product_tier", "growth"): "scale"}, PriceTerms("key", "growth"), (True, "scale", "product_tier")),
        ({("lookup_key", "key"): "starter"}, PriceTerms("key", "growth"), (True, "starter", "lookup_key")),
        (
            {("price", "price_1"): "scale", ("lookup_key", "key"): "starter"},
            PriceTerms("key", "growth"),
            (True, "scale", "price"),
        ),
        ({("price", "price_1"): None}, PriceTerms("key", "growth"), (True, None, "price")),
        ({("price", "price_2"): "scale"}, PriceTerms(None, None), (False, None, "")),
        ({("price", "price_1"): "gone"}, PriceTerms(None, None), (False, None, "")),
    ],
)
def test_the_price_itself_goes_before_its_lookup_key_before_its_products_metadata(
    mappings: dict[tuple[str, str], str | None], terms: PriceTerms, expected: tuple[bool, str | None, str]
) -> None:
    rules = Rules(
        mappings={key: MappingTerms(tier, removed=False, changed_at=7) for key, tier in mappings.items()},
        prices={"price_1": terms},
    )
    assert rules.resolve("price_1")[:3] == expected


def test_a_mapping_that_was_taken_away_is_passed_over_but_remembered() -> None:
    rules = Rules(
        mappings={("price", "price_1"): MappingTerms("scale", removed=True, changed_at=9)},
        prices={"price_1": PriceTerms(None, "growth")},
    )
    expected = Resolution(mapped=True, tier="growth", by="product_tier", touched=(9, "mapping:price:price_1"))
    assert rules.resolve("price_1") == expected


def test_an_unmapped_price_gives_nothing_and_is_named() -> None:
    strange = decided([step(0, price="strange")])
    assert short(strange) == ("free", "unmapped", 0, "evt_0")
    assert strange.unmapped == ("price_strange",)
    beside = decided([step(0, price="strange")], [step(1, price="growth")])
    assert (short(beside)[:2], beside.unmapped) == (("growth", "active"), ("price_strange",))
    over = decided([step(0, price="strange"), step(9, "canceled", price="strange")])
    assert (short(over)[:2], over.unmapped) == (("free", "ended"), ())


def test_an_add_on_gives_no_tier_and_is_not_unmapped() -> None:
    rules = replace(RULES, mappings={("price", "price_audit"): MappingTerms(None, removed=False, changed_at=T + 3)})
    alone = decided([step(0, price="audit")], rules=rules)
    assert (short(alone), alone.unmapped) == (("free", "add_on", 3, "mapping:price:price_audit"), ())
    beside = decided([step(0, price="audit")], [step(1, price="growth")], rules=rules)
    assert short(beside) == ("growth", "active", 1, "evt_1")


def test_what_a_rule_brought_about_began_when_the_rule_changed() -> None:
    mapping = {("price", "price_strange"): MappingTerms("scale", removed=False, changed_at=T + 77)}
    rules = replace(RULES, mappings=mapping)
    assert short(decided([step(0, price="strange")], rules=rules)) == (
        "scale", "active", 77, "mapping:price:price_strange",
    )  # fmt: skip
    assert short(decided([step(90, price="strange")], rules=rules)) == ("scale", "active", 90, "evt_90")
    gates = replace(RULES, tiers={**TIERS, "growth": replace(TIERS["growth"], changed_at=T + 50)})
    assert short(decided([step(0)], rules=gates)) == ("growth", "active", 50, "tier:growth")
    policy = replace(RULES, free_tier=None, policy_changed_at=T + 60)
    assert short(decided([step(0, "unpaid")], rules=policy)) == (None, "unpaid", 60, "policy")
    assert short(decided([step(0)], rules=policy)) == ("growth", "active", 0, "evt_0")


def test_grace_ends_so_many_days_after_the_first_unpaid_day() -> None:
    rules = replace(RULES, past_due_days=7)
    life = [step(0), step(100, "past_due"), step(100 + 3 * DAY, "past_due", quantity=2)]
    before = decided(life, rules=rules, now=T + 100 + 7 * DAY - 1)
    assert (short(before), before.until) == (("growth", "past_due", 0, "evt_0"), T + 100 + 7 * DAY)
    after = decided(life, rules=rules, now=T + 100 + 7 * DAY)
    assert (short(after), after.until) == (("free", "grace_over", 100 + 7 * DAY, "evt_100"), None)
    paid = decided([*life, step(100 + 9 * DAY)], rules=rules, now=T + 100 + 9 * DAY)
    assert short(paid) == ("growth", "active", 100 + 9 * DAY, f"evt_{100 + 9 * DAY}")


def override(
    tier: str | None = "scale",
    *,
    exactly: bool = False,
    starts: int = 10,
    ends: int | None = None,
    seats: int | None = None,
) -> tuple[Override, ...]:
    return (Override(3, exactly, tier, {}, seats, T + starts, None if ends is None else T + ends),)


def test_an_override_adds_the_better_of_each() -> None:
    raised = decided([step(0)], overrides=override("scale"))
    assert (short(raised), raised.overridden) == (("scale", "override", 10, "override:3"), True)
    lower = decided([step(0)], overrides=override("starter"))
    assert (short(lower), lower.overridden) == (("growth", "active", 0, "evt_0"), True)
    seats = decided([step(0)], overrides=override(None, seats=500))
    assert (short(seats), seats.given.seats) == (("growth", "active", 10, "override:3"), 500)
    alone = decided(overrides=override("starter"))
    assert (short(alone), alone.given.seats) == (("starter", "override", 10, "override:3"), 5)


def test_an_override_can_stand_instead() -> None:
    held = decided([step(0)], overrides=override("starter", exactly=True))
    assert (short(held), held.given.seats) == (("starter", "override", 10, "override:3"), 5)
    locked = decided([step(0)], overrides=override(None, exactly=True))
    assert (locked.given.tier, locked.given.features, locked.given.seats) == (None, {}, 0)


def test_an_override_ends_by_itself() -> None:
    life, granted = [step(0)], override("scale", ends=90)
    during = decided(life, overrides=granted, now=T + 89)
    assert (short(during)[0], during.until) == ("scale", T + 90)
    after = decided(life, overrides=granted, now=T + 90)
    assert (short(after), after.until, after.overridden) == (("growth", "active", 90, "override:3"), None, False)
    nothing_else = decided(overrides=granted, now=T + 90)
    assert short(nothing_else) == ("free", "no_subscription", 90, "override:3")


def test_nobody_without_a_subscription_or_override_has_a_row() -> None:
    assert decide({}, (), RULES, NOW) is None


def test_an_event_that_is_ahead_of_our_clock_counts() -> None:
    assert short(decided([step(0), step(30, price="scale")], now=T + 29)) == ("scale", "active", 30, "evt_30")


def test_what_somebody_decided_by_a_clock_ahead_of_ours_counts() -> None:
    """Also for a customer of whom nothing else is known: no decision at all would leave what rules of before gave."""
    granted = decided([step(0)], overrides=override("scale", starts=30, ends=90), now=T + 29)
    assert (short(granted), granted.until) == (("scale", "override", 30, "override:3"), T + 90)
    alone = decided(overrides=override("scale", starts=30, ends=30), now=T + 29)
    assert (short(alone), alone.until) == (("free", "no_subscription", 30, "override:3"), None)
    (running,) = override("scale", ends=60)
    revoked = decided([step(0)], overrides=(running._replace(revoked=T + 60),), now=T + 59)
    assert (short(revoked), revoked.until) == (("growth", "active", 60, "override:3"), None)
    expires = decided([step(0)], overrides=(running,), now=T + 59)
    assert (short(expires), expires.until) == (("scale", "override", 10, "override:3"), T + 60)


gates = st.one_of(st.booleans(), st.integers(0, 5), st.none())


@given(gates, gates, gates)
def test_the_better_gate_does_not_depend_on_order(a: object, b: object, c: object) -> None:
    ways = [better(better(a, b), c), better(a, better(b, c)), better(c, better(b, a))]  # type: ignore[arg-type]
    assert len({(type(way), way) for way in ways}) == 1
    names = better_features({"x": a}, {"x": b, "y": c})  # type: ignore[dict-item]
    assert names == better_features({"y": c, "x": b}, {"x": a})  # type: ignore[dict-item]


def test_more_seats() -> None:
    assert (more_seats(), more_seats(3, 9), more_seats(3, None, 9), more_seats(0)) == (0, 9, None, 0)


statuses = st.sampled_from(["active", "trialing", "past_due", "unpaid", "canceled", "paused", "incomplete"])
lives = st.lists(
    st.builds(
        step,
        st.integers(0, 12),
        statuses,
        st.sampled_from(["starter", "growth", "scale", "strange"]),
        st.integers(0, 3),
    ),
    max_size=6,
    unique_by=lambda s: s.second,
).map(lambda steps: sorted(steps, key=lambda s: s.second))


@given(st.lists(lives, max_size=3), st.integers(0, 14))
def test_a_decision_agrees_with_itself_at_every_instant(several: list[list[Step]], now: int) -> None:
    """`since` is the first instant from which on the answer was what it is; nothing after `now` matters."""
    rules = replace(RULES, past_due_days=None)
    subscriptions = {f"sub_{n}": life for n, life in enumerate(several)}

    def at(second: int) -> Decision | None:
        return decide(
            {k: [s for s in v if s.second <= T + second] for k, v in subscriptions.items()}, (), rules, T + second
        )

    found = at(now)
    course = [at(second) for second in range(now + 1)]
    if found is None:
        assert all(one is None for one in course)
        return
    given_at = [one.given if one else None for one in course]
    began = found.since - T
    assert all(one == found.given for one in given_at[began:])
    assert began == 0 or given_at[began - 1] != found.given
    assert found.cause == f"evt_{began}"
