"""Random lives by the thousand: `tests/integrations/test_lives.py` with other seeds, a process per core."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pqintel.embedded.home import PROJECT

GROUP = 20
"""Lives that share a workspace (`test_lives.LIVES`)."""
FIRST = 1_000
"""Where the seeds begin: beyond those of the suite."""


def live(count: int) -> list[str]:
    """Run so many lives; what failed, in words. The seeds are printed by the tests that fail."""
    processes = len(os.sched_getaffinity(0))
    each = -(-count // GROUP // processes)
    print(f"soak: {each * processes * GROUP:,} random lives, groups of seeds {FIRST} to {FIRST + each * processes - 1}")
    running = [_start(FIRST + number * each, each) for number in range(processes)]
    failures = []
    try:
        for log, process in running:
            if process.wait():
                failures.append(f"random lives: see {log}")
            print(f"soak: {log.read_text().splitlines()[-1]}", flush=True)
    finally:
        for _, process in running:
            process.terminate()  # does nothing to those that have ended
    return failures


def _start(first: int, groups: int) -> tuple[Path, subprocess.Popen[bytes]]:
    log = PROJECT / ".test" / f"lives-{first}.log"
    log.parent.mkdir(exist_ok=True)
    environment = {**os.environ, "PQ_SEED": str(first), "PQ_LIVES": str(groups * GROUP)}
    words = [sys.executable, "-m", "pytest", "-q", "--no-header", "tests/integrations/test_lives.py"]
    with log.open("wb") as out:
        return log, subprocess.Popen(words, stdout=out, stderr=subprocess.STDOUT, cwd=PROJECT, env=environment)
