"""The embedded Valkey: keeps data and port, survives kill -9, takes only its password."""

import os
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from pqintel.embedded.valkey import EmbeddedValkey


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "a folder" / "valkey"


@pytest.fixture
def server(base: Path) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(base).start()
    yield server
    server.stop()


@pytest.fixture
def client(server: EmbeddedValkey) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(server.url(), decode_responses=True) as client:
        yield client


def test_takes_only_its_password_and_only_on_loopback(server: EmbeddedValkey, client: redis.Redis) -> None:
    assert client.config_get("bind") == {"bind": "127.0.0.1"}
    assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    with redis.Redis(port=server.port) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()


def test_the_password_is_in_no_command_line(server: EmbeddedValkey, base: Path) -> None:
    assert server.process
    password = (base / "password").read_text().strip()
    assert password.encode() not in Path(f"/proc/{server.process.pid}/cmdline").read_bytes()
    assert {stat.S_IMODE((base / name).stat().st_mode) for name in ("password", "valkey.conf")} == {0o600}


def test_keeps_data_and_port(server: EmbeddedValkey, client: redis.Redis, base: Path) -> None:
    client.set("kept", "7")
    port = server.port
    server.stop()
    again = EmbeddedValkey(base).start()
    try:
        assert (again.port, client.get("kept")) == (port, "7")
    finally:
        again.stop()


def test_a_killed_server_starts_again(server: EmbeddedValkey, client: redis.Redis) -> None:
    assert server.process
    port, pid = server.port, server.process.pid
    os.kill(pid, signal.SIGKILL)
    server.process.wait(10)
    server.start()
    assert (server.port, client.ping()) == (port, True)
    assert server.process.pid != pid


def test_a_taken_port_is_exchanged(server: EmbeddedValkey) -> None:
    port = server.port
    server.stop()
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", port))
        squatter.listen()
        server.start()
        assert server.port != port


def test_forgetful_keeps_nothing(base: Path) -> None:
    server = EmbeddedValkey(base, durable=False).start()
    with redis.Redis.from_url(server.url()) as client:
        client.set("gone", "7")
        server.stop()
        server.start()
        assert client.get("gone") is None
    server.stop()
