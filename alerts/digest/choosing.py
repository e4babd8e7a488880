"""What a workspace chose about its summaries; where it chose nothing, the defaults."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from django.db import transaction

from alerts.models import Cadence, DigestChannel, DigestSettings
from billing.actions.bulk import fetch
from billing.modes import Mode
from integrations.channels.roster import channels_of
from integrations.models import Channel
from pqintel.workspaces.models import Workspace

from .schedule import DEFAULT_HOUR, TOO_OLD, Timetable

# Every summary that may ever be due, of all workspaces or of one. Row-level security narrows it as well.
_TIMETABLES: Final = f"""
SELECT c.workspace_id, c.mode, k.cadence, w.timezone, coalesce(s.hour, {DEFAULT_HOUR}), coalesce(s.weekday, 0),
       greatest(c.connected_at, h.first_at, s.since), r.day
FROM integrations_connection c
JOIN workspaces_workspace w ON w.id = c.workspace_id
CROSS JOIN (VALUES ('daily'), ('weekly')) k(cadence)
CROSS JOIN LATERAL (
    SELECT min(created_at) AS first_at FROM integrations_channel
    WHERE workspace_id = c.workspace_id AND removed_at IS NULL
) h
LEFT JOIN alerts_digestsettings s ON s.workspace_id = c.workspace_id AND s.mode = c.mode AND s.cadence = k.cadence
LEFT JOIN LATERAL (
    SELECT max(day) AS day FROM alerts_digestrun
    WHERE workspace_id = c.workspace_id AND mode = c.mode AND cadence = k.cadence
) r ON true
WHERE c.connected_at IS NOT NULL AND h.first_at IS NOT NULL
  AND coalesce(s.enabled, k.cadence = 'daily' AND c.mode = 'live')
  AND (%(ws)s::bigint IS NULL OR c.workspace_id = %(ws)s) AND (%(mode)s::text IS NULL OR c.mode = %(mode)s)
ORDER BY 1, 2, 3
"""  # noqa: S608 - a number of our own


@dataclass(frozen=True)
class Place:
    """Whose summaries: a workspace and mode, and when they are due."""

    workspace_id: int
    mode: Mode
    table: Timetable


def timetables(workspace_id: int | None = None, mode: Mode | None = None) -> list[Place]:
    """The summaries that are turned on, where Stripe is or was connected and there is a channel. One query.

    Args:
        workspace_id: None = of every workspace, which needs `everywhere`; else its scope.
    """
    rows = fetch(_TIMETABLES, {"ws": workspace_id, "mode": None if mode is None else str(mode)})
    return [
        Place(ws, Mode(of), Timetable(Cadence(cadence), ZoneInfo(zone), hour, weekday, since, last))
        for ws, of, cadence, zone, hour, weekday, since, last in rows
    ]


def settings_of(workspace: Workspace, mode: Mode, cadence: Cadence) -> DigestSettings:
    """What was chosen, else the defaults (then not saved): daily in live mode, at eight. One query. Needs the scope."""
    found = DigestSettings.objects.filter(workspace=workspace, mode=mode, cadence=cadence).first()
    if found is not None:
        return found
    on = cadence == Cadence.DAILY and mode == Mode.LIVE
    return DigestSettings(workspace=workspace, mode=mode, cadence=cadence, enabled=on, hour=DEFAULT_HOUR)


def chosen_channels(settings: DigestSettings) -> list[Channel]:
    """The channels that were chosen, removed ones included; none = every channel. One query. Needs the scope."""
    if settings._state.adding:
        return []
    rows = DigestChannel.objects.filter(workspace_id=settings.workspace_id, settings=settings).select_related("channel")
    return [row.channel for row in rows.order_by("channel__number")]


def recipients(workspace: Workspace, settings: DigestSettings) -> list[Channel]:
    """The channels that get it now: of the chosen ones those that are left, or all there are. Needs the scope."""
    chosen = chosen_channels(settings)
    if chosen:
        return [channel for channel in chosen if channel.removed_at is None]
    return list(channels_of(workspace))


@transaction.atomic
def choose(
    workspace: Workspace,
    mode: Mode,
    cadence: Cadence,
    *,
    enabled: bool,
    hour: int,
    weekday: int,
    channels: Collection[Channel] | None,
    now: datetime,
) -> DigestSettings:
    """Save what was chosen. A summary that is turned on begins with what is due from `now` on. Needs the scope.

    `channels`: none = every channel; None = as they are.
    """
    was_on = settings_of(workspace, mode, cadence).enabled
    begin = now - TOO_OLD if was_on else now  # where it was on by default, what is owed still is
    chosen = {"enabled": enabled, "hour": hour, "weekday": weekday}
    settings, made = DigestSettings.objects.select_for_update().get_or_create(
        workspace=workspace, mode=mode, cadence=cadence, defaults={**chosen, "since": begin}
    )
    if not made:
        if enabled and not settings.enabled:
            settings.since = now
        settings.enabled, settings.hour, settings.weekday = enabled, hour, weekday
        settings.save()
    if channels is not None:
        _keep(settings, channels)
    return settings


def _keep(settings: DigestSettings, channels: Collection[Channel]) -> None:
    rows = DigestChannel.objects.filter(workspace_id=settings.workspace_id, settings=settings)
    rows.exclude(channel__in=channels).delete()
    DigestChannel.objects.bulk_create(
        [DigestChannel(workspace_id=settings.workspace_id, settings=settings, channel=channel) for channel in channels],
        ignore_conflicts=True,
    )
