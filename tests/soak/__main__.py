"""`python -m tests.soak`: see --help; exit code 1 when anything differs."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from types import FrameType

from pqintel.simulator.account import Account
from pqintel.simulator.clock import DAY
from pqintel.simulator.render.families import FAMILIES
from pqintel.simulator.scenario import saas_year
from pqintel.simulator.testing import Simulation
from tests.bench.stage import Stage

START = 1_735_689_600
"""2025-01-01T00:00:00Z."""


def main() -> int:
    """Live the year once, deliver it twice in every family, compare; returns the exit code."""
    versions = [family.version for family in FAMILIES]
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="A year in every payload family.")
    parser.add_argument("--customers", type=int, default=400)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--seed", type=int, default=20_250_101, help="of the company, its keys and the disorder")
    parser.add_argument("--family", action="append", choices=versions, help="only this one; may be repeated")
    wanted = parser.parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    began = time.monotonic()
    account = Account(wanted.seed, START)
    saas_year(account, START + wanted.days * DAY, wanted.customers)
    print(f"soak: seed {wanted.seed}, {wanted.customers} customers, {wanted.days} days, {len(account.events):,} events")
    with Simulation(account, seed=wanted.seed) as simulation, Stage({"STRIPE_API_BASE": simulation.url}) as stage:
        from .year import Year  # needs Django, which the stage has set up

        failures = Year(stage, simulation, wanted.seed).run(
            [f for f in FAMILIES if f.version in (wanted.family or versions)]
        )
    for line in failures:
        print(line, file=sys.stderr)
    print(f"soak: {'FAILED' if failures else 'all the same'}, {time.monotonic() - began:.0f} s")
    return 1 if failures else 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
