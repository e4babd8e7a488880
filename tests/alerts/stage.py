"""A workspace with rules, channels and a connection: what tests of alerts stand on.

Nothing is sent here: messages are rows of the outbox, and `sent` says what the sender would have written down.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from alerts.deciding import Evaluated, evaluate
from alerts.defaults import EDITION
from alerts.models import Finding, Outcome, Rule
from alerts.preview import Said
from alerts.reactions import judge_failures, tell
from billing.models import HistoryEntry
from billing.modes import Mode
from billing.reacting import News
from integrations.channels import Message
from integrations.models import Channel, Delivery
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction
from tests.factories import ChannelFactory, ConnectionFactory, RecoveryFactory, WorkspaceFactory
from tests.factories_alerts import RuleFactory, WatchFactory

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
"""A Tuesday."""


def at(minutes: float) -> datetime:
    """So many minutes after noon."""
    return NOON + timedelta(minutes=minutes)


class Stage:
    """One workspace in one mode, connected for ten days, heard of without end, without the default rules."""

    def __init__(self, mode: Mode = Mode.TEST, **of_workspace: Any) -> None:
        self.workspace: Workspace = WorkspaceFactory(**of_workspace)
        self.mode = mode
        self.connection = ConnectionFactory(
            workspace=self.workspace, mode=mode, connected_at=NOON - timedelta(days=10), last_delivery_at=at(9999)
        )
        self.recovery = RecoveryFactory(connection=self.connection, workspace=self.workspace, read_until=at(9999))
        self.watch = WatchFactory(workspace=self.workspace, mode=mode, defaults=EDITION)
        self.channel: Channel = ChannelFactory(workspace=self.workspace, name="#billing", number=1)

    def rule(self, kind: str, params: dict[str, Any] | None = None, **of_rule: Any) -> Rule:
        rule: Rule = RuleFactory(
            workspace=self.workspace,
            mode=self.mode,
            kind=kind,
            params=params or {},
            stepped_at=of_rule.pop("since", NOON),
            **of_rule,
        )
        return rule

    def made(self, factory: Any, **of_row: Any) -> Any:
        """A row of this workspace and mode."""
        return factory(workspace=self.workspace, mode=self.mode, **of_row)

    def evaluate(self, now: datetime) -> Evaluated:
        with scoped_transaction(self.workspace):
            return evaluate(self.workspace.pk, self.mode, now)

    def hear(self, now: datetime, *lines: HistoryEntry) -> None:
        """New lines come to the reactions of alerts, as `pqintel.reactions` hands them over."""
        news = News(self.workspace.pk, self.mode, tuple(lines), now)
        with scoped_transaction(self.workspace):
            tell(news)
        with scoped_transaction(self.workspace):
            judge_failures(news)

    def messages(self, channel: Channel | None = None) -> list[Message]:
        with scoped_transaction(self.workspace):
            rows = Delivery.objects.filter(workspace=self.workspace, mode=self.mode).order_by("id")
            return [Message.of(row.message) for row in rows if channel is None or row.channel_id == channel.pk]

    def titles(self, channel: Channel | None = None) -> list[str]:
        return [message.title for message in self.messages(channel)]

    def findings(self) -> list[tuple[str, str, str]]:
        """Outcome, title and reason, in order."""
        with scoped_transaction(self.workspace):
            rows = Finding.objects.filter(workspace=self.workspace, mode=self.mode).order_by("id")
            return list(rows.values_list("outcome", "title", "reason"))

    def course(self, rule: Rule) -> list[tuple[datetime, str]]:
        """When a rule found something, and with which outcome, in order."""
        with scoped_transaction(self.workspace):
            return list(Finding.objects.filter(rule=rule).order_by("id").values_list("at", "outcome"))

    def said(self, rule: Rule) -> list[Said]:
        """The messages of a rule, in order."""
        with scoped_transaction(self.workspace):
            keys = set(Delivery.objects.filter(workspace=self.workspace).values_list("dedupe_key", flat=True))
            rows = Finding.objects.filter(rule=rule).order_by("id")
            return [Said(row.at, Outcome(row.outcome), row.title, row.count) for row in rows if row.dedupe_key in keys]

    def sent(self, state: str = "sent", reason: str = "") -> None:
        """Whatever waits is sent, or comes to another end."""
        with scoped_transaction(self.workspace):
            rows = Delivery.objects.filter(workspace=self.workspace, state="waiting")
            rows.update(state=state, reason=reason)

    def again(self, rule: Rule) -> Rule:
        """The rule as it is now."""
        with scoped_transaction(self.workspace):
            return Rule.objects.get(pk=rule.pk)

    def change(self, row: Any, **values: Any) -> None:
        with scoped_transaction(self.workspace):
            type(row).objects.filter(pk=row.pk).update(**values)
