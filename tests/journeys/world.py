"""The world of a journey: an account that lives, a workspace that hears of it, and peers that keep what they are sent.

Time is jumped from one thing that is due to the next, on either side, so that weeks pass in seconds; within a jump the
real clock runs on.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any, Final, Literal

import time_machine
from django.db.models import Min
from django.test import Client

from alerts.tasks import evaluate
from billing.access import Answer, for_customer
from billing.models import PendingReaction
from billing.modes import Mode
from dunning.letters import outbox
from dunning.models import RUNNING, CardReading, Case, Letter, LetterState
from dunning.tasks import look_at_cards, run_cases, send_letters
from integrations.channels.lanes import lane_of
from integrations.models import Channel, Connection, Delivery, DeliveryState, Read
from integrations.stripe.reads import answer_due
from integrations.stripe.routes import routes
from integrations.stripe.signature import sign
from integrations.tasks import drain, send_deliveries
from pqintel.reactions import react
from pqintel.simulator.account import Account, Settings
from pqintel.simulator.testing import Simulation
from pqintel.workspaces.actions.workspaces import delete_workspace
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.factories import ChannelFactory, MembershipFactory
from tests.integrations.channels.stage import HOOK, Provider, provider
from tests.integrations.lanes import Lane, new_lane
from tests.smtp import Mailbox, mail_server

DAY: Final = 86_400
HOUR: Final = 3_600
BEGIN: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""A Monday morning."""
OWNER: Final = "owner@acme.test"


@dataclass(frozen=True)
class Mail:
    """A mail that arrived at `instant`; `at` is the same as days since the journey began and the time of day."""

    instant: datetime
    at: str
    to: str
    subject: str
    text: str
    html: str
    headers: dict[str, str]


@dataclass(frozen=True)
class Said:
    """A message that arrived in the team's channel."""

    at: str
    title: str
    text: str


class World:
    """One company and one workspace, connected in live mode; its owner is `owner@acme.test`."""

    def __init__(
        self,
        stripe: Simulation,
        lane: Lane,
        clock: time_machine.Coordinates,
        slack: Provider,
        post: Mailbox,
        interval: Literal["week", "month"],
    ) -> None:
        self.stripe, self.lane = stripe, lane
        self.account: Account = stripe.account
        self.workspace: Workspace = lane.workspace
        self.slack, self.post = slack, post
        self._clock = clock
        self.gone = False
        self.began = datetime.fromtimestamp(self.account.now, UTC)
        self._told = 0
        self._mailed = 0
        self._said = 0
        self._mails: list[Mail] = []
        self._messages: list[Said] = []
        product = self.account.create_product("Team", metadata={"tier": "growth"})
        self.price = self.account.create_price(product.id, 4900, interval=interval)

    # Time ------------------------------------------------------------------------------------------------------------
    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.account.now, UTC)

    def pass_time(self, **span: float) -> None:
        """Let time pass, as `timedelta` counts it; whatever falls due on the way happens at its own time."""
        self.settle()
        until = self.now + timedelta(**span)
        while True:
            at = min([until, *(due for due in self._due() if due > self.now)])
            self._jump(at)
            self.settle()
            if at == until:
                return

    def settle(self) -> None:
        """Deliver what has happened and do all that is to be done now, until nothing is left."""
        for _ in range(20):
            before = self._traces()
            self._deliver()
            drain(self.lane.number)
            self._answer_reads()
            react(self.lane.number)
            run_cases(self.lane.number)
            look_at_cards(self.lane.number)
            evaluate(self.lane.number)
            send_letters(self.lane.number)
            for channel in self._channels():
                send_deliveries(channel)
            self._collect()
            if self._traces() == before:
                return
        raise AssertionError("There is no end of what is to be done.")

    def _jump(self, at: datetime) -> None:
        self._clock.move_to(at)
        self.account.advance(int(at.timestamp()))

    def _due(self) -> Iterator[datetime]:
        """Instants at which something may happen by itself."""
        yield datetime.fromtimestamp(self.account.now, UTC).replace(minute=0, second=0) + timedelta(hours=6)
        yield from (datetime.fromtimestamp(at, UTC) for at, *_ in self.account.clock._due[:1])
        with scoped_transaction(self.workspace):
            questions = (
                Case.objects.filter(state__in=RUNNING, paused_at=None).aggregate(at=Min("next_step_at")),
                Letter.objects.filter(state=LetterState.WAITING).aggregate(at=Min("next_attempt_at")),
                Delivery.objects.filter(state=DeliveryState.WAITING).aggregate(at=Min("next_attempt_at")),
                Read.objects.filter(done_at=None).aggregate(at=Min("due_at")),
                CardReading.objects.aggregate(at=Min("due_at")),
            )
        for answer in questions:
            if answer["at"] is not None:
                yield _second_after(answer["at"])

    # Events -----------------------------------------------------------------------------------------------------------
    def _deliver(self) -> None:
        parcels = self.stripe.parcels(since=self._told)
        self._told = len(self.account.events)
        for parcel in parcels:
            header = sign(parcel.body, self.lane.secret, int(time.time()))
            answer = Client().post(
                self.lane.path, parcel.body, content_type="application/json", HTTP_STRIPE_SIGNATURE=header
            )
            assert answer.status_code == (400 if self.gone else 200)

    def _answer_reads(self) -> None:
        with scope(self.workspace):
            with scoped_transaction(self.workspace):
                stripe = Connection.objects.filter(mode=Mode.LIVE).first()
            if stripe is not None and answer_due(stripe)[0]:
                drain(self.lane.number)

    # What left the house ----------------------------------------------------------------------------------------------
    def mails(self) -> list[Mail]:
        """The mails that arrived since `heard` was last asked."""
        return list(self._mails)

    def messages(self) -> list[Said]:
        """The messages that arrived in the team's channel since `heard` was last asked."""
        return list(self._messages)

    def heard(self) -> list[tuple[str, str, str]]:
        """Everything that arrived since this was last asked, by time: when, who ("team" for the channel), what."""
        mails = [(mail.at, mail.to, mail.subject) for mail in self._mails]
        found = mails + [(said.at, "team", said.title) for said in self._messages]
        self._mails, self._messages = [], []
        return sorted(found, key=lambda one: ([int(x) for x in re.split("[ :]", one[0])], one[1:]))

    def _collect(self) -> None:
        now = datetime.now(UTC)
        at = self.told(now)
        for mail in self.post.mails[self._mailed :]:
            self._mails.append(_mail(now, at, mail))
        self._mailed = len(self.post.mails)
        for body in self.slack.bodies[self._said :]:
            title, _, whose = body["text"].rpartition(" · ")
            assert whose == self.workspace.name
            self._messages.append(Said(at, title, body["text"]))
        self._said = len(self.slack.bodies)

    def told(self, at: datetime) -> str:
        """An instant as days since the beginning and the time of day (UTC): "5 09:00"."""
        return f"{(at.date() - self.began.date()).days} {at:%H:%M}"

    # What people do ---------------------------------------------------------------------------------------------------
    def answer(self, wanted: bool) -> None:
        """Say whether customers get letters."""
        with scoped_transaction(self.workspace) as workspace_id:
            outbox.answer(workspace_id, Mode.LIVE, wanted=wanted, by=OWNER, now=datetime.now(UTC))

    def remove_workspace(self) -> None:
        """Delete the workspace, as its owner may. The account goes on living, and Stripe is told off from then on."""
        delete_workspace(self.workspace)
        routes.forget()  # as a few seconds later
        self.gone = True

    # What is known ----------------------------------------------------------------------------------------------------
    def access(self, customer: str) -> Answer:
        with scoped_transaction(self.workspace) as workspace_id:
            return for_customer(workspace_id, Mode.LIVE, customer)

    def case(self, invoice: str) -> Case:
        with scoped_transaction(self.workspace):
            return Case.objects.get(mode=Mode.LIVE, invoice=invoice)

    def cases(self) -> list[Case]:
        with scoped_transaction(self.workspace):
            return list(Case.objects.order_by("opened_at", "id"))

    def subscriber(
        self, name: str = "Ada Lovelace", *, card_expires: tuple[int, int] = (2036, 1), **terms: Any
    ) -> tuple[str, str]:
        """A customer with a paid subscription and a card that is valid until a year and month; their ids."""
        email = f"{name.split()[0].lower()}@customer.test"
        customer = self.account.create_customer(name=name, email=email, card_expires=card_expires)
        return customer.id, self.account.subscribe(customer.id, [self.price.id], **terms).id

    def open_invoice(self, customer: str) -> str:
        """The newest invoice of a customer that is open."""
        found = [i for i in self.account.invoices.values() if i.customer == customer and i.status == "open"]
        return max(found, key=lambda invoice: invoice.created).id

    def _channels(self) -> list[int]:
        with scoped_transaction(self.workspace):
            return [lane_of(self.workspace.pk, c.number) for c in Channel.objects.filter(removed_at=None)]

    def _traces(self) -> tuple[int, ...]:
        with scoped_transaction(self.workspace):
            return (
                len(self.account.events) - self._told,
                PendingReaction.objects.filter(gave_up_at=None).count(),
                Letter.objects.exclude(state=LetterState.WAITING).count(),
                Letter.objects.count(),
                Delivery.objects.exclude(state=DeliveryState.WAITING).count(),
                Delivery.objects.count(),
            )


@contextmanager
def world(
    settings: Any,
    *,
    letters: bool | None = True,
    timezone: str = "UTC",
    begin: datetime = BEGIN,
    interval: Literal["week", "month"] = "week",
    **rules: Any,
) -> Iterator[World]:
    """A company and its workspace, connected on Monday, 2 March 2026, 9:00 UTC, unless it begins at another time.

    `letters`: how the question was answered, None = not yet; `interval` is that of the price; `rules` are settings of
    the Stripe account.
    """
    with ExitStack() as stack:
        clock = stack.enter_context(time_machine.travel(begin, tick=True))
        account = Account(7, int(begin.timestamp()), livemode=True, settings=Settings(**rules))
        stripe = stack.enter_context(Simulation(account, seed=7))
        slack = stack.enter_context(provider(settings))
        post = stack.enter_context(mail_server())
        settings.STRIPE_API_BASE = stripe.url
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", post.port
        lane = new_lane("acme", Mode.LIVE, secret_key=stripe.secret_key)
        lane.workspace.timezone = timezone
        lane.workspace.save()
        MembershipFactory(workspace=lane.workspace, user__email=OWNER)
        with scoped_transaction(lane.workspace) as workspace_id:
            ChannelFactory(workspace=lane.workspace, kind="slack_webhook", name="Team", secret=HOOK)
            if letters is not None:
                outbox.answer(workspace_id, Mode.LIVE, wanted=letters, by=OWNER, now=begin)
        yield World(stripe, lane, clock, slack, post, interval)


def _second_after(at: datetime) -> datetime:
    whole = at.replace(microsecond=0)
    return whole if whole == at else whole + timedelta(seconds=1)


def _mail(instant: datetime, at: str, mail: EmailMessage) -> Mail:
    text, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
    return Mail(
        instant=instant,
        at=at,
        to=str(mail["To"]),
        subject=str(mail["Subject"]),
        text=re.sub(r"\s+", " ", text.get_content()) if text else "",
        html=html.get_content() if html else "",
        headers={name: str(value) for name, value in mail.items()},
    )
