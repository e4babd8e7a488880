"""`python -m tests.bench.alerts [--workspaces N] [--failures N]`: what judging costs, and how soon the team is told.

Judging: one worker, the default rules in every workspace.

Every workspace has customers, failures and the default rules; in one of ten MRR has dropped and payments fail. All are
due at once, as after a beat that was missed. Exit 1 when the target is missed.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from tests.bench import told
from tests.bench.__main__ import _interrupt
from tests.bench.report import Figure, Report
from tests.bench.stage import Stage

WORKSPACES = 2_000
SPANS, FAILURES, DAYS = 200, 50, 60
TARGET_SECONDS = 60.0

# Rows as the product would have written them, for all workspaces at once.
_FILL = """
INSERT INTO billing_mrrspan (workspace_id, mode, subscription, customer, item, price, currency, monthly, trial,
    involuntary, starts, ends)
SELECT w.id, 'live', 'sub_' || n, 'cus_' || n, 'si_' || n, 'price_1', CASE n %% 4 WHEN 0 THEN 'eur' ELSE 'usd' END,
    4900, false, false, %(then)s - n * 3600,
    CASE WHEN w.id %% 10 = 0 AND n %% 5 = 0 THEN %(now)s - 300 ELSE 253402300800 END
FROM workspaces_workspace w, generate_series(1, %(spans)s) n;
INSERT INTO billing_failure (workspace_id, mode, subject, attempt, invoice, customer, amount, currency, happened_at,
    invoice_event)
SELECT w.id, 'live', 'in_' || n, 1, 'in_' || n, 'cus_' || n, 4900, 'usd',
    to_timestamp(%(now)s - n * CASE w.id %% 10 WHEN 0 THEN 60 ELSE 9000 END), 'evt_' || n
FROM workspaces_workspace w, generate_series(1, %(failures)s) n;
INSERT INTO billing_dailyrollup (workspace_id, mode, day, currency, price, kind, amount, trial, subscribers, moves)
SELECT w.id, 'live', (to_timestamp(%(now)s) - make_interval(days => d))::date, c, '', k, 4900, 0, 1, 1
FROM workspaces_workspace w, generate_series(1, %(days)s) d, unnest(ARRAY['', 'usd', 'eur']) c,
    unnest(ARRAY['new', 'expansion', 'churn']) k;
INSERT INTO billing_exchangerate (day, currency, per_euro, source, changed_at)
SELECT (to_timestamp(%(now)s) - make_interval(days => d))::date, 'usd', 1.1, 'manual', to_timestamp(%(now)s)
FROM generate_series(0, 60) d;
INSERT INTO billing_syncstate (workspace_id, mode, version, rules) SELECT id, 'live', 1, 0 FROM workspaces_workspace;
ANALYZE;
"""
_MOVE = "UPDATE billing_syncstate SET version = version + 1"
_COUNT = "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid"


def main() -> int:
    """Measure; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.alerts", description="What judging rules costs.")
    parser.add_argument("--workspaces", type=int, default=WORKSPACES)
    parser.add_argument("--failures", type=int, default=60, help="of which the team is to be told; 0 leaves it out")
    wanted = parser.parse_args()
    workspaces: int = wanted.workspaces
    signal.signal(signal.SIGTERM, _interrupt)
    report = Report()
    report.conditions = {"load_before": os.getloadavg()[0], "workspaces": workspaces}
    slack = told.Slack()
    with slack.peer, Stage({"SLACK_API_BASE": slack.peer.url}) as stage, stage.owner() as owner:
        if wanted.failures:
            figures = told.measure(stage, slack, wanted.failures)
            report.add("From Stripe’s delivery to Slack, 20 other events/s beside", *figures)
            for program in list(stage.supervisor.programs):
                stage.end(program)
        _measure(owner, report, workspaces)
    path = report.write()
    print(f"\n{report.table()}\n\nfigures in {path.relative_to(path.parents[1])}")
    for figure in report.missed:
        print(f"missed: {figure.name} is {figure.value:g} {figure.unit}, target {figure.target}", file=sys.stderr)
    return 1 if report.missed else 0


def _measure(owner: psycopg.Connection[tuple[object, ...]], report: Report, workspaces: int) -> None:
    from alerts.tasks import evaluate, sweep_rules  # needs Django, which the stage has set up
    from billing.lanes import lane_of
    from billing.modes import Mode
    from tests.factories import ChannelFactory, ConnectionFactory, RecoveryFactory

    now = datetime.now(UTC)
    lanes = []
    for number in range(workspaces):
        connection = ConnectionFactory(
            workspace__slug=f"bench-{number}",
            mode=Mode.LIVE,
            connected_at=now - timedelta(days=30),
            last_delivery_at=now + timedelta(hours=1),
        )
        RecoveryFactory(connection=connection, workspace=connection.workspace, read_until=now)
        ChannelFactory(workspace=connection.workspace, number=1)
        lanes.append(lane_of(connection.workspace_id, Mode.LIVE))
    second = int(now.timestamp())
    values = {"now": second, "then": second - 40 * 86_400, "spans": SPANS, "failures": FAILURES, "days": DAYS}
    psycopg.ClientCursor(owner).execute(_FILL, values)
    print(f"bench: {workspaces} workspaces are there; load average {os.getloadavg()[0]:.2f}", flush=True)
    _pass(report, "the first time, when rules are given", owner, lanes, evaluate, target=None)
    owner.execute("UPDATE alerts_rule SET stepped_at = stepped_at - interval '2 days'")  # a night was missed
    owner.execute(_MOVE)
    began = time.monotonic()
    assert sweep_rules() >= workspaces
    report.add("beat", Figure("the beat finds the lanes that are due", 1000 * (time.monotonic() - began), "ms"))
    _pass(report, "all rules of all workspaces, after a night", owner, lanes, evaluate, target=TARGET_SECONDS)
    owner.execute(_MOVE)
    _pass(report, "once more, when numbers moved", owner, lanes, evaluate, target=TARGET_SECONDS)


def _pass(report: Report, name: str, owner: Any, lanes: list[int], evaluate: Any, target: float | None) -> None:
    owner.execute("SELECT pg_stat_statements_reset()")
    began, found = time.monotonic(), 0
    for lane in lanes:
        found += evaluate(lane)
    seconds = time.monotonic() - began
    statements = owner.execute(_COUNT + " WHERE r.rolname = 'pq_app'").fetchone()[0]
    print(f"bench: {name}: {seconds:.1f} s, {found} findings", flush=True)
    report.add(
        name,
        Figure(f"{len(lanes)} workspaces", seconds, "s", most=target),
        Figure("statements per workspace", float(statements) / len(lanes), "statements"),
    )


if __name__ == "__main__":
    sys.exit(main())
