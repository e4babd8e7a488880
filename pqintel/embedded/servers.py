"""The embedded servers of one `PQ_HOME`, shared by all processes that use it: the last one out stops them.

`make run` and a command in another terminal (`manage.py billing_metrics …`) may come and go in any order. Each holds a
shared lock while it needs the servers; who leaves and can turn its lock into an exclusive one was the last.
"""

from __future__ import annotations

import os
import signal
from typing import Self

from pqintel.embedded.files import FileLock, exclusive
from pqintel.embedded.home import Home
from pqintel.embedded.leash import Leash
from pqintel.embedded.postgres import EmbeddedPostgres
from pqintel.embedded.valkey import EmbeddedValkey


class LocalServers:
    """PostgreSQL and Valkey of one home, each only where no URL in the environment names another server."""

    def __init__(self, home: Home, leash: Leash | None = None, *, durable: bool = True) -> None:
        """`durable=False` is for tests: fast, and unsafe against a power cut. `leash`: the one that we have already."""
        self.home = home
        self.postgres = EmbeddedPostgres(home.path / "postgres", durable=durable, log=home.log("postgres"))
        self.valkey = EmbeddedValkey(home.path / "valkey", durable=durable, log=home.log("valkey"))
        self.wants_postgres = not os.environ.get("DATABASE_URL")
        self.wants_valkey = not os.environ.get("REDIS_URL")
        self._leash = leash
        self._owns_leash = leash is None
        self._users: FileLock | None = None

    def attach(self) -> Self:
        """Start what does not run yet and count ourselves among the users. Raises EmbeddedError."""
        with exclusive(self.home.path / "start.lock"):
            self._users = FileLock(self.home.path / "users.lock")
            self._users.acquire(shared=True)
            if self._owns_leash:
                self._leash = Leash()
            try:
                self.ensure()
            except BaseException:
                self._leave()
                raise
        return self

    def ensure(self) -> list[str]:
        """Start again what has ended meanwhile; returns the names of what was started. Raises EmbeddedError."""
        assert self._leash is not None, "attach first"
        started = []
        if self.wants_postgres and not (self.postgres.process and self.postgres.process.alive()):
            self.postgres.start()
            started.append("postgres")
            if self.postgres.process:
                self._leash.watch(self.postgres.process.pid, signal.SIGINT)
        if self.wants_valkey and not (self.valkey.process and self.valkey.process.alive()):
            self.valkey.start()
            started.append("valkey")
            if self.valkey.process:
                self._leash.watch(self.valkey.process.pid)
        return started

    def detach(self) -> bool:
        """Leave; stop the servers if nobody else uses them. Returns whether they were stopped (or were not ours)."""
        with exclusive(self.home.path / "start.lock"):
            return self._leave()

    def environment(self) -> dict[str, str]:
        """DATABASE_URL and REDIS_URL of the servers that run here."""
        urls = {}
        if self.wants_postgres:
            urls["DATABASE_URL"] = self.postgres.url()
        if self.wants_valkey:
            urls["REDIS_URL"] = self.valkey.url()
        return urls

    def __enter__(self) -> Self:
        return self.attach()

    def __exit__(self, *exception: object) -> None:
        self.detach()

    def _leave(self) -> bool:
        if self._users is None or self._leash is None:
            return True
        last = self._users.acquire(wait=False)
        for server in (self.postgres, self.valkey):
            if server.process is None:
                continue
            pid = server.process.pid
            if last:
                server.stop()
            self._leash.forget(pid)
        if self._owns_leash:
            self._leash.close()
        self._users.release()
        self._leash = self._users = None
        return last
