"""A preview says what really would have been said: held against thirty days that are lived through once more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from alerts.machine import Settings
from alerts.models import Rule, RuleKind
from alerts.preview import preview
from alerts.rules import THRESHOLDS
from alerts.rules.event import KINDS
from pqintel.simulator.account import Account
from pqintel.simulator.scenario import saas_year
from pqintel.workspaces.tenancy import scoped_transaction
from tests.factories import ExchangeRateFactory, WorkspaceFactory
from tests.integrations.living import lessons

from .replaying import MODE, Life

START = 1_751_328_000  # 2025-07-01
DAYS = 200
REPLAYED = timedelta(days=30)

minimums = st.one_of(st.just({}), st.just({"usd": "60"}), st.just({"usd": "0", "eur": "0"}))
hours = st.one_of(st.none(), st.integers(1, 168))


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
}


def rule(kind: RuleKind) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "kind": st.just(kind),
            "params": PARAMS[kind],
            "cooldown_seconds": st.sampled_from([0, 60, 3600, 86_400]),
            "hysteresis": st.sampled_from([0, 20, 50]),
        }
    )


rules = st.tuples(*(rule(kind) for kind in PARAMS for _ in range(3)))


class TestReplay(TestCase):
    """Examples run in transactions of their own."""

    # Thirty days take half a minute: a failing example is told as it is, not made smaller.
    @settings(max_examples=2, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck))
    @given(
        seed=st.integers(1, 10_000),
        zone=st.sampled_from(["UTC", "America/Los_Angeles", "Europe/Berlin"]),
        wanted=rules,
    )
    def test_a_preview_is_what_a_replay_says(self, seed: int, zone: str, wanted: tuple[dict[str, Any], ...]) -> None:
        account = Account(seed, START)
        saas_year(account, START + DAYS * 86_400, customers=24)
        until = datetime.fromtimestamp(account.now, UTC)
        for day in range(DAYS - 60, DAYS + 2):
            at = datetime.fromtimestamp(START, UTC) + timedelta(days=day)
            ExchangeRateFactory(day=at.date(), currency="usd", per_euro=f"1.{100 + day % 7}")
        life = Life(WorkspaceFactory(timezone=zone), lessons(account), until - REPLAYED, until)
        made = [life.rule(**one) for one in wanted]
        life.live()
        fired = 0
        for rule in made:
            real = life.said(rule)
            fired += len(real)
            assert foreseen(life, rule) == facts(rule, real), (rule.kind, rule.params, rule.cooldown_seconds)
        assert fired


def foreseen(life: Life, rule: Rule) -> list[tuple[Any, ...]]:
    with scoped_transaction(life.workspace) as workspace_id:
        chosen = Settings(cooldown=rule.cooldown, hysteresis=rule.hysteresis)
        found = preview(workspace_id, MODE, RuleKind(rule.kind), rule.params, chosen, life.until)
    assert (found.since, found.cut_short, found.estimated_before) == (life.begins, False, None)
    return facts(rule, found.said)


def facts(rule: Rule, said: Any) -> list[tuple[Any, ...]]:
    """When, what, of how many; and the words where they do not tell what became known only later."""
    return [(one.at, one.outcome, one.count, one.title if rule.kind in THRESHOLDS else "") for one in said]
