"""The embedded PostgreSQL: keeps data and port, survives kill -9, stays on loopback, tells nothing in its log."""

import os
import shutil
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pqintel.embedded import EmbeddedError
from pqintel.embedded.leash import alive
from pqintel.embedded.postgres import EmbeddedPostgres


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "a folder" / "postgres"


@pytest.fixture
def server(base: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(base, durable=False).start()
    yield server
    server.stop()


def value(server: EmbeddedPostgres, query: str) -> object:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        row = connection.execute(query).fetchone()
        return row[0] if row else None


def execute(server: EmbeddedPostgres, statement: str) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(statement)


def test_takes_only_its_password_and_only_on_loopback(server: EmbeddedPostgres) -> None:
    assert value(server, "SHOW listen_addresses") == "127.0.0.1"
    assert value(server, "SHOW unix_socket_directories") == ""
    assert value(server, "SHOW password_encryption") == "scram-sha-256"
    wrong = server.url().replace("@", "x@")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


def test_makes_the_applications_database(server: EmbeddedPostgres) -> None:
    assert value(server, "SELECT current_database()") == "pqintel"
    assert value(server, "SHOW server_encoding") == "UTF8"
    assert value(server, "SHOW timezone") == "UTC"


def test_secrets_are_for_the_owner_only(server: EmbeddedPostgres, base: Path) -> None:
    assert stat.S_IMODE(base.stat().st_mode) == 0o700
    assert stat.S_IMODE((base / "password").stat().st_mode) == 0o600
    assert not (base / "initial-password").exists()


@pytest.mark.parametrize(("durable", "setting"), [(True, "on"), (False, "off")])
def test_only_tests_forgo_the_disk(base: Path, durable: bool, setting: str) -> None:
    server = EmbeddedPostgres(base, durable=durable).start()
    try:
        assert value(server, "SHOW fsync") == setting
        assert value(server, "SHOW full_page_writes") == setting
        assert value(server, "SHOW synchronous_commit") == "on"
    finally:
        server.stop()


def test_keeps_data_and_port(server: EmbeddedPostgres, base: Path) -> None:
    execute(server, "CREATE TABLE kept AS SELECT 7 AS n")
    port = server.port
    server.stop()
    again = EmbeddedPostgres(base, durable=False).start()
    try:
        assert (again.port, value(again, "SELECT n FROM kept")) == (port, 7)
    finally:
        again.stop()


def test_a_killed_server_starts_again_with_what_it_committed(server: EmbeddedPostgres) -> None:
    execute(server, "CREATE TABLE kept AS SELECT 7 AS n")
    assert server.process
    port, pid = server.port, server.process.pid
    os.kill(pid, signal.SIGKILL)
    server.process.wait(10)
    server.start()
    assert server.process.pid != pid
    assert (server.port, value(server, "SELECT n FROM kept")) == (port, 7)


@pytest.mark.parametrize("pid", [os.getpid(), 1], ids=["our own", "the first"])
def test_a_pid_file_that_names_another_program_is_no_hindrance(server: EmbeddedPostgres, base: Path, pid: int) -> None:
    text = (server._identify().base / "cluster/postmaster.pid").read_text()
    server.stop()
    stale = server._identify().base / "cluster/postmaster.pid"
    stale.write_text("\n".join([str(pid), *text.splitlines()[1:]]) + "\n")
    server._identify().hand_over(stale)
    stale.chmod(0o600)
    assert value(server.start(), "SELECT 1") == 1


def test_a_taken_port_is_exchanged(server: EmbeddedPostgres) -> None:
    port = server.port
    server.stop()
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", port))
        squatter.listen()
        server.start()
        assert server.port != port
        assert value(server, "SELECT 1") == 1


def test_a_running_server_is_taken_over_and_can_be_stopped(server: EmbeddedPostgres, base: Path) -> None:
    other = EmbeddedPostgres(base, durable=False).start()
    assert server.process
    assert other.process
    assert other.process.pid == server.process.pid
    other.stop()
    assert not server.process.alive()


def test_stop_does_not_wait_for_clients(server: EmbeddedPostgres) -> None:
    assert server.process
    pid = server.process.pid
    client = psycopg.connect(server.url())
    client.execute("SELECT 1")
    server.stop()
    assert not alive(pid)
    client.close()


def test_a_half_made_cluster_is_made_anew(base: Path) -> None:
    (base / "cluster.new" / "base").mkdir(parents=True)
    (base / "cluster.new" / "PG_VERSION").write_text("18\n")
    server = EmbeddedPostgres(base, durable=False).start()
    try:
        assert value(server, "SELECT 1") == 1
        assert not (base / "cluster.new").exists()
    finally:
        server.stop()


def test_the_log_holds_no_values(server: EmbeddedPostgres) -> None:
    canary = "canary-4711"
    execute(server, "CREATE TABLE t (word text PRIMARY KEY)")
    with psycopg.connect(server.url(), autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute("INSERT INTO t VALUES (%s)", (canary,))
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO t VALUES (%s)", (canary,))
    text = server.log.read_text()
    assert "duplicate key value" in text
    assert canary not in text


def test_a_damaged_cluster_is_told_in_one_line(server: EmbeddedPostgres, base: Path) -> None:
    server.stop()
    (server._identify().base / "cluster/PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedError) as refused:
        server.start()
    assert "incompatible with server" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another identity")
def test_root_without_user_namespaces_runs_it_as_nobody(base: Path) -> None:
    server = EmbeddedPostgres(base, durable=False, user_namespace=False).start()
    try:
        assert server.process
        owner = Path(f"/proc/{server.process.pid}").stat().st_uid
        assert (value(server, "SELECT 1"), owner) == (1, 65534)
        execute(server, "CREATE TABLE kept AS SELECT 7 AS n")
        server.stop()
        assert value(server.start(), "SELECT n FROM kept") == 7
    finally:
        server.stop()
        shutil.rmtree(server._identify().base)
