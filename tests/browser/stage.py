"""The whole product on servers of its own, as `make run` starts it: PostgreSQL, Valkey, Gunicorn, Celery worker, beat.

Everything lies in one temporary folder. The keys are those of the test process, so that what a test makes by the ORM
(`Stage.inside`) can be opened by the servers, sessions included.
"""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import psycopg
from django.db import connections
from environ import Env

from pqintel.embedded.demo import psycopg_url
from pqintel.embedded.home import Home
from pqintel.embedded.leash import Leash, kill_group
from pqintel.embedded.ports import LOOPBACK, free_port
from pqintel.embedded.run import CELERY, GUNICORN, PYTHON, WORKER
from pqintel.embedded.servers import LocalServers
from pqintel.embedded.supervisor import Supervisor
from pqintel.workspaces.postgres.base import DatabaseWrapper

PROGRAMS = {
    "web": [PYTHON, "-m", "gunicorn", *GUNICORN],
    "worker": [*CELERY, *WORKER],
    "beat": [*CELERY, "beat", "--loglevel", "INFO"],
}
PATIENCE_SECONDS = 120


class Stage:
    """Use as a context manager; `url` is the web server's."""

    def __init__(self, folder: Path, *, stripe: str, mail_port: int) -> None:
        """`stripe` is the address of the API that is asked instead of Stripe's."""
        self.home = Home(folder)
        self.port = free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        self._leash = Leash()
        self.servers = LocalServers(self.home, self._leash, durable=False)
        self.servers.wants_postgres = self.servers.wants_valkey = True  # the environment names the test process's own
        self.servers.valkey.durable = True  # its append-only file is a place where a secret could lie
        self._supervisor = Supervisor(self.home, self._leash)
        self._given = {"STRIPE_API_BASE": stripe, "EMAIL_URL": f"smtp://{LOOPBACK}:{mail_port}"}

    def __enter__(self) -> Self:
        try:
            self.servers.attach()
            self._supervisor.errand("migrate", [PYTHON, "manage.py", "migrate", "--noinput"], self.environment)
            self.start(*PROGRAMS)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self._supervisor.stop()
        self.servers.detach()
        self._leash.close()

    @property
    def environment(self) -> dict[str, str]:
        """What every program of the stage gets."""
        kept = {name: value for name, value in os.environ.items() if name != "DJANGO_ALLOW_ASYNC_UNSAFE"}
        own = {"PQ_HOME": str(self.home.path), "PQ_BASE_URL": self.url, "PORT": str(self.port), "PQ_DEMO": "0"}
        return {**kept, **self.servers.environment(), **own, **self._given, "PYTHONUNBUFFERED": "1"}

    def start(self, *names: str) -> None:
        """Start programs by name; returns when the web server answers. A worker takes its first task when it is up."""
        for name in names:
            self._supervisor.start(name, PROGRAMS[name], self.environment)
        self._supervisor.wait_for("The web server", self.answers, PATIENCE_SECONDS)

    def stop(self, name: str) -> None:
        """End one program and everything that belongs to it."""
        (program,) = (program for program in self._supervisor.programs if program.name == name)
        assert program.handle is not None
        program.handle.terminate()
        program.handle.wait(PATIENCE_SECONDS)
        kill_group(program.handle.pid)
        self._leash.forget(program.handle.pid)
        self._supervisor.programs.remove(program)

    @contextmanager
    def without(self, name: str) -> Iterator[None]:
        """Run the block with one program stopped."""
        self.stop(name)
        try:
            yield
        finally:
            self.start(name)

    @contextmanager
    def without_database(self) -> Iterator[None]:
        """Run the block while nobody listens where PostgreSQL was."""
        self.servers.postgres.stop()
        try:
            yield
        finally:
            self.servers.ensure()
            self._supervisor.wait_for("The web server", self.answers, PATIENCE_SECONDS)

    def answers(self) -> bool:
        """Whether web, database and queue are up."""
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def owner(self) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection as the owner of the tables, whom row-level security does not bind; autocommit."""
        return psycopg.connect(psycopg_url(self.servers.postgres.url()), autocommit=True)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Let this process's ORM work on the stage's database for the length of the block."""
        ours = connections["default"]
        place = Env.db_url_config(self.servers.postgres.url())
        theirs = DatabaseWrapper({**ours.settings_dict, **place, "ENGINE": ours.settings_dict["ENGINE"]}, "default")
        connections["default"] = theirs
        try:
            yield
        finally:
            theirs.close()
            connections["default"] = ours
