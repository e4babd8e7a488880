"""Thirty days lived through once more: what happens is learnt second by second, and rules are judged as they would be.

Reactions and evaluations are those of the product, with the clock of the life; beats come every minute in which
somebody has to look, and every message counts as delivered.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from alerts.deciding import evaluate
from alerts.defaults import EDITION
from alerts.models import Finding, Outcome, Rule, Watch
from alerts.preview import Said
from billing.actions import learn
from billing.actions.reacting import visit
from billing.modes import Mode
from billing.reacting import READ_PREFIX
from billing.snapshots import Learned
from integrations.models import Delivery, DeliveryState
from pqintel.reactions import REACTIONS
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.factories import ChannelFactory, ConnectionFactory, RecoveryFactory
from tests.factories_alerts import RuleFactory, WatchFactory

MODE = Mode.TEST


class Life:
    """A workspace that was connected long before, and what its account will tell."""

    def __init__(self, workspace: Workspace, told: Sequence[Learned], begins: datetime, until: datetime) -> None:
        """`told` from `begins` on is what is lived through; the rest is known from the start."""
        self.workspace, self.begins, self.until = workspace, begins, until
        long_ago, far = begins - timedelta(days=3650), until + timedelta(days=1)
        stripe = ConnectionFactory(workspace=workspace, mode=MODE, connected_at=long_ago, last_delivery_at=far)
        RecoveryFactory(connection=stripe, workspace=workspace, read_until=far)
        WatchFactory(workspace=workspace, mode=MODE, defaults=EDITION)
        ChannelFactory(workspace=workspace)
        read = [one for one in told if one.event_id.startswith(READ_PREFIX)]
        events = sorted((one for one in told if not one.event_id.startswith(READ_PREFIX)), key=_second)
        first = int(begins.timestamp())
        self._learn([*read, *(one for one in events if _second(one) <= first)], begins)
        self._ahead = [one for one in events if _second(one) > first]

    def rule(self, kind: str, params: dict[str, Any], **of_rule: Any) -> Rule:
        rule: Rule = RuleFactory(
            workspace=self.workspace, mode=MODE, kind=kind, params=params, stepped_at=self.begins, **of_rule
        )
        return rule

    def live(self) -> None:
        """Live through it all."""
        self._judge(self.begins)
        for second, some in groupby(self._ahead, key=_second):
            now = datetime.fromtimestamp(second, UTC)
            self._beat_until(now)
            self._learn(some, now)
            self._judge(now)
        self._beat_until(self.until)
        self._judge(self.until)

    def said(self, rule: Rule) -> list[Said]:
        """The messages of a rule, in order."""
        with scoped_transaction(self.workspace):
            keys = set(Delivery.objects.filter(workspace=self.workspace).values_list("dedupe_key", flat=True))
            rows = Finding.objects.filter(workspace=self.workspace, mode=MODE, rule=rule).order_by("at", "id")
            return [Said(row.at, Outcome(row.outcome), row.title, row.count) for row in rows if row.dedupe_key in keys]

    def _learn(self, some: Iterable[Learned], now: datetime) -> None:
        with scoped_transaction(self.workspace) as workspace_id:
            learn(workspace_id, MODE, list(some), now)
        with scope(self.workspace) as workspace_id:
            while visit(workspace_id, MODE, REACTIONS, lambda: now).more:
                continue

    def _beat_until(self, until: datetime) -> None:
        """Beats come on the minute, and look where it is time."""
        while (due := self._due()) is not None:
            beat = due.replace(second=0, microsecond=0)
            beat = beat if beat == due else beat + timedelta(minutes=1)
            if beat >= until:
                return
            self._judge(beat)

    def _due(self) -> datetime | None:
        with scoped_transaction(self.workspace):
            return Watch.objects.get(workspace=self.workspace, mode=MODE).next_at

    def _judge(self, now: datetime) -> None:
        with scoped_transaction(self.workspace) as workspace_id:
            evaluate(workspace_id, MODE, now)
            waiting = Delivery.objects.filter(workspace_id=workspace_id, state=DeliveryState.WAITING)
            waiting.update(state=DeliveryState.SENT)


def _second(one: Learned) -> int:
    return one.happened_at
