"""`python -m pqintel.simulator`: a stand-in Stripe account that runs on this machine.

serve    make (or go on with) the account of a home folder, serve its read API on 127.0.0.1, deliver its events
register tell the running simulator the URL of its webhook endpoint; nothing is delivered yet
deliver  tell the running simulator where to deliver
metrics  what the account's MRR truly is, by the simulator's own code
account  what the account is, or its credentials

Exit codes: 0 done; 1 it could not be done (not running, port taken, refused); 2 it was asked wrongly, or in production.
"""

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from pqintel.simulator.control.client import NotRunning, RefusedRequest, ask
from pqintel.simulator.control.home import Facts, Home, HomeError
from pqintel.simulator.control.service import Service
from pqintel.simulator.render import NEWEST, family_of

DEFAULTS = {"history_days": 365, "seed": 1, "customers": 400, "family": NEWEST.version, "livemode": False}


class Misuse(Exception):  # noqa: N818 - what was done, not what went wrong
    """It was asked wrongly: exit code 2."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    if os.environ.get("PQ_ENV") == "production":
        return _complain("the simulator is a development tool and does not run with PQ_ENV=production", 2)
    try:
        command: int = options.command(options)
    except Misuse as failure:
        return _complain(str(failure), 2)
    except (HomeError, NotRunning, RefusedRequest) as failure:
        return _complain(str(failure), 1)
    return command


def _serve(options: argparse.Namespace) -> int:
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)
    home = Home(options.home)
    with home.alone():
        facts = _facts(home, options)
        try:
            service = Service(home, facts, port=options.port or 0, trickle=not options.no_trickle)
        except OSError as failure:
            raise HomeError(f"port {options.port or facts.port} cannot be used: {failure.strerror}") from failure
        try:
            _say(
                f"simulator: {service.facts.account} at {service.facts.url}, "
                f"{len(service.life.account.events)} events; keys in {home.path / 'simulator.json'}"
            )
            if service.retold:
                _complain(
                    f"an older version told the history in {home.path} otherwise; what was delivered may differ "
                    "from what the account now says. Delete the folder to begin anew.",
                    0,
                )
            service.run(options.port_file)
        finally:
            service.close()
    return 0


def _facts(home: Home, options: argparse.Namespace) -> Facts:
    """Return the facts of the home's account, made now if there is none.

    Raises:
        Misuse: the home holds an account that was made otherwise than is asked for now.
    """
    asked = {name: getattr(options, name) for name in DEFAULTS if getattr(options, name) is not None}
    facts = home.facts()
    if facts is None:
        return home.begin(**{**DEFAULTS, **asked})
    for name in ("seed", "history_days", "customers", "livemode"):
        if name in asked and asked[name] != getattr(facts, name):
            option = name.replace("_", "-")
            raise Misuse(f"{home.path} holds an account with --{option} {getattr(facts, name)}; take another --home")
    return home.update(facts, family=asked.get("family", facts.family))


def _deliver(options: argparse.Namespace) -> int:
    wanted: dict[str, Any] = {"url": options.to, "listed_url": options.listed_url, "again": options.again}
    if options.rate is not None:
        wanted["rate"] = options.rate or None
    if options.concurrency is not None:
        wanted["concurrency"] = options.concurrency
    if options.events is not None:
        wanted["enabled_events"] = options.events.split(",")
    home = Home(options.home)
    status = ask(home, "POST", "deliver", wanted)
    while options.wait and status["pending"]:
        time.sleep(0.2)
        status = ask(home, "GET", "status")
    _show({name: status[name] for name in ("destination", "events", "acknowledged", "pending", "refused")})
    return 0


def _register(options: argparse.Namespace) -> int:
    _show({"listed_url": ask(Home(options.home), "POST", "endpoint", {"listed_url": options.url})["listed_url"]})
    return 0


def _metrics(options: argparse.Namespace) -> int:
    query = "" if options.at is None else f"?at={options.at}"
    _show(ask(Home(options.home), "GET", f"metrics{query}"))
    return 0


def _account(options: argparse.Namespace) -> int:
    home = Home(options.home)
    if not options.credentials:
        _show(ask(home, "GET", "status"))
        return 0
    facts = home.facts()
    if facts is None:
        raise HomeError(f"there is no simulated account in {home.path}; start one with `serve`")
    secret = facts.restricted_key if options.restricted else facts.secret_key
    _show({"publishable_key": facts.publishable_key, "secret_key": secret, "webhook_secret": facts.webhook_secret})
    return 0


def _parser() -> argparse.ArgumentParser:
    description, _, epilog = (__doc__ or "").partition("\n\n")
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m pqintel.simulator", description=description, epilog=epilog, formatter_class=raw
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="make or go on with an account, and serve it")
    serve.add_argument("--history-days", type=_count, help="days of history before the first start (365)")
    serve.add_argument("--seed", type=int, help="what the history follows from (1)")
    serve.add_argument("--customers", type=_count, help="customers who come during the history (400)")
    serve.add_argument("--family", type=_version, help=f"API version of the account ({NEWEST.version})")
    serve.add_argument("--livemode", action="store_true", default=None, help="live keys and live events")
    serve.add_argument("--port", type=_count, help="port on 127.0.0.1 (the last one, or any)")
    serve.add_argument("--port-file", type=Path, help="file to write the port into once the API answers")
    serve.add_argument("--no-trickle", action="store_true", help="let only happen what falls due by itself")
    serve.set_defaults(command=_serve)

    register = commands.add_parser("register", help="list the webhook endpoint, as a person adds it before its keys")
    register.add_argument("--url", required=True, help="the endpoint's URL in the API")
    register.set_defaults(command=_register)

    deliver = commands.add_parser("deliver", help="tell the running simulator where to deliver; remembered")
    deliver.add_argument("--to", required=True, metavar="URL", help="the webhook URL")
    deliver.add_argument(
        "--listed-as", dest="listed_url", metavar="URL", help="the endpoint's URL in the API, if other"
    )
    deliver.add_argument("--rate", type=float, help="events per second at most; 0 for no limit")
    deliver.add_argument("--concurrency", type=_count, help="senders (4)")
    deliver.add_argument("--events", metavar="TYPES", help="event types to send, comma-separated, wildcards allowed")
    deliver.add_argument("--again", action="store_true", help="send everything again, acknowledged or not")
    deliver.add_argument("--wait", action="store_true", help="return when everything so far is acknowledged")
    deliver.set_defaults(command=_deliver)

    metrics = commands.add_parser("metrics", help="the account's true metrics, as JSON")
    metrics.add_argument("--at", type=_moment, metavar="ISO", help="a date (its beginning, UTC) or a moment; now")
    metrics.set_defaults(command=_metrics)

    account = commands.add_parser("account", help="what the account is, as JSON")
    account.add_argument("--credentials", action="store_true", help="print the keys instead, as stripe_connect reads")
    account.add_argument("--restricted", action="store_true", help="with --credentials: the restricted key")
    account.set_defaults(command=_account)

    for command in (serve, register, deliver, metrics, account):
        command.add_argument("--home", type=Path, required=True, metavar="DIR", help="folder that keeps the account")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("a whole number from 1 on is expected")
    return int(text)


def _version(text: str) -> str:
    try:
        return family_of(text).version
    except ValueError as failure:
        raise argparse.ArgumentTypeError(str(failure)) from failure


def _moment(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as failure:
        raise argparse.ArgumentTypeError("an ISO date or moment is expected") from failure
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _end(number: int, frame: FrameType | None) -> None:
    """End at once, whatever is being done; `finally` puts things in order."""
    raise SystemExit(0)


def _show(content: object) -> None:
    _say(json.dumps(content, indent=2))


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _complain(text: str, code: int) -> int:
    sys.stderr.write(f"simulator: {text}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
