"""`manage.py access_show SLUG CUSTOMER --mode test|live [--json]`."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandError

from billing.access import Answer, for_customer
from billing.management.place import PlaceCommand
from billing.modes import Mode
from pqintel.workspaces.tenancy import scoped_transaction


class Command(PlaceCommand):
    help = "What a customer may use now, since when and because of what. Exit code 1 for a customer nobody knows."

    def add_arguments(self, parser: Any) -> None:
        super().add_arguments(parser)
        parser.add_argument("customer", help="Stripe's id of the customer: cus_…")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace, mode = self.place(options)
        with scoped_transaction(workspace):
            answer = for_customer(workspace.pk, mode, options["customer"])
        if not answer.known:
            raise CommandError(f"No customer {options['customer']!r} is known in {mode} mode of {workspace.slug!r}.")
        if options["json"]:
            self.stdout.write(json.dumps(_document(answer, mode), indent=2))
        else:
            self._print(answer)

    def _print(self, answer: Answer) -> None:
        seats = "unlimited" if answer.seats is None else answer.seats
        self.stdout.write(f"{answer.customer}  {answer.tier_name or 'no access'}  seats {seats}  ({answer.reason})")
        if answer.since is not None:
            self.stdout.write(f"  since {answer.since:%Y-%m-%d %H:%M:%S %Z} by {answer.cause}")
        if answer.until is not None:
            self.stdout.write(f"  until {answer.until:%Y-%m-%d %H:%M:%S %Z}")
        for name, gate in answer.features.items():
            self.stdout.write(f"  {name} = {'unlimited' if gate is None else str(gate).lower()}")
        if answer.unmapped:
            self.stdout.write(f"  prices without a tier: {', '.join(answer.unmapped)}")


def _document(answer: Answer, mode: Mode) -> dict[str, Any]:
    return {
        "customer": answer.customer,
        "mode": str(mode),
        "tier": answer.tier,
        "features": dict(answer.features),
        "seats": answer.seats,
        "reason": str(answer.reason),
        "since": answer.since and answer.since.isoformat(timespec="seconds"),
        "until": answer.until and answer.until.isoformat(timespec="seconds"),
        "cause": answer.cause,
        "subscription": answer.subscription,
        "unmapped": list(answer.unmapped),
        "overridden": answer.overridden,
    }
