"""A preview says what really would have been said: held against thirty days that are lived through once more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from alerts.models import Rule, RuleKind
from alerts.preview import preview
from pqintel.simulator.account import Account
from pqintel.simulator.scenario import saas_year
from pqintel.workspaces.tenancy import scoped_transaction
from tests.factories import ExchangeRateFactory, WorkspaceFactory
from tests.integrations.living import lessons

from .replaying import MODE, Life
from .strategies import facts, rules, settings_of, zones

START = 1_751_328_000  # 2025-07-01
DAYS = 200
REPLAYED = timedelta(days=30)


class TestReplay(TestCase):
    """Examples run in transactions of their own."""

    # Thirty days take half a minute: a failing example is told as it is, not made smaller.
    @settings(max_examples=2, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck))
    @given(
        seed=st.integers(1, 10_000),
        zone=zones,
        wanted=rules(3),
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
        chosen = settings_of(rule, ZoneInfo(life.workspace.timezone))
        found = preview(workspace_id, MODE, RuleKind(rule.kind), rule.params, chosen, life.until)
    assert (found.since, found.cut_short, found.estimated_before) == (life.begins, False, None)
    return facts(rule, found.said)
