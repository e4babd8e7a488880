"""A summary as a message."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.conf import settings
from django.urls import reverse

from alerts.models import Cadence
from billing.metrics.definitions import DEFINITIONS
from billing.metrics.periods import TILE_DAYS, Period
from billing.metrics.statement import KINDS
from billing.modes import Mode
from billing.money import Money
from billing.showing import signed
from integrations.channels import Link, Message
from pqintel.ui import figures
from pqintel.workspaces.models import Workspace

from .numbers import Amounts, Part, Summary
from .schedule import Due

NONE: Final = "none"


def message(workspace: Workspace, mode: Mode, said: Summary, late: Due | None = None) -> Message:
    """What channels get. `late`: when it was due, where it is sent much later than that."""
    lines = [] if late is None else [_lateness(workspace, late)]
    return Message(
        title=_title(workspace, said),
        lines=(*lines, *_trouble(said)),
        fields=tuple(_fields(said)),
        link=Link(_dashboard(workspace, mode, said.period), "Open the dashboard"),
        names_workspace=True,
    )


def days(period: Period, cadence: Cadence) -> str:
    """The days of a summary: "Wed 25 Nov 2026", or "week of 16–22 Nov 2026"."""
    if cadence == Cadence.DAILY:
        return f"{period.last:%a %-d %b %Y}"
    first = f"{period.first:%-d}" if period.first.month == period.last.month else f"{period.first:%-d %b}"
    return f"week of {first}–{period.last:%-d %b %Y}"


def _title(workspace: Workspace, said: Summary) -> str:
    title = f"{workspace.name}, {days(said.period, said.cadence)}"
    if not said.parts or said.parts[0].mrr is None:
        return title
    return f"{title}: MRR {_balance(said.parts[0])}"


def _lateness(workspace: Workspace, late: Due) -> str:
    at = late.at.astimezone(ZoneInfo(workspace.timezone))
    return f"Sent late: it was due on {at:%a %-d %b at %H:%M} ({workspace.timezone})."


def _trouble(said: Summary) -> Iterator[str]:
    if not said.connected:
        yield "Stripe’s events do not come: the connection is broken. These numbers miss what happened since."
    if said.recalculating:
        yield "All numbers are being computed again, because a setting changed: these may still move."
    if said.quarantined:
        be = "event is" if said.quarantined == 1 else "events are"
        yield f"{figures.count(said.quarantined)} {be} set aside, because they could not be processed."
    if said.drifts:
        differ = "difference" if said.drifts == 1 else "differences"
        yield f"The last comparison with Stripe left {figures.count(said.drifts)} {differ} open."
    for part in said.parts:
        if part.missing:
            yield f"No exchange rate of {', '.join(part.missing)}: not everything can be added up."


def _fields(said: Summary) -> Iterator[tuple[str, str]]:
    if said.parts:
        yield from _of_main_part(said.parts[0])
    else:
        yield "MRR", NONE
    yield "New subscriptions", _number(said.started)
    yield "Cancellations", _cancellations(said)
    yield "Failed payments", _amounts(said.failed, "invoice")
    yield "Recovered", _amounts(said.recovered, "invoice")
    yield f"At risk, of {TILE_DAYS} days", ", ".join(figures.money(amount) for amount in said.at_risk) or NONE
    if said.leaving:
        yield "Scheduled churn", _amounts(said.leaving, "subscription")
    for part in said.parts[1:]:
        yield f"In {part.currency.upper()}", _in_short(part)


def _of_main_part(part: Part) -> Iterator[tuple[str, str]]:
    name = f"MRR, all in {part.currency.upper()}" if part.whole else "MRR"
    yield name, "n/a" if part.mrr is None else f"{_balance(part)}{_growth(part)}"
    for label, amount, moves in _moves(part):
        yield label, f"{signed(amount)}{f' ({figures.count(moves)})' if moves else ''}"
    yield "Active subscribers", f"{figures.count(part.active)} ({figures.signed_count(part.active_change)})"


def _moves(part: Part) -> Iterator[tuple[str, Money, int]]:
    """The movements that there were, and what exchange rates did."""
    if part.movements is None:
        return
    for kind in KINDS:
        if part.movements.moves[kind]:
            yield DEFINITIONS[kind].title, part.movements.amounts[kind], part.movements.moves[kind]
    if part.movements.fx:
        yield DEFINITIONS["fx"].title, part.movements.fx, 0


def _in_short(part: Part) -> str:
    moved = "; ".join(f"{label.lower()} {signed(amount)}" for label, amount, _ in _moves(part))
    people = f"{figures.count(part.active)} subscriber{'' if part.active == 1 else 's'}"
    return "; ".join(text for text in (f"MRR {_balance(part)}", moved, people) if text)


def _balance(part: Part) -> str:
    assert part.mrr is not None  # the callers asked
    if part.change is None:
        return figures.money(part.mrr)
    return f"{figures.money(part.mrr)} ({signed(part.change) if part.change else 'unchanged'})"


def _growth(part: Part) -> str:
    return "" if not part.growth else f", {figures.signed_ratio(part.growth)}"


def _cancellations(said: Summary) -> str:
    parts = [f"{figures.count(count)} {what}" for count, what in ((said.cancelled, "scheduled"), (said.ended, "ended"))
             if count]  # fmt: skip
    return ", ".join(parts) or NONE


def _amounts(amounts: Amounts, noun: str) -> str:
    return ", ".join(
        f"{figures.money(amount)} ({figures.count(count)} {noun}{'' if count == 1 else 's'})"
        for amount, count in amounts
    ) or NONE  # fmt: skip


def _number(count: int) -> str:
    return figures.count(count) if count else NONE


def _dashboard(workspace: Workspace, mode: Mode, period: Period) -> str:
    page = reverse("billing:dashboard", args=[workspace.slug, mode])
    asked = urlencode({"range": "custom", "from": period.first.isoformat(), "to": period.last.isoformat()})
    return f"{settings.PQ_BASE_URL}{page}?{asked}"
