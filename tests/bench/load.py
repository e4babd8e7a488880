"""Runs the load generator beside what it measures."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pqintel.embedded.home import PROJECT
from pqintel.simulator.delivery import percentile

from .sender import Job, Sent


class Sender:
    """One delivery by a process of its own, ready to begin at once. Use as a context manager."""

    def __init__(self, folder: Path, job: Job) -> None:
        self._file = folder / "job"
        self._file.write_bytes(pickle.dumps(job))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.sender", str(self._file)],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != b"ready\n":
            raise RuntimeError("the load generator does not start")

    def begin(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()

    def finish(self) -> Sent:
        """Wait for the last answer. Raises RuntimeError when the generator failed."""
        if self._process.wait() != 0:
            raise RuntimeError("the load generator failed")
        return Sent(**pickle.loads(self._file.read_bytes()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def send(folder: Path, job: Job) -> Sent:
    """Send a job and wait for its end."""
    with Sender(folder, job) as sender:
        sender.begin()
        return sender.finish()


@dataclass(frozen=True)
class Spread:
    """Percentiles of latencies, in milliseconds."""

    p50: float
    p95: float
    p99: float

    @classmethod
    def of(cls, seconds: list[float]) -> Spread:
        return cls(*(percentile(seconds, share) * 1000 for share in (0.5, 0.95, 0.99)))
