"""What rules found is forgotten after 90 days, in every workspace, a batch at a time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alerts.models import Finding, Rule
from alerts.retention import forget_findings
from alerts.tasks import forget_findings as task
from pqintel.workspaces.tenancy import everywhere
from tests.alerts.stage import NOON
from tests.factories_alerts import FindingFactory

pytestmark = pytest.mark.django_db(transaction=True)


def left() -> set[str]:
    with everywhere("test"):
        assert Rule.objects.count() == 5
        return set(Finding.objects.values_list("title", flat=True))


def test_old_findings_go_and_young_ones_and_all_rules_stay() -> None:
    for title, days in (("older", 200), ("old", 90.1), ("of another", 91), ("young", 89.9), ("now", 0)):
        FindingFactory(title=title, recorded_at=NOON - timedelta(days=days))
    assert forget_findings(NOON, batch=2, most=2) == 2
    assert left() == {"of another", "young", "now"}
    assert forget_findings(NOON, batch=2) == 1
    assert left() == {"young", "now"}
    assert forget_findings(NOON) == 0
    assert task() == 2  # by the clock of this machine both are old
