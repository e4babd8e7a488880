"""The supervisor: starts again what dies, gives up on what keeps dying, and ends whole families."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pqintel.embedded import EmbeddedError, supervisor
from pqintel.embedded.home import Home
from pqintel.embedded.leash import Leash
from pqintel.embedded.supervisor import Stopping, Supervisor
from tests.embedded.processes import processes_of, until_gone

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
FAMILY = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print("up", flush=True)
time.sleep(60)
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def supervised(home: Home) -> Iterator[Supervisor]:
    leash = Leash()
    supervised = Supervisor(home, leash)
    yield supervised
    supervised.stop()
    leash.close()
    assert until_gone(home.path) == {}


@pytest.fixture
def environment(home: Home) -> dict[str, str]:
    return {**os.environ, "PQ_HOME": str(home.path)}


def kill(supervised: Supervisor, name: str) -> int:
    handle = next(p.handle for p in supervised.programs if p.name == name)
    assert handle
    os.kill(handle.pid, signal.SIGKILL)
    handle.wait()
    return handle.pid


def test_a_dead_program_starts_again(
    supervised: Supervisor, environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    supervised.start("web", SLEEP, environment)
    pid = kill(supervised, "web")
    supervised.tend()
    program = supervised.programs[0]
    assert program.handle is None
    assert "web ended unexpectedly; it starts again in 1 s." in capsys.readouterr().err
    program.due = 0.0
    supervised.tend()
    assert program.handle is not None
    assert program.handle.pid != pid


def test_a_program_that_keeps_dying_ends_everything(supervised: Supervisor, environment: dict[str, str]) -> None:
    supervised.start("worker", [sys.executable, "-c", "print('last words'); raise SystemExit(3)"], environment)
    program = supervised.programs[0]
    for _ in range(supervisor.DEATHS - 1):
        assert program.handle
        program.handle.wait()
        supervised.tend()
        program.due = 0.0
        supervised.tend()
    assert program.handle
    program.handle.wait()
    with pytest.raises(EmbeddedError, match=r"worker ended 5 times in a row\.\n.*exit code 3.*\n  \| last words"):
        supervised.tend()


def test_a_death_before_everything_is_up_is_told_with_the_last_words(
    supervised: Supervisor, environment: dict[str, str]
) -> None:
    supervised.start("web", [sys.executable, "-c", "print('no module'); raise SystemExit(1)"], environment)
    with pytest.raises(EmbeddedError, match=r"web ended during the start\.\n.*\n  \| no module"):
        supervised.wait_for("web", lambda: False, 60)


def test_stop_kills_what_ignores_sigterm_and_its_children(
    supervised: Supervisor, environment: dict[str, str], home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "GRACE_SECONDS", 0.1)
    supervised.start("family", [sys.executable, "-c", FAMILY], environment)
    supervised.wait_for("family", lambda: home.log("family").read_text() == "up\n", 60)
    assert len(processes_of(home.path)) == 2
    supervised.stop()
    assert until_gone(home.path) == {}


def test_an_errand_answers(supervised: Supervisor, environment: dict[str, str]) -> None:
    echo = [sys.executable, "-c", "import sys; print(sys.stdin.read().upper())"]
    assert supervised.errand("echo", echo, environment, stdin="keys") == "KEYS\n"


def test_a_failed_errand_gives_its_last_line(supervised: Supervisor, environment: dict[str, str]) -> None:
    with pytest.raises(EmbeddedError, match="migrate failed: no such table"):
        supervised.errand("migrate", [sys.executable, "-c", "raise SystemExit('no such table')"], environment)


def test_an_errand_ends_when_the_end_is_asked_for(supervised: Supervisor, environment: dict[str, str]) -> None:
    threading.Timer(0.3, supervised.stopping.set).start()
    with pytest.raises(Stopping):
        supervised.errand("long", SLEEP, environment)


def test_a_log_that_grows_is_cut(
    supervised: Supervisor, environment: dict[str, str], home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "LOG_BYTES", 5)
    supervised.start("web", SLEEP, environment)
    home.log("web").write_text("0123456789")
    supervised.tend()
    assert (home.log("web").read_text(), home.log("web").with_name("web.log.1").read_text()) == ("", "0123456789")
