"""`python -m tests.bench.scale [--largest N]`: prints the table; exit 1 when a target is missed."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time

from tests.bench.__main__ import _interrupt
from tests.bench.report import Report
from tests.bench.stage import Stage

SIZES = (1_000, 100_000, 1_000_000)


def main() -> int:
    """Measure every size; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scale", description="What growth costs.")
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="subscriptions of the largest workspace")
    largest = parser.parse_args().largest
    signal.signal(signal.SIGTERM, _interrupt)
    began = time.monotonic()
    report = Report()
    report.conditions = {"load_before": os.getloadavg()[0]}
    with Stage() as stage:
        from .measure import Scale  # needs Django, which the stage has set up

        sizes = [size for size in SIZES if size < largest] + [largest]
        Scale(stage.owner(), report, sizes).all()
    report.conditions["seconds"] = round(time.monotonic() - began, 1)
    path = report.write()
    print(f"\n{report.table()}\n\n{report.conditions['seconds']:.0f} s; figures in {path.relative_to(path.parents[1])}")
    for figure in report.missed:
        print(f"missed: {figure.name} is {figure.value:g} {figure.unit}, target {figure.target}", file=sys.stderr)
    return 1 if report.missed else 0


if __name__ == "__main__":
    sys.exit(main())
