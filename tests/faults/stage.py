"""The whole product on servers of its own: PostgreSQL as durable as in production, Valkey, Gunicorn, Celery, beat."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import environ
import psycopg
import redis
from django.db import connection

from pqintel.embedded.demo import psycopg_url
from pqintel.embedded.home import PROJECT, Home
from pqintel.embedded.leash import Leash, kill_group
from pqintel.embedded.ports import LOOPBACK, free_port
from pqintel.embedded.postgres import EmbeddedPostgres
from pqintel.embedded.processes import Process, last_lines
from pqintel.embedded.run import CELERY, PYTHON
from pqintel.embedded.valkey import EmbeddedValkey

from .outside import Outside
from .trace import INSTALL

NOBODY = f"http://{LOOPBACK}:9"
"""Where Stripe's API is for programs that must not read."""
SCALE = float(os.environ.get("PQ_FAULT_SCALE") or 1)
DEADLINE = 120.0
"""Seconds until "eventually" is over. Generous: what is measured here is whether, not when."""
GUNICORN = [PYTHON, "-m", "gunicorn", "--config", "python:pqintel.gunicorn", "pqintel.wsgi"]
WORKER = [*CELERY, "worker", "--queues", "drain,react,bulk", "--loglevel", "INFO", "--without-gossip"]
BEAT = [*CELERY, "beat", "--loglevel", "INFO"]


def scaled(count: int) -> int:
    """A count of events or faults, as many times as PQ_FAULT_SCALE says."""
    return max(1, round(count * SCALE))


def until(what: str, holds: Callable[[], object], seconds: float = DEADLINE) -> float:
    """Wait until something holds; the seconds that took. Fails with `what` when the deadline is over."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > seconds:
            raise AssertionError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.02)
    return time.monotonic() - began


def within(seconds: float, holds: Callable[[], object]) -> bool:
    """Whether something holds within so many seconds; waits no longer than it must."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


class Program:
    """One of our programs: started, ended, killed and started again by the test, in a process group of its own."""

    def __init__(self, stage: Stage, name: str, words: list[str]) -> None:
        self.name, self.words = name, words
        self._stage = stage
        self._handle: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._handle is not None, f"{self.name} was not started"
        return self._handle.pid

    @property
    def running(self) -> bool:
        return self._handle is not None and self._handle.poll() is None

    def start(self) -> Self:
        with self._stage.home.log(self.name).open("ab") as log:
            self._handle = subprocess.Popen(
                self.words,
                cwd=PROJECT,
                env=self._stage.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._stage.leash.watch(self.pid)
        return self

    def children(self) -> list[int]:
        """The processes it has made itself: a pool's, a server's."""
        return children(self.pid)

    def kill(self) -> None:
        """SIGKILL to it and all that belongs to it, in no order, as the kernel or a power cut would."""
        if self._handle is not None:
            kill_group(self.pid)
            self._handle.wait()
            self._stage.leash.forget(self.pid)

    def terminate(self) -> None:
        """SIGTERM to it alone, as a deployment does; `wait` tells how it ended."""
        os.kill(self.pid, signal.SIGTERM)

    def wait(self) -> int:
        """Its exit code. Fails when it does not end."""
        assert self._handle is not None
        try:
            return self._handle.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} does not end: {self.last_words()}") from None

    def said(self, words: str) -> int:
        """How often its log has these words, from whichever start."""
        return self._stage.home.log(self.name).read_text().count(words)

    def last_words(self) -> str:
        return "\n".join(last_lines(self._stage.home.log(self.name), 30))


def children(pid: int) -> list[int]:
    """The child processes of a process."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Stage:
    """Use as a context manager. Starts the servers and migrates; programs are started by whoever needs them.

    They find Slack and Telegram at `messengers` and the mail server at `mail` (none: they write files).
    """

    def __init__(self, folder: Path, messengers: str = NOBODY, mail: str = "") -> None:
        self.home = Home(folder)
        self.port = free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        self.postgres = EmbeddedPostgres(self.home.path / "postgres", durable=True, log=self.home.log("postgres"))
        self.valkey = EmbeddedValkey(self.home.path / "valkey", durable=True, log=self.home.log("valkey"))
        self.web = Program(self, "web", GUNICORN)
        self.worker = Program(self, "worker", [*WORKER, "--concurrency", "2"])
        self.beat = Program(self, "beat", BEAT)
        self.programs = [self.web, self.worker, self.beat]
        self.stripe_api, self.messengers, self.mail = NOBODY, messengers, mail
        self.outside: Outside | None = None

    def __enter__(self) -> Self:
        self.leash = Leash()
        try:
            self.start_servers()
            self._migrate()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        for program in self.programs:
            program.kill()
        self.valkey.stop()
        self.postgres.stop()
        self.leash.close()

    @property
    def environment(self) -> dict[str, str]:
        """What every program of the stage sees. The keys are the test run's, so that both can read what is sealed."""
        return {
            **os.environ,
            "DATABASE_URL": self.postgres.url(),
            "REDIS_URL": self.valkey.url(),
            "PQ_HOME": str(self.home.path),
            "PORT": str(self.port),
            "PQ_BASE_URL": self.url,
            "PQ_DEMO": "0",
            "STRIPE_API_BASE": self.stripe_api,
            "SLACK_API_BASE": self.messengers,
            "TELEGRAM_API_BASE": self.messengers,
            **({"EMAIL_URL": self.mail} if self.mail else {}),
            "DJANGO_SETTINGS_MODULE": "pqintel.settings",
            "PYTHONUNBUFFERED": "1",
        }

    def start_servers(self) -> None:
        """Start what does not run: at first, and after it was killed."""
        for server, number in ((self.postgres, signal.SIGINT), (self.valkey, signal.SIGTERM)):
            if not (server.process and server.process.alive()):
                server.start()
                assert server.process is not None
                self.leash.watch(server.process.pid, number)
        until("Valkey has read its file", self._valkey_answers)

    def start_programs(self) -> None:
        """Start those of web, worker and beat that do not run, and wait until all is well."""
        for program in (self.web, self.worker, self.beat):
            if not program.running:
                program.start()
        until("the web server answers", self.answers)

    @contextmanager
    def reading_from(self, url: str) -> Iterator[None]:
        """A worker that finds Stripe's API at this URL, for the length of the block."""
        self.stripe_api = url
        try:
            self._new_worker()
            yield
        finally:
            self.stripe_api = NOBODY
            self._new_worker()

    @contextmanager
    def writing_to(self, url: str, mail: str) -> Iterator[None]:
        """A worker that finds Slack and Telegram at this URL and its mail server at `mail`, while the block lasts."""
        before = self.messengers, self.mail
        self.messengers, self.mail = url, mail
        try:
            self._new_worker()
            yield
        finally:
            self.messengers, self.mail = before
            self._new_worker()

    def _new_worker(self) -> None:
        self.worker.kill()
        self.worker.start()

    @contextmanager
    def another(self, name: str, words: list[str]) -> Iterator[Program]:
        """One more program, for the length of the block; killed then: beat may not end by itself where SIGTERM finds it
        at its database."""
        program = Program(self, name, words).start()
        try:
            yield program
        finally:
            program.kill()

    def answers(self) -> bool:
        """Whether web, database and queue are up, as /healthz has it."""
        assert self.web.running, f"the web server has ended: {self.web.last_words()}"
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=10) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def works(self) -> bool:
        """True. Fails when the worker has ended, with what it said last."""
        assert self.worker.running, f"the worker has ended: {self.worker.last_words()}"
        return True

    def owner(self) -> psycopg.Connection[Any]:
        """A connection as the owner of the tables, whom row-level security does not bind; autocommit."""
        return psycopg.connect(psycopg_url(self.postgres.url()), autocommit=True)

    def redis(self) -> redis.Redis:
        return redis.Redis.from_url(self.valkey.url())

    def server_processes(self) -> tuple[Process, Process]:
        """PostgreSQL's and Valkey's."""
        assert self.postgres.process is not None
        assert self.valkey.process is not None
        return self.postgres.process, self.valkey.process

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Django of this process on the stage's database instead of the test run's."""
        connection.close()
        saved = connection.settings_dict
        connection.settings_dict = {
            **saved,
            **environ.Env.db_url_config(self.postgres.url()),
            "ENGINE": saved["ENGINE"],
        }
        connection.settings_dict["OPTIONS"] = saved["OPTIONS"]
        try:
            yield
        finally:
            connection.close()
            connection.settings_dict = saved

    def _valkey_answers(self) -> bool:
        try:
            with self.redis() as queue:
                return bool(queue.ping())
        except redis.BusyLoadingError:
            return False

    def _migrate(self) -> None:
        words = [sys.executable, "manage.py", "migrate", "--noinput"]
        done = subprocess.run(words, cwd=PROJECT, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        with self.owner() as database:
            database.execute(INSTALL)
