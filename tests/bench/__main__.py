"""`python -m tests.bench [--quick]`: prints the table, keeps it in bench-results/; exit 1 when a target is missed."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from types import FrameType

from .report import Report
from .stage import Stage


def main() -> int:
    """Run everything; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure the way of an event.")
    parser.add_argument("--quick", action="store_true", help="a short form, for a first look: figures are less certain")
    parser.add_argument("--backfill", action="store_true", help="measure the backfill alone")
    chosen = parser.parse_args()
    quick = chosen.quick
    signal.signal(signal.SIGTERM, _interrupt)
    began = time.monotonic()
    report = Report()
    report.conditions = {"quick": quick, "load_before": os.getloadavg()[0]}
    print(f"bench: load average before the run {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores", flush=True)
    with Stage() as stage:
        from .run import Run  # needs Django, which the stage has set up

        run = Run(stage, report, quick=quick)
        run.backfill() if chosen.backfill else run.all()
    report.conditions["seconds"] = round(time.monotonic() - began, 1)
    path = report.write()
    print(f"\n{report.table()}\n\n{report.conditions['seconds']:.0f} s; figures in {path.relative_to(path.parents[1])}")
    for figure in report.missed:
        print(f"missed: {figure.name} is {figure.value:g} {figure.unit}, target {figure.target}", file=sys.stderr)
    return 1 if report.missed else 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
