"""Any rules that people could make, for lives of `saas_year`."""

from __future__ import annotations

from datetime import time
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from alerts.machine import Settings
from alerts.models import Rule, RuleKind
from alerts.rules import THRESHOLDS
from alerts.rules.event import KINDS
from billing.quiet import quiet_hours

minimums = st.one_of(st.just({}), st.just({"usd": "60"}), st.just({"usd": "0", "eur": "0"}))
hours = st.one_of(st.none(), st.integers(1, 168))
zones = st.sampled_from(["UTC", "America/Los_Angeles", "Europe/Berlin"])


@st.composite
def of_failures(draw: st.DrawFn) -> dict[str, Any]:
    minutes = draw(st.sampled_from([5, 60, 1440, 10_080]))
    if draw(st.booleans()):
        return {"measure": "count", "threshold": str(draw(st.integers(0, 3))), "currency": "", "minutes": minutes}
    threshold, currency = str(draw(st.integers(0, 200))), draw(st.sampled_from(["usd", "eur"]))
    return {"measure": "amount", "threshold": threshold, "currency": currency, "minutes": minutes}


@st.composite
def of_drops(draw: st.DrawFn) -> dict[str, Any]:
    currency = draw(st.sampled_from(["", "", "usd", "eur"]))
    if draw(st.booleans()):
        threshold = {"measure": "percent", "threshold": str(draw(st.integers(0, 12))), "minimum": "10"}
    else:
        threshold = {"measure": "amount", "threshold": str(draw(st.integers(0, 300))), "minimum": ""}
    return {**threshold, "hours": draw(hours), "currency": currency}


PARAMS: dict[RuleKind, st.SearchStrategy[dict[str, Any]]] = {
    RuleKind.PAYMENT_FAILED: st.builds(lambda least: {"minimums": least}, minimums),
    RuleKind.PAYMENT_FAILURES: of_failures(),
    RuleKind.MRR_DROP: of_drops(),
    RuleKind.CHURN_RATE: st.builds(
        lambda threshold, least: {"threshold": str(threshold), "minimum": least}, st.integers(0, 15), st.integers(1, 12)
    ),
    RuleKind.EVENT: st.builds(
        lambda kinds, least, tier: {"kinds": sorted(kinds), "minimums": least, "tier": tier, "customer": ""},
        st.sets(st.sampled_from(KINDS), min_size=1, max_size=12),
        st.one_of(st.just({}), minimums),
        st.sampled_from(["", "", "growth", "starter"]),
    ),
    RuleKind.UNMAPPED_PRICE: st.just({}),
    RuleKind.QUARANTINE: st.just({}),
}


def rule(kind: RuleKind) -> st.SearchStrategy[dict[str, Any]]:
    def with_quiet(rule: dict[str, Any], night: tuple[time | None, time | None]) -> dict[str, Any]:
        return {**rule, "quiet_from": night[0], "quiet_until": night[1]}

    plain = st.fixed_dictionaries(
        {
            "kind": st.just(kind),
            "params": PARAMS[kind],
            "cooldown_seconds": st.sampled_from([0, 60, 3600, 86_400]),
            "hysteresis": st.sampled_from([0, 20, 50]),
        }
    )
    nights = st.sampled_from([(None, None), (None, None), (time(22), time(7)), (time(9, 30), time(15))])
    return st.builds(with_quiet, plain, nights)


def rules(each: int) -> st.SearchStrategy[tuple[dict[str, Any], ...]]:
    """So many rules of each kind that is about what happens at Stripe."""
    return st.tuples(*(rule(kind) for kind in PARAMS for _ in range(each)))


def settings_of(rule: Rule, zone: ZoneInfo) -> Settings:
    """What of a rule's way to speak a preview takes into account."""
    quiet = quiet_hours(rule.quiet_from, rule.quiet_until, zone)
    return Settings(cooldown=rule.cooldown, hysteresis=rule.hysteresis, quiet=quiet)


def facts(rule: Rule, said: Any) -> list[tuple[Any, ...]]:
    """When, what, of how many; and the words where they do not tell what became known only later."""
    return [(one.at, one.outcome, one.count, one.title if rule.kind in THRESHOLDS else "") for one in said]
