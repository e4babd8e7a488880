"""`make run`: comes up, keeps its data, leaves nothing behind, and tells in one line what stands in its way."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pqintel.embedded.files import FileLock
from pqintel.embedded.home import PROJECT, Home
from pqintel.embedded.ports import free_port
from tests.embedded.processes import processes_of, until_gone

RUN = [sys.executable, "-m", "pqintel.embedded.run"]
NO_SERVER = "postgres://pqintel@127.0.0.1:1/pqintel"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Like a developer's shell: nothing of the test run's own servers and keys."""
    foreign = ("DATABASE_URL", "REDIS_URL", "PQ_KEYS", "PQ_SECRET_KEY", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if name not in foreign}
    return {**kept, "PQ_HOME": str(tmp_path / "a home"), "PORT": str(free_port()), "PQ_DEMO": "0"}


def refusal(environment: dict[str, str]) -> str:
    """The one line on stderr of a run that cannot start."""
    done = subprocess.run(RUN, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert until_gone(Path(environment["PQ_HOME"])) == {}
    (line,) = done.stderr.splitlines()
    return line


def test_a_taken_port(environment: dict[str, str]) -> None:
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        port = squatter.getsockname()[1]
        said = refusal({**environment, "PORT": str(port)})
    assert said == f"pqintel: Port {port} is taken. Choose another: PORT={port % 65535 + 1} make run"


@pytest.mark.parametrize("port", ["eighty", "0", "65536", "-1"])
def test_no_port(environment: dict[str, str], port: str) -> None:
    assert refusal({**environment, "PORT": port}) == f"pqintel: PORT={port} is not a port number."


def test_an_unreachable_database(environment: dict[str, str]) -> None:
    said = refusal({**environment, "DATABASE_URL": NO_SERVER})
    assert said.startswith("pqintel: Cannot reach the database of DATABASE_URL: ")
    assert "Connection refused" in said


def test_an_unreachable_redis(environment: dict[str, str]) -> None:
    said = refusal({**environment, "REDIS_URL": "redis://:hidden@127.0.0.1:1/0"})
    assert said.startswith("pqintel: Cannot reach the server of REDIS_URL: ")
    assert "hidden" not in said


def test_a_second_run_on_the_same_home(environment: dict[str, str]) -> None:
    home = Home(Path(environment["PQ_HOME"]))
    home.remember("run", {"PQ_BASE_URL": "http://127.0.0.1:8123"})
    lock = FileLock(home.path / "run.lock")
    lock.acquire()
    said = refusal(environment)
    lock.release()
    assert said == f"pqintel: PQ Intel is running already with {home.path} (at http://127.0.0.1:8123)."


def test_a_home_that_cannot_be(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = refusal({**environment, "PQ_HOME": str(tmp_path / "file")})
    assert said == f"pqintel: Cannot use the folder {tmp_path / 'file'}: File exists."


@contextmanager
def running(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A run that has said it is ready; killed outright if the test fails."""
    with subprocess.Popen(
        RUN, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as run:
        try:
            assert run.stdout
            said = []
            for line in run.stdout:
                said.append(line)
                if "PQ Intel   http://" in line:
                    break
            else:
                raise AssertionError("".join(said))
            yield run
        finally:
            run.kill()


def sign_in(run: subprocess.Popen[str]) -> str:
    """The next line: who may sign in and how."""
    assert run.stdout
    return run.stdout.readline().strip()


def events_done(environment: dict[str, str]) -> int:
    """How many events are done; the demo is connected only after the page has answered for the first time."""
    command = [sys.executable, "manage.py", "inbox_status", "demo", "--mode", "test", "--json"]
    told = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    if told.returncode:
        assert "has no test connection yet" in told.stderr, told.stderr
        return 0
    return int(json.loads(told.stdout)["done"])


def until_more_than(count: int, environment: dict[str, str]) -> int:
    """How many events are done, once they are more than that."""
    for _ in range(300):
        if (done := events_done(environment)) > count:
            return done
        time.sleep(0.5)
    raise AssertionError("no events arrive")


def healthy(environment: dict[str, str]) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{environment['PORT']}/healthz", timeout=10) as answer:
        return int(answer.status)


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_everything_comes_up_and_everything_ends(environment: dict[str, str], stop: signal.Signals) -> None:
    home = Path(environment["PQ_HOME"])
    with running(environment) as run:
        assert healthy(environment) == 200
        commands = " ".join(processes_of(home).values())
        for program in ("postgres -D", "valkey-server", "pqintel.wsgi", "pqintel worker", "pqintel beat"):
            assert program in commands
        run.send_signal(stop)
        assert run.stdout
        assert run.stdout.read().splitlines()[-1].endswith("stopped")
        assert run.wait() == 0
    assert until_gone(home) == {}
    assert home.stat().st_mode & 0o777 == 0o700


def test_a_killed_run_leaves_nothing_and_the_next_one_starts(environment: dict[str, str]) -> None:
    home = Path(environment["PQ_HOME"])
    with running(environment) as run:
        run.kill()
        run.wait()
    assert until_gone(home) == {}
    with running(environment) as run:
        assert healthy(environment) == 200
        run.terminate()
        assert run.wait() == 0
    assert until_gone(home) == {}


def test_the_demo_is_connected_and_goes_on_after_a_restart(environment: dict[str, str]) -> None:
    environment = {**environment, "PQ_DEMO": "1"}
    home = Path(environment["PQ_HOME"])
    with running(environment) as run:
        first = sign_in(run)
        done = until_more_than(0, environment)
        run.terminate()
        assert run.wait() == 0
    assert until_gone(home) == {}
    assert re.fullmatch(r"Sign in    demo@example\.com  password \S{20}", first)
    assert (home / "demo.json").stat().st_mode & 0o777 == 0o600
    with running(environment) as run:
        assert sign_in(run) == first
        assert until_more_than(done, environment) > done
        run.terminate()
        assert run.wait() == 0
    assert until_gone(home) == {}
