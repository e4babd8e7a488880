"""Whether messages to the team go out: channels, what became of deliveries, and what nobody could react to.

Channels belong to both modes; deliveries and reactions are looked at in one, with the messages that are about none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from billing.actions.bulk import fetch
from billing.modes import Mode
from integrations.channels.roster import channels_of
from integrations.models import ChannelState, DeliveryState
from pqintel.workspaces.models import Workspace

from .above import told_from_above
from .findings import Finding, Tone, Verdict, verdict
from .words import ago, many, span

RECENT: Final = timedelta(days=7)
WAITS_LONG: Final = timedelta(minutes=5)
"""How long a message may wait before the page says so: rate limits and pauses of a few seconds are normal."""
REACTS_LONG: Final = timedelta(minutes=1)
NEWEST: Final = 2_000
"""Deliveries that are looked at: somebody with more in a week is told by them as well."""

_DELIVERIES: Final = """
SELECT d.channel_id, d.state, count(*), max(d.created_at), min(d.created_at),
       (array_agg(coalesce(nullif(d.answer, ''), d.reason) ORDER BY d.id DESC))[1], count(*) FILTER (WHERE d.tries > 0)
FROM (
    SELECT id, channel_id, mode, state, created_at, answer, reason, tries FROM integrations_delivery
    WHERE workspace_id = %(ws)s ORDER BY id DESC LIMIT %(most)s
) d
WHERE d.created_at > %(since)s AND (d.mode = %(mode)s OR d.mode IS NULL)
GROUP BY 1, 2
"""
_REACTIONS: Final = """
SELECT count(*) FILTER (WHERE gave_up_at IS NOT NULL), max(reason) FILTER (WHERE gave_up_at IS NOT NULL),
       count(*) FILTER (WHERE gave_up_at IS NULL AND due_at < %(late)s),
       min(due_at) FILTER (WHERE gave_up_at IS NULL AND due_at < %(late)s)
FROM billing_pendingreaction WHERE workspace_id = %(ws)s AND mode = %(mode)s
"""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a channel's messages of the last days that are in one state."""

    count: int
    last_at: datetime
    first_at: datetime
    answer: str = ""
    tried: int = 0


@dataclass(frozen=True, slots=True)
class Sender:
    """A channel and its messages of the last days, by state of delivery."""

    name: str
    number: int
    kind: str
    state: ChannelState
    reason: str
    since: datetime
    fates: dict[str, Fate]

    def count(self, state: DeliveryState) -> int:
        fate = self.fates.get(state)
        return fate.count if fate else 0

    @property
    def sent(self) -> int:
        return self.count(DeliveryState.SENT)

    @property
    def waiting(self) -> int:
        return self.count(DeliveryState.WAITING)

    @property
    def held(self) -> int:
        return self.count(DeliveryState.HELD)

    @property
    def failed(self) -> int:
        return self.count(DeliveryState.FAILED)


@dataclass(frozen=True, slots=True)
class Messages:
    """Everything that the answer stands on. `given_up`: lines of history that nobody could react to, ever."""

    now: datetime
    senders: Sequence[Sender] = ()
    given_up: int = 0
    given_up_reason: str = ""
    unheard: int = 0
    unheard_since: datetime | None = None
    from_above: tuple[Finding, ...] = ()


def collect_messages(workspace: Workspace, mode: Mode, now: datetime) -> Messages:
    """Gather what is known of messages to the team: three queries, and those of the rooms above. In scope."""
    place: dict[str, Any] = {"ws": workspace.pk, "mode": str(mode), "most": NEWEST, "since": now - RECENT}
    fates: dict[Any, dict[str, Fate]] = {}
    for channel, state, count, last_at, first_at, answer, tried in fetch(_DELIVERIES, place):
        fates.setdefault(channel, {})[state] = Fate(count, last_at, first_at, answer or "", tried)
    senders = [
        Sender(
            row.name, row.number, row.get_kind_display(), ChannelState(row.state), row.reason, row.since,
            fates.get(row.pk, {}),
        )
        for row in channels_of(workspace).defer("secret")
    ]  # fmt: skip
    ((given_up, reason, unheard, unheard_since),) = fetch(_REACTIONS, {**place, "late": now - REACTS_LONG})
    return Messages(
        now, senders, given_up, reason or "", unheard, unheard_since, told_from_above(workspace.pk, mode, now)
    )


def messages_arrive(m: Messages) -> Verdict:
    """Whether what is to be told is told."""
    return verdict(_not_sent(m), _sent(m))


def _not_sent(m: Messages) -> Iterator[Finding]:
    if not m.senders:
        yield Finding(
            Tone.LOOK,
            "No channel is set up, so nobody is told of anything.",
            "Add Slack, Telegram or an email address under Settings › Channels.",
        )
    for sender in m.senders:
        yield from _channel(m, sender)
    if m.given_up:
        yield Finding(
            Tone.LOOK,
            f"{many(m.given_up, 'line')} of the billing history could not be acted upon and "
            f"{'was' if m.given_up == 1 else 'were'} given up: {m.given_up_reason}",
            "Whoever runs PQ Intel finds each in the admin, under Pending reactions. No message was made of it.",
        )
    if m.unheard and m.unheard_since:
        yield Finding(
            Tone.LOOK,
            f"{many(m.unheard, 'line')} of the billing history {'waits' if m.unheard == 1 else 'wait'} for a worker "
            f"to act upon, for {span(m.now - m.unheard_since)}.",
            "Whoever runs PQ Intel starts workers for the queue “react”: /healthz says what is missing.",
        )
    yield from m.from_above


def _channel(m: Messages, sender: Sender) -> Iterator[Finding]:
    """What is wrong with one channel, or with what it was to send."""
    held = sender.fates.get(DeliveryState.HELD)
    waits_for_it = f" {many(held.count, 'message')} {_is(held.count)} held for it." if held else ""
    if sender.state is ChannelState.BROKEN:
        yield Finding(
            Tone.LOOK,
            f"{sender.name} is broken since {ago(m.now, sender.since)}: {_sentence(sender.reason)}{waits_for_it}",
            "Open it under Settings › Channels, put right what it says, and send a test: what was held follows.",
        )
    elif sender.state is ChannelState.UNCONFIRMED:
        yield Finding(
            Tone.LOOK,
            f"{sender.name} is not ready: {_sentence(sender.reason)}{waits_for_it}",
            "Open it under Settings › Channels: it says what is missing.",
        )
    if failed := sender.fates.get(DeliveryState.FAILED):
        yield Finding(
            Tone.LOOK,
            f"{many(failed.count, 'message')} to {sender.name} failed in 7 days, the last "
            f"{ago(m.now, failed.last_at)}: {_sentence(failed.answer)}",
            "Put right what it says. Whoever runs PQ Intel sends them after all by manage.py deliveries_retry.",
        )
    waiting = sender.fates.get(DeliveryState.WAITING)
    if waiting and m.now - waiting.first_at > WAITS_LONG:
        for_long = span(m.now - waiting.first_at)
        if waiting.tried:
            yield Finding(
                Tone.UNKNOWN,
                f"{many(waiting.count, 'message')} to {sender.name} {_is(waiting.count)} tried again, the oldest for "
                f"{for_long}: {_sentence(waiting.answer)}",
                "They are tried for 72 hours by themselves.",
            )
        else:
            yield Finding(
                Tone.LOOK,
                f"{many(waiting.count, 'message')} to {sender.name} {_is(waiting.count)} waiting for a worker, the "
                f"oldest for {for_long}.",
                "Whoever runs PQ Intel starts workers for the queue “react”: /healthz says what is missing.",
            )


def _sent(m: Messages) -> Finding:
    sent = [fate for sender in m.senders if (fate := sender.fates.get(DeliveryState.SENT))]
    if not sent:
        return Finding(
            Tone.UNKNOWN,
            f"{many(len(m.senders), 'channel')} ready; nothing was to be sent in 7 days.",
            "Send a test from a channel’s page to see that it arrives.",
        )
    count, last = sum(fate.count for fate in sent), max(fate.last_at for fate in sent)
    return Finding(Tone.OK, f"{many(count, 'message')} sent in 7 days, the last {ago(m.now, last)}. None failed.")


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


def _sentence(reason: str) -> str:
    """A reason as the end of a sentence; providers' own words have no full stop."""
    reason = reason.strip() or "no reason was given"
    return reason if reason.endswith((".", "!", "?")) else f"{reason}."
