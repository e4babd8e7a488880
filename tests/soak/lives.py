"""Random lives by the thousand: `tests/integrations/test_lives.py` with other seeds, a process per core; and many a
month over HTTP that previews of alerts are held against (`tests/alerts/test_preview_http.py`)."""

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


def foresee(months: int) -> list[str]:
    """Live through so many months over HTTP, each with rules of its own; what failed, in words."""
    print(f"soak: {months} months over HTTP beside their previews", flush=True)
    log, process = _run("previews", "tests/alerts/test_preview_http.py", PQ_REPLAYS=months)
    try:
        failed = process.wait()
    finally:
        process.terminate()
    print(f"soak: {log.read_text().splitlines()[-1]}", flush=True)
    return [f"previews: see {log}"] if failed else []


def _start(first: int, groups: int) -> tuple[Path, subprocess.Popen[bytes]]:
    return _run(f"lives-{first}", "tests/integrations/test_lives.py", PQ_SEED=first, PQ_LIVES=groups * GROUP)


def _run(name: str, tests: str, **numbers: int) -> tuple[Path, subprocess.Popen[bytes]]:
    log = PROJECT / ".test" / f"{name}.log"
    log.parent.mkdir(exist_ok=True)
    environment = {**os.environ, **{variable: str(number) for variable, number in numbers.items()}}
    words = [sys.executable, "-m", "pytest", "-q", "--no-header", tests]
    with log.open("wb") as out:
        return log, subprocess.Popen(words, stdout=out, stderr=subprocess.STDOUT, cwd=PROJECT, env=environment)
