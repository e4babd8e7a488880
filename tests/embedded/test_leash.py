"""Nothing outlives the process that started it, even if that one is killed outright."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from pqintel.embedded.leash import Leash, alive
from tests.embedded.processes import until_gone

OWNER = """
import subprocess, sys, time
from pqintel.embedded.leash import Leash
leash = Leash()
child = subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[2]], start_new_session=True)
leash.watch(child.pid)
print(child.pid, flush=True)
time.sleep(60)
"""
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", sys.argv[1]])
time.sleep(60)
"""


def test_children_and_theirs_end_with_a_killed_owner(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    command = [sys.executable, "-c", OWNER, STUBBORN, str(mark)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout
        child = int(owner.stdout.readline())
        assert alive(child)
        os.kill(owner.pid, signal.SIGKILL)
    assert until_gone(mark) == {}


def test_what_is_forgotten_goes_on() -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as child:
        leash = Leash()
        leash.watch(child.pid)
        leash.forget(child.pid)
        leash.close()
        assert child.poll() is None
        child.kill()


def test_a_closed_leash_ends_what_it_watches() -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as child:
        leash = Leash()
        leash.watch(child.pid)
        leash.close()
        assert child.wait() == -signal.SIGTERM
