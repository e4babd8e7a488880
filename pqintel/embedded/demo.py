"""The demo workspace of `make run`: a simulated company whose events arrive through the real webhook endpoint.

The simulator is a stand-in Stripe account with a year of history (`pqintel.simulator`, a program of its own). We make
the workspace and connect it by the same commands that a person would use, then tell the simulator where to deliver.
All of it is remembered in `PQ_HOME/demo.json` (0600), for this one database: with another database it begins anew.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

from pqintel.embedded import EmbeddedError
from pqintel.embedded.files import private_directory
from pqintel.embedded.home import Home
from pqintel.embedded.ports import LOOPBACK
from pqintel.embedded.processes import last_lines
from pqintel.embedded.supervisor import Supervisor, say

SLUG = "demo"
NAME = "Northwind Software"
OWNER = "demo@example.com"
HISTORY_DAYS = 365
SEED = 20_240_229
EVENTS = "checkout.session.completed,customer.discount.*,customer.subscription.*,invoice.*,payment_intent.*"
"""What the endpoint selects: all that PQ Intel asks for, and discounts. The year arrives at once, and the terms of a
discount that ended in it can no longer be read: only its own event tells what it took off."""
FACTS = "demo"
MANAGE = [sys.executable, "manage.py"]
SIMULATOR = [sys.executable, "-m", "pqintel.simulator"]


class Demo:
    """The demo of one home and one database."""

    def __init__(self, home: Home, supervisor: Supervisor, database: str) -> None:
        """`database` is the identity of the database (see `database_identity`)."""
        self.home = home
        self.supervisor = supervisor
        self.folder = home.path / "simulator"
        self.answering = self.folder / "port"  # written by the simulator once it answers
        self.facts = home.recall(FACTS)
        if self.facts.get("database") != database:
            shutil.rmtree(self.folder, ignore_errors=True)  # its deliveries went to a database that is not this one
            self.facts = {"database": database}

    def start_simulator(self, environment: Mapping[str, str]) -> None:
        """Start the simulator; it goes on where it was. `account` tells when it answers."""
        private_directory(self.folder)
        self.answering.unlink(missing_ok=True)
        options = ["--home", str(self.folder), "--port-file", str(self.answering)]
        options += ["--history-days", str(HISTORY_DAYS), "--seed", str(SEED)]
        # The worker reads from it, and would wait for its return in the middle of an end.
        self.supervisor.start("simulator", [*SIMULATOR, "serve", *options], environment, needed_by_others=True)

    def account(self) -> dict[str, str]:
        """The simulator's `url`, `publishable_key`, `secret_key` and `webhook_secret`. Raises as `wait_for`."""
        self.supervisor.wait_for("The simulator", self.answering.exists, 120)
        return self._account()

    def create_workspace(self, environment: Mapping[str, str]) -> None:
        """Make the workspace and its owner, once. Its password is kept, so that later starts can show it again."""
        if "owner" in self.facts:
            return
        words = [*MANAGE, "workspace_create", SLUG, "--name", NAME, "--owner", OWNER, "--json"]
        created = json.loads(self.supervisor.errand("workspace_create", words, environment))
        self._remember(owner=created["owner"], password=created["password"])

    def connect(self, environment: Mapping[str, str], port: int) -> None:
        """Connect the workspace to the simulator, verified through the public URL, and let the history flow.

        Needs web and worker to run. A later start only repeats where to deliver: to this machine, whatever the public
        URL is, which the endpoint is listed with.
        """
        self._publish_rates(environment)
        account = self._account()
        keys = {name: account[name] for name in ("publishable_key", "secret_key", "webhook_secret")}
        fingerprint = hashlib.sha256(json.dumps(keys, sort_keys=True).encode()).hexdigest()
        if self.facts.get("keys") != fingerprint:
            url = self._stripe_connect(environment, {})["webhook_url"]
            self._simulator("register", "--url", url, environment=environment)
            connected = self._stripe_connect({**environment, "STRIPE_API_BASE": account["url"]}, keys)
            if failed := [check for check in connected["checks"] if check["ok"] is False]:
                raise EmbeddedError("; ".join(f"{check['name']}: {check['detail']}" for check in failed))
            say("demo", "connected; a year of history arrives now, and new events after it")
            self._remember(keys=fingerprint, webhook_path=urlsplit(connected["webhook_url"]).path)
        path = self.facts["webhook_path"]
        here, listed = f"http://{LOOPBACK}:{port}{path}", f"{environment['PQ_BASE_URL'].rstrip('/')}{path}"
        where = ("--to", here, "--listed-as", listed, "--events", EVENTS)
        self._simulator("deliver", *where, environment=environment)

    def _publish_rates(self, environment: Mapping[str, str]) -> None:
        """Rates for the company's two currencies, which real ones replace: invented, the same on every start."""
        file = self.folder / "invented-rates.csv"
        file.write_text(invented_rates(datetime.now(UTC).date()), encoding="utf-8")
        words = [*MANAGE, "rates_import", str(file), "--source", "demo", "--json"]
        self.supervisor.errand("rates_import", words, environment)

    def sign_in(self) -> str:
        """The line that tells how to sign in."""
        password = f"password {self.facts['password']}" if self.facts["password"] else "(your password)"
        return f"{self.facts['owner']}  {password}"

    def _stripe_connect(self, environment: Mapping[str, str], keys: dict[str, str]) -> dict[str, Any]:
        """What `stripe_connect` answers; without keys it only tells the webhook URL."""
        words = [*MANAGE, "stripe_connect", SLUG, "--mode", "test", "--json"]
        given = json.dumps(keys) if keys else ""
        output = self.supervisor.errand("stripe_connect", words, environment, stdin=given, accepted=(0, 1))
        try:
            answer: dict[str, Any] = json.loads(output)
        except json.JSONDecodeError as error:
            reason = (last_lines(self.home.log("stripe_connect"), 1) or ["it gave no answer"])[0]
            raise EmbeddedError(f"stripe_connect failed: {reason}") from error
        return answer

    def _simulator(self, command: str, *options: str, environment: Mapping[str, str]) -> None:
        words = [*SIMULATOR, command, "--home", str(self.folder), *options]
        self.supervisor.errand(f"simulator-{command}", words, environment)

    def _account(self) -> dict[str, str]:
        account: dict[str, str] = json.loads((self.folder / "simulator.json").read_text(encoding="utf-8"))
        return account

    def _remember(self, **facts: Any) -> None:
        self.facts |= facts
        self.home.remember(FACTS, self.facts)


def invented_rates(today: date) -> str:
    """Dollars per euro as the European Central Bank writes them, from before the history until a month ahead."""
    days = (today + timedelta(days=n) for n in range(-HISTORY_DAYS - 60, 30))
    waves = ((day, day.toordinal()) for day in days if day.weekday() < 5)
    lines = (f"{day},{1.10 + 0.04 * math.sin(n / 47) + 0.006 * math.sin(n / 5):.4f}" for day, n in waves)
    return "\n".join(["Date,USD", *lines, ""])


def database_identity(url: str) -> str:
    """What tells this database from every other: its cluster's identifier and its own. Raises EmbeddedError."""
    query = "SELECT system_identifier::text, (SELECT oid FROM pg_database WHERE datname = current_database())"
    try:
        with psycopg.connect(psycopg_url(url), connect_timeout=5) as connection:
            row = connection.execute(f"{query} FROM pg_control_system()").fetchone()
    except psycopg.Error as error:
        raise EmbeddedError(f"The database does not say who it is: {str(error).splitlines()[0]}") from error
    assert row is not None
    return f"{row[0]}/{row[1]}"


def psycopg_url(url: str) -> str:
    """A DATABASE_URL in the spelling that PostgreSQL's own library takes."""
    return urlunsplit(urlsplit(url)._replace(scheme="postgresql"))
