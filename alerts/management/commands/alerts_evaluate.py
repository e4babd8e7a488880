"""`manage.py alerts_evaluate SLUG --mode test|live [--json]`."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from alerts import roster
from alerts.deciding import evaluate
from alerts.models import Rule, RuleState
from alerts.rules import summary_of
from billing.actions.settings import settings_of
from billing.management.place import PlaceCommand
from pqintel.workspaces.tenancy import scoped_transaction


class Command(PlaceCommand):
    help = (
        "Judge the alert rules of a workspace now, as the beat does every minute, and print how each stands. Messages "
        "that come of it are put into the outbox; workers deliver them. Exit code 1 where Stripe is not connected."
    )

    def handle(self, *_: Any, **options: Any) -> None:
        workspace, mode = self.place(options)
        now = timezone.now()
        with scoped_transaction(workspace):
            done = evaluate(workspace.pk, mode, now)
            rules = roster.rules_of(workspace.pk, mode, now)
            reporting = settings_of(workspace.pk).reporting_currency
        if not done.watched:
            raise CommandError(
                f"Stripe is not connected in {mode} mode, so no rule is judged. Connect it: manage.py stripe_connect.",
                returncode=1,
            )
        if options["json"]:
            found = {
                "rules": [_document(rule, reporting) for rule in rules],
                "findings": done.findings,
                "messages": done.messages,
            }
            self.stdout.write(json.dumps(found, indent=2, ensure_ascii=False))
            return
        for rule in rules:
            since = f" since {rule.since:%Y-%m-%d %H:%M} UTC" if rule.since and _state(rule) == RuleState.FIRING else ""
            self.stdout.write(f"{rule.number:>3}  {_state(rule):<8}{since}  {rule.name}")
        self.stdout.write(f"{done.findings} findings; {done.messages} messages.")


def _state(rule: Rule) -> str:
    return str(rule.state) if rule.enabled else "off"


def _document(rule: Rule, reporting: str | None) -> dict[str, Any]:
    return {
        "number": rule.number,
        "name": rule.name,
        "kind": rule.kind,
        "summary": summary_of(rule.kind, rule.params, reporting),
        "state": _state(rule),
        "since": rule.since.isoformat() if rule.since and rule.enabled else None,
        "silenced_until": rule.silenced_until.isoformat() if rule.silenced_until else None,
        "muted": rule.test_mode,
    }
