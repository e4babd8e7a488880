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

from .lives import foresee, live

VERSIONS = [family.version for family in FAMILIES]
START = 1_735_689_600
"""2025-01-01T00:00:00Z."""


def main() -> int:
    """Live short lives, months beside previews, and a year twice in every family; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="A year in every payload family.")
    parser.add_argument("--customers", type=int, default=400)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--seed", type=int, default=20_250_101, help="of the company, its keys and the disorder")
    parser.add_argument("--family", action="append", choices=VERSIONS, help="only this one; may be repeated")
    parser.add_argument("--lives", type=int, default=20_000, help="random lives in any order; 0 leaves them out")
    parser.add_argument("--only-lives", action="store_true", help="leave the months and the year out")
    parser.add_argument(
        "--months", type=int, default=40, help="over HTTP, beside previews of alerts; 0 leaves them out"
    )
    wanted = parser.parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    began = time.monotonic()
    failures = live(wanted.lives) if wanted.lives else []
    if wanted.months and not wanted.only_lives:
        failures += foresee(wanted.months)
    if not wanted.only_lives:
        failures += _year(wanted)
    for line in failures:
        print(line, file=sys.stderr)
    print(f"soak: {'FAILED' if failures else 'all the same'}, {time.monotonic() - began:.0f} s")
    return 1 if failures else 0


def _year(wanted: argparse.Namespace) -> list[str]:
    account = Account(wanted.seed, START)
    saas_year(account, START + wanted.days * DAY, wanted.customers)
    print(f"soak: seed {wanted.seed}, {wanted.customers} customers, {wanted.days} days, {len(account.events):,} events")
    with Simulation(account, seed=wanted.seed) as simulation, Stage({"STRIPE_API_BASE": simulation.url}) as stage:
        from .year import Year  # needs Django, which the stage has set up

        return Year(stage, simulation, wanted.seed).run(
            [f for f in FAMILIES if f.version in (wanted.family or VERSIONS)]
        )


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
