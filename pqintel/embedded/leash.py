"""A companion process that ends our children when we die without saying goodbye.

`kill -9` of the process that started PostgreSQL, Valkey or a worker leaves them running. The companion holds the read
end of a pipe whose only writer is that process; when the pipe closes it ends what it was told to watch. It is started
as a bare script (no site-packages) and costs a few megabytes.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

GRACE_SECONDS = 5.0


class Leash:
    """Ends the watched processes when the process that made the leash is gone."""

    def __init__(self) -> None:
        """Start the companion. It survives Ctrl-C, since it lives in a session of its own."""
        self._companion = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__],
            stdin=subprocess.PIPE,
            start_new_session=True,
            cwd="/",
        )

    def watch(self, pid: int, first_signal: signal.Signals = signal.SIGTERM) -> None:
        """End process `pid`, by `first_signal` and then SIGKILL of its group, if we disappear."""
        self._tell(f"watch {pid} {int(first_signal)}\n")

    def forget(self, pid: int) -> None:
        """Watch `pid` no longer, because it has ended or because somebody else looks after it."""
        self._tell(f"forget {pid}\n")

    def close(self) -> None:
        """Say goodbye: the companion ends what is still watched, then itself."""
        if self._companion.stdin and not self._companion.stdin.closed:
            self._companion.stdin.close()
        self._companion.wait()

    def _tell(self, line: str) -> None:
        assert self._companion.stdin is not None
        os.write(self._companion.stdin.fileno(), line.encode())


def alive(pid: int) -> bool:
    """Whether process `pid` exists and is not a zombie that waits to be collected by somebody else."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return stat.read().rpartition(b")")[2].split()[0] != b"Z"
    except (OSError, IndexError):
        return sys.platform != "linux"


def send(pid: int, number: int) -> None:
    """Send a signal to one process; that it is gone already is no error."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def kill_group(pid: int) -> None:
    """SIGKILL the process group led by `pid` (and `pid` itself, should it lead none)."""
    for kill in (os.killpg, os.kill):
        try:
            kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


def end_all(watched: dict[int, int]) -> None:
    """End the processes (pid -> first signal): politely, then after the grace period by SIGKILL of their groups."""
    for pid, number in watched.items():
        send(pid, number)
    deadline = time.monotonic() + GRACE_SECONDS
    while any(alive(pid) for pid in watched) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in watched:
        kill_group(pid)


def _companion_main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    watched: dict[int, int] = {}
    for line in sys.stdin:
        verb, pid, *rest = line.split()
        if verb == "watch":
            watched[int(pid)] = int(rest[0])
        else:
            watched.pop(int(pid), None)
    end_all(watched)


if __name__ == "__main__":
    _companion_main()
