"""Thirty days lived through once more, from outside: what happened at Stripe is posted to the webhook's own URL.

Everything between the signed body and the message that Slack gets is the product's: receiving, draining, reacting, the
beat that finds what is due, judging, sending to a peer that takes each message. The clock stands at the second that is
lived through. Only the senders' clock runs ahead, when they wait for the pace that Slack asks for.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from random import Random
from typing import Any, Final

import time_machine
from django.db import transaction
from django.test import Client

from alerts.defaults import EDITION
from alerts.models import Finding, Outcome, Rule, Watch
from alerts.preview import Said
from alerts.tasks import evaluate, sweep_rules
from billing.actions.reacting import visit as react_to
from billing.models import SyncState
from billing.modes import Mode
from integrations.channels.sending import Clock, visit
from integrations.models import Channel, Connection, Delivery, DeliveryState
from integrations.stripe.signature import sign
from integrations.tasks import drain
from pqintel.reactions import REACTIONS, react
from pqintel.simulator.account import Account
from pqintel.simulator.render import exists_in, render_event
from pqintel.workspaces.actions.workspaces import delete_workspace
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.factories import ChannelFactory, RecoveryFactory
from tests.factories_alerts import RuleFactory, WatchFactory
from tests.integrations.channels.stage import HOOK
from tests.integrations.lanes import Lane, new_lane
from tests.integrations.living import PLAIN, lessons, teach

MODE: Final = Mode.TEST
MINUTE: Final = timedelta(minutes=1)
_BROKEN: Final = (b"no json", b'{"id": "evt_%d", "type": "invoice.paid", "created": %d, "livemode": false, "data": {}}')


@dataclass(frozen=True)
class Weather:
    """How deliveries fare, and whether rules are judged when they are rung for or at the next beat alone."""

    seed: int = 0
    copies: int = 1
    poison: int = 0
    at_once: bool = True


@dataclass
class Sender:
    """The clock of those who send: at least the world's, and ahead of it where they waited."""

    ahead: timedelta = field(default_factory=timedelta)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def sleep(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)


class Replay:
    """A workspace that was connected long before, on the eve of thirty days."""

    def __init__(
        self, lane: Lane, account: Account, begins: datetime, clock: time_machine.Coordinates, weather: Weather
    ) -> None:
        self.lane, self.workspace, self.weather = lane, lane.workspace, weather
        self.begins, self.until = begins, datetime.fromtimestamp(account.now, UTC)
        self._clock, self._random = clock, Random(weather.seed)
        self._ahead = list(self._parcels(account, int(begins.timestamp())))
        long_ago, far = begins - timedelta(days=3650), self.until + timedelta(days=1)
        RecoveryFactory(connection=lane.connection, workspace=self.workspace, read_until=far)
        WatchFactory(workspace=self.workspace, mode=MODE, defaults=EDITION)
        self.channel: Channel = ChannelFactory(workspace=self.workspace, kind="slack_webhook", number=1, secret=HOOK)
        with scoped_transaction(self.workspace):
            Connection.objects.filter(pk=lane.connection.pk).update(connected_at=long_ago, account_id=None)
        teach(self.workspace, (one for one in lessons(account) if one.happened_at <= int(begins.timestamp())))
        with scope(self.workspace) as workspace_id:
            while react_to(workspace_id, MODE, REACTIONS, lambda: begins).more:
                continue

    def rule(self, kind: str, params: dict[str, Any], **of_rule: Any) -> Rule:
        rule: Rule = RuleFactory(
            workspace=self.workspace, mode=MODE, kind=kind, params=params, stepped_at=self.begins, **of_rule
        )
        return rule

    def live(self) -> None:
        """Live through it all."""
        self._judge()
        for second, bodies in groupby(self._ahead, key=lambda parcel: parcel[0]):
            self._beat_until(datetime.fromtimestamp(second, UTC))
            self._deliver(second, [body for _, body in bodies])
            self._work()
        self._beat_until(self.until)
        self._clock.move_to(self.until)
        self._judge()

    def said(self, rule: Rule) -> list[Said]:
        """The messages of a rule that the peer took, in order."""
        with scoped_transaction(self.workspace):
            sent = Delivery.objects.filter(workspace=self.workspace, state=DeliveryState.SENT)
            keys = set(sent.values_list("dedupe_key", flat=True))
            rows = Finding.objects.filter(workspace=self.workspace, mode=MODE, rule=rule).order_by("at", "id")
            return [Said(row.at, Outcome(row.outcome), row.title, row.count) for row in rows if row.dedupe_key in keys]

    def deliveries(self) -> dict[str, int]:
        """How many deliveries there are by their state."""
        with scoped_transaction(self.workspace):
            states = list(Delivery.objects.filter(workspace=self.workspace).values_list("state", flat=True))
        return {state: states.count(state) for state in set(states)}

    def _parcels(self, account: Account, after: int) -> Iterator[tuple[int, bytes]]:
        """What is posted, and at which second: each event once at least, some again later, and some that are broken."""
        random, found = self._random, list[tuple[int, bytes]]()
        for event in account.events:
            if event.created > after and exists_in(event, PLAIN):
                body = json.dumps(render_event(event, PLAIN)).encode()
                again = random.choices(range(8 * 3600), k=random.randrange(self.weather.copies))
                found += [(min(event.created + late, account.now), body) for late in (0, *again)]
        for number in range(self.weather.poison):
            second = random.randrange(after + 1, account.now)
            broken = random.choice(_BROKEN)
            body = broken % (number, second) if b"%d" in broken else broken + b" %d" % number
            found += [(second, body), (min(second + random.randrange(3600), account.now), body)]
        random.shuffle(found)
        return iter(sorted(found, key=lambda parcel: parcel[0]))

    def _deliver(self, second: int, bodies: Iterable[bytes]) -> None:
        self._clock.move_to(datetime.fromtimestamp(second, UTC))
        for body in bodies:
            header = sign(body, self.lane.secret, int(time.time()))
            answer = Client().post(self.lane.path, body, content_type="application/json", HTTP_STRIPE_SIGNATURE=header)
            assert answer.status_code == 200

    def _work(self) -> None:
        drain(self.lane.number)
        while react(self.lane.number):
            continue
        self._send()
        if self.weather.at_once:
            self._judge()

    def _judge(self) -> None:
        if evaluate(self.lane.number):
            self._send()

    def _send(self) -> None:
        sender = Sender()
        with scope(self.workspace) as workspace_id:
            while visit(workspace_id, self.channel.number, Clock(sender.now, sender.sleep)).more:
                continue
            with transaction.atomic():  # the next one is sent in the world's time, whatever pace these had
                Channel.objects.filter(workspace_id=workspace_id).update(next_send_at=None)

    def _beat_until(self, until: datetime) -> None:
        """Beats come on the minute; those in which nobody has anything to do are passed over."""
        while (beat := self._next_beat()) is not None and beat < until:
            self._clock.move_to(beat)
            assert sweep_rules() == 1
            self._judge()

    def _next_beat(self) -> datetime | None:
        with scoped_transaction(self.workspace):
            watch = Watch.objects.get(workspace=self.workspace, mode=MODE)
            known = SyncState.objects.filter(workspace=self.workspace, mode=MODE, version__gt=watch.version)
            now, moved = datetime.now(UTC), known.exists()
        if not moved and watch.next_at is None:
            return None
        due = now if moved or watch.next_at is None else max(watch.next_at, now)
        beat = due.replace(second=0, microsecond=0)
        return beat if beat >= due else beat + MINUTE


@contextmanager
def replay(account: Account, days: timedelta, zone: str, weather: Weather, slug: str = "acme") -> Iterator[Replay]:
    """The last days of a life that was lived, to be lived through again. The workspace is gone afterwards.

    Slack's stand-in must be there (`tests.integrations.channels.stage.provider`).
    """
    begins = datetime.fromtimestamp(account.now, UTC) - days
    with time_machine.travel(begins, tick=False) as clock:
        lane = new_lane(slug, MODE)
        lane.workspace.timezone = zone
        lane.workspace.save()
        try:
            yield Replay(lane, account, begins, clock, weather)
        finally:
            delete_workspace(lane.workspace)
