"""Messages to the team about cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Final

from django.conf import settings
from django.urls import reverse

from billing.declines import DECLINES
from billing.modes import Mode
from integrations.channels import Link, Message, Severity, deliver
from integrations.channels.roster import channels_of
from integrations.models import Channel
from pqintel.ui import figures
from pqintel.workspaces.models import Workspace

from .known import Known
from .mailing import key_of
from .models import Case, Policy
from .wording import MOST_LISTED, Words, amounts, and_more

MOST_SINGLE: Final = 5
"""So many cases are told of one by one; more at once in one message."""
_DECLINES: Final = dict(DECLINES)


@dataclass(frozen=True, slots=True)
class Occasion:
    """What the team is told of: `word` tells it from other messages about a case; titles take the customer or count."""

    word: str
    one: str
    many: str
    severity: Severity


ESCALATED: Final = Occasion(
    "escalate", "{customer} has not paid {amount}", "{count} invoices need attention", Severity.WARNING
)
DOWNGRADED: Final = Occasion(
    "downgrade",
    "{customer} was downgraded: {amount} is not paid",
    "{count} customers’ access was reduced",
    Severity.WARNING,
)
RECOVERED: Final = Occasion("recovered", "{customer} has paid {amount}", "{count} invoices were paid", Severity.INFO)


def tell(
    occasion: Occasion,
    policy: Policy,
    cases: Sequence[Case],
    known: Mapping[str, Known],
    words: Words,
    mode: Mode,
    now: datetime,
) -> dict[str, str]:
    """Tell the team's channels of some cases, in the caller's transaction; idempotent. Two statements a message, five
    messages at most.

    Returns:
        The dedupe key of the message about each invoice; none where the workspace has no channel.
    """
    channels = team_channels(words.workspace, policy) if cases else []
    if not channels:
        return {}
    keys: dict[str, str] = {}
    groups = [[case] for case in cases] if len(cases) <= MOST_SINGLE else [list(cases)]
    for group in groups:
        key = _key(occasion, group)
        if len(group) == 1:
            message = _single(occasion, group[0], known.get(group[0].invoice), words, mode)
        else:
            message = _summary(occasion, group, words, mode)
        deliver(words.workspace.pk, mode, message, channels, key, now)
        keys |= {case.invoice: key for case in group}
    return keys


def team_channels(workspace: Workspace, policy: Policy) -> list[Channel]:
    """The channels that were chosen, of those that there are; none chosen: all of them. One query."""
    there = list(channels_of(workspace))
    return [channel for channel in there if channel.number in policy.channels] if policy.channels else there


def case_url(workspace: Workspace, mode: Mode, case: Case) -> str:
    """The absolute address of a case's page."""
    page = reverse("dunning:case", args=[workspace.slug, mode, case.invoice])
    return f"{settings.PQ_BASE_URL}{page}"


def reason_in_words(case: Case, known: Known | None) -> str:
    """Why the newest attempt failed, for the team."""
    last = known.last if known is not None else None
    told = last.reason if last is not None else ""
    meaning = _DECLINES.get((last.decline if last is not None else case.decline) or "", "")
    return ": ".join(part for part in (told.capitalize(), meaning.lower() if told else meaning) if part)


def _single(occasion: Occasion, case: Case, known: Known | None, words: Words, mode: Mode) -> Message:
    owed = figures.money(case.money)
    fields = [("Customer", words.customer(case)), ("Invoice", case.label), ("Amount", owed)]
    if plan := words.plan(case):
        fields.append(("Plan", plan))
    fields.append(("Failed attempts", str(case.attempts)))
    if occasion is not RECOVERED:
        if reason := reason_in_words(case, known):
            fields.append(("Reason", reason))
        following = case.next_attempt_at
        fields.append(("Next attempt", "none announced" if following is None else words.day(following)))
    return Message(
        title=occasion.one.format(customer=words.customer(case), amount=owed),
        fields=tuple(fields),
        link=Link(case_url(words.workspace, mode, case), "Open the case"),
        severity=occasion.severity,
    )


def _summary(occasion: Occasion, cases: Sequence[Case], words: Words, mode: Mode) -> Message:
    lines = [f"{words.customer(case)}: {figures.money(case.money)} ({case.label})" for case in cases[:MOST_LISTED]]
    if rest := cases[MOST_LISTED:]:
        lines.append(and_more(len(rest), (case.money for case in rest)))
    page = reverse("dunning:cases", args=[words.workspace.slug, mode])
    return Message(
        title=occasion.many.format(count=len(cases)),
        lines=tuple(lines),
        fields=(("Together", amounts(case.money for case in cases)),),
        link=Link(f"{settings.PQ_BASE_URL}{page}", "Open the cases"),
        severity=occasion.severity,
    )


def _key(occasion: Occasion, cases: Sequence[Case]) -> str:
    if len(cases) == 1:
        return key_of(cases[0], occasion.word)
    keys = sorted(key_of(case, occasion.word) for case in cases)
    digest = blake2b("\n".join(keys).encode(), digest_size=12).hexdigest()
    return f"dunning:{occasion.word}:{digest}"
