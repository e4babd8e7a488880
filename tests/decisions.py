"""A workspace in which everything is to be decided at once, and what was decided there.

The instants are those of a real clock: processes that run by themselves have no other. Two companies that were made for
the same `now` have the same to decide, so what becomes of one in peace is the truth about the other.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from alerts.defaults import EDITION
from alerts.models import DigestRun, DigestSettings, Finding, Rule, Watch
from alerts.tasks import evaluate, send_digests
from billing.begun import FIRST
from billing.lanes import lane_of
from billing.models import AccessHold, PendingReaction
from billing.snapshots import Fact, Kind
from dunning.models import Case, CaseEntry, Letter, LetterState
from dunning.tasks import run_cases
from integrations.channels import lanes
from integrations.models import Channel, Connection, Delivery, DeliveryState, Read
from pqintel.reactions import react
from pqintel.workspaces.tenancy import scoped_transaction
from tests.dunning.story import Story
from tests.factories import FailureFactory, RecoveryFactory, WorkspaceFactory
from tests.factories_alerts import RuleFactory, WatchFactory
from tests.factories_digest import DigestRunFactory, DigestSettingsFactory
from tests.integrations.channels.stage import HOOK

BEFORE = timedelta(days=14, hours=6)
"""How long before `now` the first payment of a company failed: grace is over, and nothing more is late by days."""
MINUTE = 1 / 1440
_WHEN = re.compile(r"(:(?:fired|recovered|group):)\d+")
_OURS = re.compile(r"http://127\.0\.0\.1:\d+")
Decided = dict[str, list[str]]


def differences(found: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    """What two companies differ in, by table: the rows that only one of them has."""
    told: dict[str, Any] = {}
    for table, rows in expected.items():
        if found[table] != rows:
            extra, missing = (
                [row for row in mine if row not in theirs] if isinstance(rows, list) else mine
                for mine, theirs in ((found[table], rows), (rows, found[table]))
            )
            told[table] = {"extra": extra, "missing": missing}
    return told


def without_instants(key: str) -> str:
    """A dedupe key, or a text that holds some, without the instants at which somebody has looked."""
    return _WHEN.sub(r"\1", key)


class Company(Story):
    """A workspace in live mode, connected and heard of, with one channel (at Slack, unless said). Nothing is due."""

    def __init__(self, now: datetime, **of_channel: Any) -> None:
        # Where it is noon now: no day ends, and no summary falls due, while a test runs.
        self.at_last = now
        zone = f"Etc/GMT{now.hour - 12:+d}"
        super().__init__(WorkspaceFactory(name="Acme", timezone=zone), begins=now - BEFORE)
        channel = {"kind": "slack_webhook", "secret": HOOK, **of_channel}
        self.team: Channel = self.channel(number=1, created_at=self.at(0), **channel)
        with scoped_transaction(self.workspace):
            stripe = Connection.objects.get()
            Connection.objects.update(last_delivery_at=now + timedelta(days=1))
        RecoveryFactory(connection=stripe, workspace=self.workspace, read_until=now + timedelta(days=1))
        WatchFactory(workspace=self.workspace, mode=self.mode, defaults=EDITION, looked_at=now, next_at=None)
        DigestSettingsFactory(workspace=self.workspace, mode=self.mode, enabled=False)
        self.react(0)
        with scoped_transaction(self.workspace):
            Letter.objects.all().delete()  # the welcome of long ago

    @property
    def lane(self) -> int:
        return lane_of(self.workspace.pk, self.mode)

    @property
    def team_lane(self) -> int:
        return lanes.lane_of(self.workspace.pk, self.team.number)

    @property
    def last(self) -> float:
        """`now` as a day of the story."""
        return BEFORE / timedelta(days=1)

    # What is to be decided -------------------------------------------------------------------------------------------
    def news(self) -> Company:
        """New lines of history, of every kind that somebody reacts to; nobody has yet."""
        self._rule("payment_failed", {"minimums": {}})
        self._rule("payment_failures", {"measure": "count", "threshold": "1", "currency": "", "minutes": 60})
        self._rule("event", {"kinds": ["subscription.started"], "minimums": {}, "tier": "", "customer": ""})
        for name in ("cus_paid", "cus_fails", "cus_begins", "cus_leaves", "cus_buys"):
            self.customer(name)
        self.subscription("sub_leaves", "cus_leaves")
        self.fail(self.last - 3, "in_void", following=self.last, customer="cus_paid", subscription=None)
        self.fail(self.last - 2, "in_paid", "stolen_card", customer="cus_paid", subscription=None)
        self.run_until(self.last - 1)
        for minutes, invoice in ((12, "in_new"), (11, "in_newer")):
            at = self.last - minutes * MINUTE
            self.fail(at, invoice, "stolen_card", customer="cus_fails", subscription=None, react=False)
        at = self.last - 10 * MINUTE
        self.now = self.at(at)
        self.subscription("sub_begins", "cus_begins", created=int(self.now.timestamp()))
        self.subscription("sub_leaves", "cus_leaves", "canceled", ended_at=int(self.now.timestamp()))
        bought = Fact("checkout.completed", Kind.CHECKOUT, "cs_1", "cus_buys", {"mode": "subscription"})
        self.learn(self._event("checkout.session.completed", day=at, facts=(bought,)), at)
        self.change(at, "in_paid", "paid", "invoice.paid", react=False, paid_at=int(self.now.timestamp()))
        self.change(at, "in_void", "void", "invoice.voided", react=False, voided_at=int(self.now.timestamp()))
        return self._past()

    def due(self) -> Company:
        """Steps of dunning whose time has come: access falls, letters to three customers, the team is told."""
        for day, following in ((0.0, 3.0), (3.0, 5.0), (5.0, 7.0), (7.0, None)):
            self.run_until(day)
            self.fail(day, following=following)
        self.run_until(self.last - 1)
        for number, code in enumerate(("stolen_card", "authentication_required"), 1):
            self.customer(f"cus_due{number}")
            at = self.last - (20 - number) * MINUTE
            self.fail(at, f"in_due{number}", code, customer=f"cus_due{number}", subscription=None)
        self.customer("cus_large")
        self.policy(escalate_amounts={"usd": 100_00})
        self.fail(self.last - 30 * MINUTE, "in_large", customer="cus_large", subscription=None, amount=500_00)
        return self._past()

    def put_off(self) -> Company:
        """A first invoice that failed before anything was known of its subscription, which a read has brought since."""
        at = self.last - 15 * MINUTE
        self.customer("cus_late")
        self.fail(at, "in_late", customer="cus_late", subscription="sub_late", billing_reason=FIRST)
        found = self.turning(at, "sub_late", "cus_late", "past_due")
        (known,) = found.snapshots
        self.learn(replace(found, event_id="pqread_late", snapshots=(replace(known, read=True),)), at + MINUTE)
        self.react()
        return self._past()

    def over_thresholds(self) -> Company:
        """Numbers above what rules allow, of which no line of history tells: only judging finds them."""
        for threshold in ("2", "3"):
            params = {"measure": "count", "threshold": threshold, "currency": "", "minutes": 60}
            self._rule("payment_failures", params)
        for minutes in (8, 7, 6, 5):
            happened = self.at_last - timedelta(minutes=minutes)
            FailureFactory(
                workspace=self.workspace, mode=self.mode, happened_at=happened, amount=4900, customer=f"cus_{minutes}"
            )
        with scoped_transaction(self.workspace):
            Watch.objects.update(looked_at=self.at_last - timedelta(hours=1), next_at=self.at_last)
        return self

    def summary(self) -> Company:
        """The summary of yesterday, due since midnight."""
        here = self.at_last.astimezone(ZoneInfo(self.workspace.timezone))
        with scoped_transaction(self.workspace):
            DigestSettings.objects.update(enabled=True, hour=0, since=self.at(0))
        DigestRunFactory(workspace=self.workspace, mode=self.mode, day=here.date() - timedelta(days=2))
        return self

    # What was decided ------------------------------------------------------------------------------------------------
    def decided(self) -> Decided:
        """Everything that was decided, without when, and without what has become of it since; by table."""
        with scoped_transaction(self.workspace):
            return {
                "cases": self._rows(
                    Case.objects.order_by("invoice"),
                    *("invoice", "customer", "state", "attempts", "last_letter", "done", "next_step"),
                ),
                "timelines": self._rows(CaseEntry.objects.order_by("invoice", "id"), "invoice", "kind", "text", "key"),
                "holds": self._rows(AccessHold.objects.order_by("invoice"), "customer", "subscription", "lifted_by"),
                "letters": self._rows(
                    Letter.objects.order_by("dedupe_key"),
                    *("dedupe_key", "kind", "customer", "subject", "facts"),
                ),
                "messages": self._rows(Delivery.objects.order_by("dedupe_key"), "dedupe_key", "message"),
                "findings": self._rows(
                    Finding.objects.order_by("dedupe_key"),
                    *("dedupe_key", "rule__number", "outcome", "reason", "title", "count"),
                ),
                "summaries": self._rows(DigestRun.objects.order_by("day"), "cadence", "day", "state", "late", "reason"),
                "questions": self._rows(Read.objects.order_by("object_id"), "what", "object_id"),
            }

    def undecided(self) -> int:
        """How many new lines of history wait for reactions."""
        with scoped_transaction(self.workspace):
            return PendingReaction.objects.count()

    def letters(self) -> list[Letter]:
        """Those that were decided since `now`."""
        with scoped_transaction(self.workspace):
            return list(Letter.objects.filter(created_at__gte=self.at_last).order_by("dedupe_key"))

    def messages(self) -> list[Delivery]:
        """Those that were decided since `now`."""
        with scoped_transaction(self.workspace):
            return list(Delivery.objects.filter(created_at__gte=self.at_last).order_by("dedupe_key"))

    def make_due(self) -> None:
        """Bring the day nearer on which letters that wait may go out."""
        with scoped_transaction(self.workspace):
            Letter.objects.filter(state=LetterState.WAITING).update(next_attempt_at=self.at_last)

    def waiting(self) -> int:
        """How many letters and messages wait for a sender."""
        with scoped_transaction(self.workspace):
            letters = Letter.objects.filter(state=LetterState.WAITING).count()
            return letters + Delivery.objects.filter(state=DeliveryState.WAITING).count()

    def decide(self) -> None:
        """Decide all there is, in this process, once."""
        react(self.lane)
        run_cases(self.lane)
        evaluate(self.lane)
        send_digests(self.lane)

    # Machinery -------------------------------------------------------------------------------------------------------
    def _past(self) -> Company:
        """What was decided before `now` was sent then."""
        self.send()
        with scoped_transaction(self.workspace):
            Delivery.objects.filter(created_at__lt=self.at_last).update(state=DeliveryState.SENT)
        return self

    def _rule(self, kind: str, params: dict[str, Any]) -> None:
        with scoped_transaction(self.workspace):
            number = Rule.objects.count() + 1
        RuleFactory(
            workspace=self.workspace,
            mode=self.mode,
            number=number,
            kind=kind,
            params=params,
            stepped_at=self.at_last - timedelta(hours=1),
        )

    def _rows(self, rows: QuerySet[Any], *names: str) -> list[str]:
        """The rows as text, without what companies, and the programs that look at them, differ by."""
        found = (str(values) for values in rows.values_list(*names))
        told = [without_instants(_OURS.sub("", row)).replace(f"/{self.workspace.slug}/", "/SLUG/") for row in found]
        return told if rows.model is CaseEntry else sorted(told)
