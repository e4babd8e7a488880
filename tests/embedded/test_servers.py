"""Who shares the servers of one PQ_HOME: the last one out stops them, and no other."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from pqintel.embedded.environment import own_environment
from pqintel.embedded.home import PROJECT, Home
from pqintel.embedded.leash import alive
from pqintel.embedded.servers import LocalServers
from tests.embedded.processes import until_gone


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    for name in ("DATABASE_URL", "REDIS_URL", "PQ_KEYS", "PQ_SECRET_KEY", "PQ_HOME"):
        monkeypatch.delenv(name, raising=False)
    return Home(tmp_path / "home")


def test_the_last_one_out_stops_them(home: Home) -> None:
    first = LocalServers(home, durable=False).attach()
    second = LocalServers(home, durable=False).attach()
    assert first.postgres.process
    assert second.postgres.process
    pid = first.postgres.process.pid
    assert second.postgres.process.pid == pid
    assert first.detach() is False
    psycopg.connect(second.environment()["DATABASE_URL"]).close()
    assert second.detach() is True
    assert not alive(pid)
    assert until_gone(home.path) == {}


def test_a_server_that_died_is_started_again(home: Home) -> None:
    with LocalServers(home, durable=False) as servers:
        assert servers.ensure() == []
        assert servers.valkey.process
        os.kill(servers.valkey.process.pid, signal.SIGKILL)
        servers.valkey.process.wait(10)
        assert servers.ensure() == ["valkey"]
    assert until_gone(home.path) == {}


def test_given_urls_are_used_and_nothing_is_started(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://127.0.0.1:1/given")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    with LocalServers(home) as servers:
        assert servers.environment() == {}
        assert (servers.postgres.process, servers.valkey.process) == (None, None)
        environment = own_environment(home, servers)
    assert sorted(environment) == ["PQ_HOME", "PQ_KEYS", "PQ_SECRET_KEY"]


def test_keys_are_made_once_and_kept_private(home: Home) -> None:
    keys, secret = home.keys(), home.secret_key()
    assert (Home(home.path).keys(), Home(home.path).secret_key()) == (keys, secret)
    identifier, _, key = keys.partition(":")
    assert (identifier, len(bytes.fromhex(key))) == ("k1", 32)
    assert {(home.path / name).stat().st_mode & 0o777 for name in ("keys", "secret-key")} == {0o600}
    assert home.path.stat().st_mode & 0o777 == 0o700


def test_a_command_brings_its_own_servers_and_leaves_none(home: Home) -> None:
    environment = {**os.environ, "PQ_HOME": str(home.path)}
    query = "from django.conf import settings as s; print(s.DATABASES['default']['NAME'], s.PQ_HOME)"
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", query]
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"pqintel {home.path}"
    assert until_gone(home.path) == {}
