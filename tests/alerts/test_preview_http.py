"""A preview says what really is said: held against thirty days that come in over HTTP and go out to a peer."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from alerts.models import RuleKind
from alerts.preview import preview
from billing.models import ExchangeRate
from pqintel.simulator.account import Account
from pqintel.simulator.scenario import saas_year
from pqintel.workspaces.tenancy import scoped_transaction
from tests.integrations.channels.stage import provider

from .replaying_http import MODE, Weather, replay
from .strategies import facts, rules, settings_of, zones

pytestmark = pytest.mark.django_db(transaction=True)

START = 1_751_328_000  # 2025-07-01
DAYS = 80
REPLAYED = timedelta(days=30)
EXAMPLES = int(os.environ.get("PQ_REPLAYS", "2"))

weathers = st.builds(
    Weather,
    seed=st.integers(0, 1000),
    copies=st.integers(1, 3),
    poison=st.integers(1, 12),
    at_once=st.booleans(),
)


# Thirty days take some seconds: a failing example is told as it is, not made smaller.
@examples(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(seed=st.integers(1, 10_000), zone=zones, weather=weathers, wanted=rules(2))
def test_a_preview_is_what_comes_of_thirty_days_over_http(
    settings: Any, seed: int, zone: str, weather: Weather, wanted: tuple[dict[str, Any], ...]
) -> None:
    account = Account(seed, START)
    saas_year(account, START + DAYS * 86_400, customers=8)
    until = datetime.fromtimestamp(account.now, UTC)
    rates = [
        ExchangeRate(day=(until - timedelta(days=ago)).date(), currency="usd", per_euro=Decimal(f"1.{100 + ago % 7}"))
        for ago in range(50)
    ]
    ExchangeRate.objects.bulk_create(rates, ignore_conflicts=True)
    with provider(settings) as slack, replay(account, REPLAYED, zone, weather) as life:
        made = [life.rule(**one) for one in wanted]
        life.live()
        real = {rule: life.said(rule) for rule in made}
        assert life.deliveries() == {"sent": len(slack.bodies)}
        for rule in made:
            with scoped_transaction(life.workspace) as workspace_id:
                chosen = settings_of(rule, ZoneInfo(zone))
                found = preview(workspace_id, MODE, RuleKind(rule.kind), rule.params, chosen, until)
            assert facts(rule, found.said) == facts(rule, real[rule]), (rule.kind, rule.params, chosen)
        assert sum(map(len, real.values())) == len(slack.bodies)
        assert any(real[rule] for rule in made if rule.kind == RuleKind.QUARANTINE)
