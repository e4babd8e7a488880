"""`manage.py digest_send SLUG --mode test|live [--weekly] [--day YYYY-MM-DD] [--dry-run] [--json]`."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import CommandError
from django.db import transaction
from django.utils import timezone

from alerts.digest.choosing import recipients, settings_of
from alerts.digest.schedule import last_complete
from alerts.digest.sending import compose, decide, owed_for
from alerts.models import Cadence, DigestRun
from billing.dashboard import standing
from billing.management.place import USAGE, PlaceCommand
from billing.modes import Mode
from integrations.channels import Message
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope


class Command(PlaceCommand):
    help = (
        "Send the summary of a day or week now, whether or not it is turned on; workers deliver it. A summary is sent "
        "once: where that is decided already, this only says so. Exit 0; 1: it has to wait; 2: wrong arguments."
    )

    def add_arguments(self, parser: Any) -> None:
        super().add_arguments(parser)
        parser.add_argument("--weekly", action="store_true", help="the weekly summary, of the 7 days up to --day")
        parser.add_argument(
            "--day", metavar="YYYY-MM-DD", help="the last day it is about; default: the newest complete"
        )
        parser.add_argument("--dry-run", action="store_true", help="print it and send nothing")

    def handle(self, *_: Any, **options: Any) -> None:
        workspace, mode = self.place(options)
        cadence = Cadence.WEEKLY if options["weekly"] else Cadence.DAILY
        now = timezone.now()
        with scope(workspace):
            day = _day(workspace, mode, cadence, options["day"], now)
            if options["dry_run"]:
                self._dry_run(workspace, mode, cadence, day, now, as_json=options["json"])
                return
            run, ours = _decided(workspace, mode, cadence, day, now)
        if options["json"]:
            self.stdout.write(json.dumps(_document(run, ours), indent=2, ensure_ascii=False))
            return
        what = f"{run.get_cadence_display()} summary of {run.day}"
        before = "" if ours else f" already, at {run.decided_at:%Y-%m-%d %H:%M} UTC"
        self.stdout.write(f"{what}: {run.get_state_display().lower()}{before}.{f' {run.reason}' if run.reason else ''}")

    def _dry_run(
        self, workspace: Workspace, mode: Mode, cadence: Cadence, day: date, now: datetime, *, as_json: bool
    ) -> None:
        with transaction.atomic():
            composed = compose(workspace, mode, cadence, day, standing(workspace, mode, now), now)
        if as_json:
            document = {"numbers": composed.said.document, "message": composed.message.document()}
            self.stdout.write(json.dumps(document, indent=2, ensure_ascii=False))
            return
        self.stdout.write(_text(composed.message))


def _day(workspace: Workspace, mode: Mode, cadence: Cadence, text: str | None, now: datetime) -> date:
    """The last day of the summary that is meant. Raises CommandError (exit 2) for one that is not over."""
    today = now.astimezone(ZoneInfo(workspace.timezone)).date()
    if text is None:
        with transaction.atomic():
            return last_complete(cadence, settings_of(workspace, mode, cadence).weekday, today)
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text!r} is not a day; write YYYY-MM-DD.", returncode=USAGE) from None
    if day.year < 2000 or day >= today:
        raise CommandError(f"{day} is not over in {workspace.timezone}: name a day before {today}.", returncode=USAGE)
    return day


def _decided(workspace: Workspace, mode: Mode, cadence: Cadence, day: date, now: datetime) -> tuple[DigestRun, bool]:
    """The row of the summary, and whether it was written now. Raises CommandError."""
    with transaction.atomic():
        if not recipients(workspace, settings_of(workspace, mode, cadence)):
            raise CommandError(f"{workspace.slug} has no channel for it: see Settings › Channels.", returncode=USAGE)
        owed = owed_for(workspace, mode, cadence, day)
        if owed.too_old(now):
            raise CommandError(f"{day} is too long ago to be sent; --dry-run prints its summary.", returncode=USAGE)
        run = decide(workspace, mode, cadence, owed, now)
        if run is not None:
            return run, True
        rows = DigestRun.objects.filter(workspace=workspace, mode=mode, cadence=cadence, day=day)
        known = rows.first()
    if known is None:
        raise CommandError("All numbers are being computed again. Try in a few minutes.")
    return known, False


def _document(run: DigestRun, ours: bool) -> dict[str, Any]:
    return {
        "mode": run.mode,
        "cadence": run.cadence,
        "day": run.day.isoformat(),
        "state": run.state,
        "reason": run.reason,
        "late": run.late,
        "decided_at": run.decided_at.isoformat(timespec="seconds"),
        "decided_now": ours,
        "numbers": run.numbers,
    }


def _text(message: Message) -> str:
    rows = [f"{label}: {value}" for label, value in message.fields]
    return "\n".join([message.heading, *message.lines, *rows, message.link.url if message.link else ""]).rstrip()
