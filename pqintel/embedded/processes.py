"""One server process: started by us or found running, ended by a sequence of ever firmer signals."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from pqintel.embedded.leash import alive, send

Steps = Sequence[tuple[signal.Signals, float]]


class Process:
    """A process by its id, and its `Popen` handle if we are its parent (a parent has to collect its dead)."""

    def __init__(self, pid: int, handle: subprocess.Popen[bytes] | None = None) -> None:
        """`handle` is None for a process that somebody else has started."""
        self.pid = pid
        self.handle = handle

    def alive(self) -> bool:
        """Whether it still runs; collects it if it was our child and has ended."""
        if self.handle is not None:
            return self.handle.poll() is None
        return alive(self.pid)

    def end(self, steps: Steps) -> None:
        """Send each signal in turn and wait that many seconds for the process to go; SIGKILL is the last step."""
        for number, seconds in (*steps, (signal.SIGKILL, 5.0)):
            if not self.alive():
                return
            send(self.pid, number)
            self.wait(seconds)

    def wait(self, seconds: float) -> bool:
        """Wait at most that long for the end. Returns whether it has ended."""
        deadline = time.monotonic() + seconds
        while self.alive():
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.02)
        return True


def last_lines(log: Path, count: int = 5) -> list[str]:
    """The last non-empty lines of a log file; none if it does not exist."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 16_384))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return []
    return [line.rstrip() for line in text.splitlines() if line.strip()][-count:]


def fresh_log(log: Path) -> None:
    """Move yesterday's log aside (one generation is kept), so that what it shows belongs to this start."""
    if log.exists() and log.stat().st_size:
        log.replace(log.with_name(log.name + ".1"))
