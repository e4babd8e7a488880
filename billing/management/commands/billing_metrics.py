"""`manage.py billing_metrics SLUG --mode test|live [--at YYYY-MM-DD] [--from YYYY-MM-DD --to YYYY-MM-DD] [--json]`."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import CommandError

from billing.actions.settings import settings_of
from billing.management.place import PlaceCommand
from billing.metrics.document import period_document
from billing.metrics.mrr import Recurring, day_end, mrr_at
from billing.metrics.periods import Period
from billing.modes import Mode
from pqintel.workspaces.tenancy import scoped_transaction


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day; write YYYY-MM-DD.") from None


class Command(PlaceCommand):
    help = (
        "MRR, trial MRR, active subscribers and plan distribution of a workspace, per currency; with --from and --to "
        "also the movements, rates and failed payments of those days."
    )

    def add_arguments(self, parser: Any) -> None:
        super().add_arguments(parser)
        parser.add_argument("--at", type=_day, help="end of this day in the workspace's time zone; default now")
        parser.add_argument("--from", dest="first", type=_day, help="first day of a period; needs --to")
        parser.add_argument("--to", dest="last", type=_day, help="last day of a period; needs --from")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace, mode = self.place(options)
        period = _period(options["first"], options["last"])
        now = datetime.now(UTC)
        at = now
        if options["at"] is not None:
            end = datetime.fromtimestamp(day_end(options["at"], ZoneInfo(workspace.timezone)) - 1, UTC)
            at = min(end, now) if options["at"] <= now.astimezone(ZoneInfo(workspace.timezone)).date() else end
        with scoped_transaction(workspace):
            recurring = mrr_at(workspace.pk, mode, at)
            told = period and period_document(
                workspace.pk,
                mode,
                period,
                ZoneInfo(workspace.timezone),
                settings_of(workspace.pk).reporting_currency,
            )
        if options["json"]:
            document = _document(recurring, mode)
            self.stdout.write(json.dumps({**document, "period": told} if told else document, indent=2))
        else:
            self._print(recurring, mode)
            self._print_period(told or {})

    def _print(self, recurring: Recurring, mode: Mode) -> None:
        self.stdout.write(f"{mode} mode, as of {recurring.at:%Y-%m-%d %H:%M:%S %Z}")
        if not recurring.currencies:
            self.stdout.write("No recurring revenue.")
        for line in recurring.currencies:
            self.stdout.write(
                f"{line.currency.upper()}  MRR {line.mrr.plain()}  trials {line.trial_mrr.plain()}  "
                f"active subscribers {line.active_subscribers}"
            )
            for plan in line.plans:
                self.stdout.write(
                    f"     {plan.mrr.plain():>14}  {plan.active_subscribers:>5}  {plan.name} {plan.interval_label}"
                )

    def _print_period(self, told: dict[str, Any]) -> None:
        for currency, numbers in told.get("currencies", {}).items():
            self.stdout.write(f"{currency.upper()} from {told['from']} to {told['to']}")
            for name, amount in numbers["movements"].items():
                if name != "count":
                    self.stdout.write(f"     {amount:>14}  {name.replace('_', ' ')}")


def _period(first: date | None, last: date | None) -> Period | None:
    if first is None and last is None:
        return None
    if first is None or last is None or last < first:
        raise CommandError("A period needs --from and --to, of which --to is not the earlier one.")
    return Period(first, last)


def _document(recurring: Recurring, mode: Mode) -> dict[str, Any]:
    return {
        "as_of": recurring.at.isoformat(timespec="seconds"),
        "mode": str(mode),
        "active_subscribers": recurring.active_subscribers,
        "currencies": {
            line.currency: {
                "mrr": line.mrr.plain(),
                "trial_mrr": line.trial_mrr.plain(),
                "active_subscribers": line.active_subscribers,
                "plans": {
                    plan.price: {
                        "name": plan.name,
                        "interval": plan.interval_label,
                        "mrr": plan.mrr.plain(),
                        "active_subscribers": plan.active_subscribers,
                    }
                    for plan in line.plans
                },
            }
            for line in recurring.currencies
        },
    }
