"""The whole product on servers of its own: PostgreSQL as durable as in production, Valkey, Gunicorn, a Celery worker.

Everything lies in a temporary folder and is gone afterwards. Two settings are made for looking on: `pg_stat_statements`
counts statements, and commit timestamps tell when an event's effects could be seen.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import django
import psycopg

from pqintel.embedded.demo import psycopg_url
from pqintel.embedded.environment import own_environment
from pqintel.embedded.home import Home
from pqintel.embedded.leash import Leash, kill_group
from pqintel.embedded.ports import LOOPBACK, free_port
from pqintel.embedded.processes import last_lines
from pqintel.embedded.run import CELERY, PYTHON, WORKER
from pqintel.embedded.servers import LocalServers
from pqintel.embedded.supervisor import Program, Supervisor

# What a developer's shell may hold and no measurement may see.
FOREIGN = (
    *("PQ_ENV", "PQ_BASE_URL", "PQ_DEMO", "PQ_HOME", "PQ_KEYS", "PQ_SECRET_KEY", "PQ_HOUSE_WORKSPACE", "PORT", "BIND"),
    *("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "CELERY_BROKER_URL", "STRIPE_API_BASE", "EMAIL_URL"),
    *("WEB_CONCURRENCY", "WEB_THREADS", "DJANGO_SETTINGS_MODULE"),
)
LOOKING_ON = {"shared_preload_libraries": "pg_stat_statements", "track_commit_timestamp": "on"}


class Stage:
    """Use as a context manager. `url` is the web server's; `owner()` connects past row-level security."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        """`environment` is added to that of every process, ours included."""
        for name in FOREIGN:
            os.environ.pop(name, None)
        self.folder = Path(tempfile.mkdtemp(prefix="pqintel-"))
        self.home = Home(self.folder / "home")
        self.port = free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        self.leash = Leash()
        self.servers = LocalServers(self.home, self.leash)
        self.supervisor = Supervisor(self.home, self.leash)
        self._extra = dict(environment or {})

    def __enter__(self) -> Self:
        try:
            self._open()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        if exception and exception[0] is not None:
            self._tell_logs()
        self.supervisor.stop()
        self.servers.detach()
        self.leash.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def owner(self) -> psycopg.Connection[tuple[object, ...]]:
        """A connection of its own as the owner of the tables, whom row-level security does not bind; autocommit."""
        return psycopg.connect(psycopg_url(self.servers.postgres.url()), autocommit=True)

    def start_web(self) -> Program:
        """Gunicorn with the project's own configuration; returns when it answers."""
        words = [PYTHON, "-m", "gunicorn", "--config", "python:pqintel.gunicorn", "pqintel.wsgi"]
        program = self._start("web", words)
        self.supervisor.wait_for("The web server", self._web_answers, 60)
        return program

    def start_worker(self, processes: int, queues: str = "drain,react,bulk") -> Program:
        """The Celery worker of `make run` with that many processes; it is up when it takes its first task."""
        words = [*CELERY, *WORKER]
        words[words.index("--concurrency") + 1] = str(processes)
        words[words.index("--queues") + 1] = queues
        return self._start("worker", words)

    def start_beat(self) -> Program:
        """The scheduler of `make run`: sweeps, so that reads are made."""
        return self._start("beat", [*CELERY, "beat", "--loglevel", "WARNING"])

    def end(self, program: Program) -> None:
        """End one program and everything that belongs to it."""
        assert program.handle is not None
        program.handle.terminate()
        try:
            program.handle.wait(10)
        finally:
            kill_group(program.handle.pid)
            self.leash.forget(program.handle.pid)
            self.supervisor.programs.remove(program)

    def _open(self) -> None:
        self.servers.attach()
        with self.owner() as connection:
            for name, value in LOOKING_ON.items():
                connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        self.servers.postgres.stop()
        self.servers.ensure()
        os.environ |= {
            **own_environment(self.home, self.servers),
            "PORT": str(self.port),
            "PQ_BASE_URL": self.url,
            "PQ_DEMO": "0",
            "PQ_LOG_LEVEL": "WARNING",
            "DJANGO_SETTINGS_MODULE": "pqintel.settings",
            "STRIPE_API_BASE": f"http://{LOOPBACK}:9",  # nobody: no measurement may reach Stripe
            **self._extra,
        }
        self.supervisor.errand("migrate", [sys.executable, "manage.py", "migrate", "--noinput"], os.environ)
        with self.owner() as connection:
            connection.execute("CREATE EXTENSION pg_stat_statements")
        django.setup()

    def _tell_logs(self) -> None:
        for log in sorted(self.home.logs.glob("*.log")):
            for line in last_lines(log, 8):
                print(f"{log.stem} | {line}", file=sys.stderr)

    def _start(self, name: str, words: list[str]) -> Program:
        self.supervisor.start(name, words, dict(os.environ))
        return self.supervisor.programs[-1]

    def _web_answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False
