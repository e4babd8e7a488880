"""`manage.py stripe_connect SLUG --mode test|live`: what Save & Verify does on the page."""

from __future__ import annotations

import json
import sys
from typing import Any, NoReturn

from django.core.management.base import CommandError, CommandParser

from billing.management.place import USAGE, PlaceCommand
from billing.modes import Mode
from integrations.models import Connection
from integrations.stripe import connections, verification
from integrations.stripe.accounts import AccountConflict
from integrations.stripe.verification import Line, Run, State
from integrations.stripe.verification.formats import LABELS
from pqintel.vault import SealError, Secret
from pqintel.workspaces.tenancy import scope

BY = "manage.py stripe_connect"
"""Who changed the connection, as its log shows it."""
_PASSED: dict[State, bool | None] = {State.OK: True, State.WARNING: True, State.FAILED: False}
_MARKS = {State.OK: "ok", State.WARNING: "warning", State.FAILED: "FAILED", State.UNKNOWN: "unknown"}


class Command(PlaceCommand):
    help = (
        "Connect a workspace to a Stripe account. Reads JSON from standard input, never from arguments: "
        '{"publishable_key": "pk_…", "secret_key": "rk_…", "webhook_secret": "whsec_…"}; what is absent stays. '
        "With nothing on standard input it only prints the webhook URL, so that the endpoint can be registered first. "
        "Exit 0: connected. 1: a check failed, working credentials stay in use. 2: wrong usage or input."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--no-verify", action="store_true", help="judge the form of the keys only, ask nobody")
        parser.add_argument(
            "--disconnect",
            action="store_true",
            help="forget the credentials, make a new webhook URL; reads no input",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        workspace, mode = self.place(options)
        given = {} if options["disconnect"] else _read()
        with scope(workspace):
            connection = connections.connection_for(workspace, mode)
            if options["disconnect"]:
                connection = connections.disconnect(connection, by=BY)
            try:
                url = connections.webhook_url(connection)
                lines = _connect(connection, mode, given, verify=not options["no_verify"]) if given else []
            except SealError:
                raise CommandError(f"{verification.UNREADABLE.detail} {verification.UNREADABLE.remedy}") from None
        self._tell(mode, url, lines, as_json=options["json"])
        if any(line.state is State.FAILED for line in lines):
            raise SystemExit(1)

    def _tell(self, mode: Mode, url: str, lines: list[Line], *, as_json: bool) -> None:
        if as_json:
            checks = [
                {"name": line.name, "ok": _PASSED.get(line.state), "detail": f"{line.detail} {line.remedy}".strip()}
                for line in lines
            ]
            self.stdout.write(json.dumps({"mode": mode, "webhook_url": url, "checks": checks}, ensure_ascii=False))
            return
        self.stdout.write(f"Webhook URL ({mode} mode, itself a secret): {url}")
        for line in lines:
            self.stdout.write(f"{_MARKS[line.state]:>8}  {line.label}  {line.detail} {line.remedy}".rstrip())


def _connect(connection: Connection, mode: Mode, given: dict[str, Secret], *, verify: bool) -> list[Line]:
    """Judge, seal, verify. Nothing is stored when the form of a value is wrong."""
    secrets = connections.candidates(connection) | given
    lines = _judge(mode, {name: secret.reveal() if secret else None for name, secret in secrets.items()})
    if any(line.state is State.FAILED for line in lines):
        return lines
    connection = connections.save_draft(connection, given, by=BY)
    if not verify:
        return _vouched(connection, lines)
    run = Run.of(verification.run_all(verification.begin(connection), by=BY))
    return list(run.lines) if run else lines


def _judge(mode: Mode, values: dict[str, str | None]) -> list[Line]:
    lines = []
    for name, problems in (
        ("formats", verification.format_problems(mode, values)),
        ("mode", verification.mode_problems(mode, values)),
    ):
        detail = " ".join(f"{LABELS[field]}: {problem}" for field, problem in problems.items())
        lines.append(Line(name, verification.CHECKS[name][0], State.FAILED if problems else State.OK, detail))
    return lines


def _vouched(connection: Connection, lines: list[Line]) -> list[Line]:
    try:
        verification.promote_now(connection, by=BY)
    except AccountConflict as conflict:
        label = verification.CHECKS["account"][0]
        return [*lines, Line("account", label, State.FAILED, str(conflict), conflict.remedy)]
    return lines


def _read() -> dict[str, Secret]:
    """The given values. What is wrong with the input is said without quoting it."""
    if sys.stdin is None or sys.stdin.isatty():
        return {}
    text = sys.stdin.read()
    if not text.strip():
        return {}
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        _refuse("standard input must be one JSON object")
    if document.keys() - set(connections.FIELDS):
        _refuse(f"only these names are read: {', '.join(connections.FIELDS)}")
    if not all(isinstance(value, str) for value in document.values()):
        _refuse("every value must be a string")
    return {name: Secret(value.strip()) for name, value in document.items() if value.strip()}


def _refuse(problem: str) -> NoReturn:
    raise CommandError(f"Wrong input: {problem}.", returncode=USAGE)
