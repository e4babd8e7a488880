"""`make run`: everything on one machine, started in order, watched, and ended together.

PostgreSQL and Valkey (unless `DATABASE_URL` / `REDIS_URL` name others), migrations, web, worker, beat, and unless
`PQ_DEMO=0` a demo workspace that is fed by the simulator. What stands in the way is told in one line on stderr, with
exit code 1; after Ctrl-C, SIGTERM or SIGHUP the exit code is 0 and nothing is left running. A second Ctrl-C hurries.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from types import FrameType

import psycopg
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from pqintel.embedded import EmbeddedError
from pqintel.embedded.demo import Demo, database_identity, psycopg_url
from pqintel.embedded.environment import RUN, own_environment
from pqintel.embedded.files import FileLock
from pqintel.embedded.home import Home
from pqintel.embedded.leash import Leash
from pqintel.embedded.ports import LOOPBACK, is_free
from pqintel.embedded.servers import LocalServers
from pqintel.embedded.supervisor import Stopping, Supervisor, say

PYTHON = sys.executable
CELERY = [PYTHON, "-m", "celery", "-A", "pqintel"]
GUNICORN = ["--config", "python:pqintel.gunicorn", "--graceful-timeout", "3", "pqintel.wsgi"]
WORKER = ["worker", "--queues", "drain,react,bulk", "--concurrency", "2", "--loglevel", "INFO"]
WORKER += ["--without-gossip", "--without-mingle"]  # talk among workers, and there is only this one
DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy does not know our loopback
READY_SECONDS = 300  # a death is seen at once; this is for slow machines
OFF = ("0", "false", "no", "off")


class LocalRun:
    """One run on one home, from the first check to the last process's end."""

    def __init__(self, home: Home, port: int, *, demo: bool) -> None:
        """`port` is the web server's on 127.0.0.1."""
        self.home = home
        self.port = port
        self.leash = Leash()
        self.servers = LocalServers(home, self.leash)
        self.supervisor = Supervisor(home, self.leash)
        self.wants_demo = demo
        self.demo: Demo | None = None

    def run(self) -> None:
        """Run until a signal asks for the end. Raises EmbeddedError when something stands in the way."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._asked_to_stop)
        try:
            self._start()
            self._watch()
        except Stopping:
            pass  # asked for while starting: the end below is all there is to do
        finally:
            self._end()

    def _asked_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        if self.supervisor.stopping.is_set():
            self.supervisor.hurry.set()
        else:
            say("run", "stopping")
            self.supervisor.stopping.set()

    def _start(self) -> None:
        began = time.monotonic()
        say("run", f"starting PostgreSQL and Valkey in {self.home.path}")
        self.servers.attach()
        environment = self._environment()
        if self.wants_demo:
            self.demo = Demo(self.home, self.supervisor, database_identity(environment["DATABASE_URL"]))
            self.demo.start_simulator(environment)
        say("run", "preparing the database")
        self.supervisor.errand("migrate", [PYTHON, "manage.py", "migrate", "--noinput"], environment)
        if self.demo:
            self.demo.create_workspace(environment)
            environment.setdefault("STRIPE_API_BASE", self.demo.account()["url"])
        self._remember(environment)
        say("run", "starting web, worker and beat")
        self.supervisor.start("web", [PYTHON, "-m", "gunicorn", *GUNICORN], environment)
        self.supervisor.wait_for("The web server", self._web_answers, READY_SECONDS)
        self.supervisor.start("worker", [*CELERY, *WORKER], environment)  # after it: a page that answers comes first
        self.supervisor.start("beat", [*CELERY, "beat", "--loglevel", "INFO"], environment)
        self._announce(environment, time.monotonic() - began)
        if self.demo:
            threading.Thread(target=self._fill, args=(self.demo, environment), daemon=True).start()

    def _environment(self) -> dict[str, str]:
        """The environment of every program. What the last run remembered of itself does not hold for this one."""
        self.home.remember(RUN, {})
        environment = {**os.environ, **own_environment(self.home, self.servers)}
        environment.setdefault("PQ_BASE_URL", f"http://{LOOPBACK}:{self.port}")
        return {**environment, "PORT": str(self.port), "PYTHONUNBUFFERED": "1"}

    def _remember(self, environment: dict[str, str]) -> None:
        """Keep what commands in other terminals need to know of this run."""
        names = ("PORT", "PQ_BASE_URL", "STRIPE_API_BASE")
        self.home.remember(RUN, {name: environment[name] for name in names if name in environment})

    def _web_answers(self) -> bool:
        try:
            with DIRECTLY.open(f"http://{LOOPBACK}:{self.port}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _announce(self, environment: dict[str, str], seconds: float) -> None:
        say("run", f"ready in {seconds:.1f} s; logs in {self.home.logs}; Ctrl-C stops everything")
        print(f"\n  PQ Intel   {environment['PQ_BASE_URL']}/")
        if self.demo:
            print(f"  Sign in    {self.demo.sign_in()}")
            if environment["STRIPE_API_BASE"] == self.demo.account()["url"]:
                print("  Stripe     is played by a simulator for every connection; PQ_DEMO=0 is for real accounts")
        print(flush=True)

    def _fill(self, demo: Demo, environment: dict[str, str]) -> None:
        """Connect the demo beside the running programs; that it fails is told, and the rest goes on."""
        try:
            demo.connect(environment, self.port)
        except Stopping:
            return
        except EmbeddedError as error:
            print(f"The demo is not connected: {error}", file=sys.stderr, flush=True)

    def _watch(self) -> None:
        while not self.supervisor.stopping.is_set():
            self.supervisor.tend()
            for name in self.servers.ensure():
                say(name, "had ended; started again")
            self.supervisor.stopping.wait(0.2)

    def _end(self) -> None:
        self.supervisor.stop()
        if not self.servers.detach():
            say("run", "PostgreSQL and Valkey stay up for another command that uses them")
        self.leash.close()
        say("run", "stopped")


def check_servers() -> None:
    """Raise EmbeddedError if a server that the environment names does not answer."""
    if url := os.environ.get("DATABASE_URL"):
        try:
            psycopg.connect(psycopg_url(url), connect_timeout=5).close()
        except psycopg.Error as error:
            raise EmbeddedError(f"Cannot reach the database of DATABASE_URL: {_first_line(error)}") from error
    if url := os.environ.get("REDIS_URL"):
        try:
            with redis.Redis.from_url(
                url, socket_connect_timeout=5, socket_timeout=5, retry=Retry(NoBackoff(), 0)
            ) as client:
                client.ping()
        except (redis.RedisError, ValueError) as error:
            raise EmbeddedError(f"Cannot reach the server of REDIS_URL: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def chosen_port() -> int:
    """PORT of the environment (default 8000). Raises EmbeddedError if it is no port or somebody listens there."""
    text = os.environ.get("PORT") or "8000"
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise EmbeddedError(f"PORT={text} is not a port number.")
    if not is_free(int(text)):
        raise EmbeddedError(f"Port {text} is taken. Choose another: PORT={int(text) % 65535 + 1} make run")
    return int(text)


def main() -> int:
    """Run; returns the exit code."""
    try:
        home = Home.from_environment()
        lock = FileLock(home.path / "run.lock")
        if not lock.acquire(wait=False):
            url = home.recall(RUN).get("PQ_BASE_URL", "another port")
            raise EmbeddedError(f"PQ Intel is running already with {home.path} (at {url}).")
        port = chosen_port()
        check_servers()
        demo = os.environ.get("PQ_DEMO", "1").lower() not in OFF and os.environ.get("PQ_ENV") != "production"
        LocalRun(home, port, demo=demo).run()
    except EmbeddedError as error:
        print(f"pqintel: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # before there was anything to stop
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
