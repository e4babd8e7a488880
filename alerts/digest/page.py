"""What Settings › Billing › Summary shows, put together for its template (docs/design.md)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from alerts.models import Cadence, DigestRun, DigestSettings, DigestState
from billing.dashboard import standing
from billing.modes import Mode
from integrations.channels import Message
from integrations.channels.report import Line, fates
from integrations.channels.roster import channels_of
from integrations.models import Channel
from pqintel.workspaces.models import Workspace

from .choosing import chosen_channels, settings_of, timetables
from .forms import HOURS, WEEKDAYS, DigestForm
from .schedule import days_of, last_complete, next_due
from .sending import compose
from .words import days

PAGE: Final = 30
"""Summaries on one page."""
_TONES: Final = {DigestState.SENT: "good", DigestState.SKIPPED: "warn"}


@dataclass(frozen=True)
class Card:
    """One cadence: what was chosen and is still there, its form, and when the next one is due (None: none will be)."""

    cadence: Cadence
    settings: DigestSettings
    chosen: list[Channel]
    form: DigestForm
    next_at: datetime | None

    @property
    def weekday(self) -> str:
        return dict(WEEKDAYS)[self.settings.weekday]

    @property
    def hour(self) -> str:
        return dict(HOURS)[self.settings.hour]


@dataclass(frozen=True)
class RunLine:
    """A summary that was due, in words, and its deliveries."""

    run: DigestRun
    days: str
    state: str
    tone: str
    deliveries: list[Line]


@dataclass(frozen=True)
class DigestPage:
    """`preview` is the newest summary that can be made, of `cadence`; `older` for `?before=`."""

    cards: list[Card]
    cadence: Cadence
    preview: Message
    runs: list[RunLine]
    older: int | None
    connected: bool
    any_channel: bool


def digest_page(
    workspace: Workspace,
    mode: Mode,
    now: datetime,
    *,
    cadence: Cadence = Cadence.DAILY,
    before: int | None = None,
    posted: DigestForm | None = None,
) -> DigestPage:
    """The page, with the form of `posted` in place of its cadence's own. About thirty queries. Must run in scope."""
    state = standing(workspace, mode, now)
    places = {place.table.cadence: place.table for place in timetables(workspace.pk, mode)}
    cards = []
    for one in Cadence:
        settings = settings_of(workspace, mode, one)
        chosen = chosen_channels(settings)
        left = [channel for channel in chosen if channel.removed_at is None]
        table = places.get(one)
        form = posted if posted and posted.prefix == one else DigestForm(settings, chosen)
        cards.append(Card(one, settings, left, form, next_due(table, now).at if table else None))
    weekday = next(card.settings.weekday for card in cards if card.cadence == cadence)
    day = last_complete(cadence, weekday, now.astimezone(ZoneInfo(workspace.timezone)).date())
    runs, older = run_lines(workspace, mode, before)
    return DigestPage(
        cards=cards,
        cadence=cadence,
        preview=compose(workspace, mode, cadence, day, state, now).message,
        runs=runs,
        older=older,
        connected=state.feed.connected_at is not None,
        any_channel=channels_of(workspace).exists(),
    )


def run_lines(workspace: Workspace, mode: Mode, before: int | None = None) -> tuple[list[RunLine], int | None]:
    """A page of summaries that were due, the newest decided first, and where the older ones begin. Two queries."""
    rows = DigestRun.objects.filter(workspace=workspace, mode=mode).defer("numbers").order_by("-id")
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows[: PAGE + 1])
    shown = found[:PAGE]
    sent = fates(workspace, [run.dedupe_key for run in shown])
    return [_line(run, sent) for run in shown], shown[-1].pk if len(found) > PAGE else None


def form_of(workspace: Workspace, mode: Mode, cadence: Cadence, data: Any) -> DigestForm:
    """The form of a cadence with what was posted. Must run in scope."""
    settings = settings_of(workspace, mode, cadence)
    return DigestForm(settings, chosen_channels(settings), data)


def _line(run: DigestRun, sent: dict[str, list[Line]]) -> RunLine:
    state = DigestState(run.state)
    words = "Sent late" if run.late else state.label
    return RunLine(run, _days(Cadence(run.cadence), run.day), words, _TONES[state], sent.get(run.dedupe_key, []))


def _days(cadence: Cadence, day: date) -> str:
    return days(days_of(cadence, day), cadence)
