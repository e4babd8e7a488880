"""`manage.py digest_send`."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command

from billing.modes import Mode
from pqintel.workspaces.models import Workspace
from tests.factories import RecalculationFactory

from .stage import MORNING, beat, busy_day, connected, runs, sent

pytestmark = pytest.mark.django_db
TITLE = "Acme, Tue 10 Mar 2026: MRR $135.00 (+$35.00)"


@pytest.fixture(autouse=True)
def _then() -> Any:
    with time_machine.travel(MORNING - timedelta(hours=3), tick=False):
        yield


@pytest.fixture
def acme(workspace: Workspace) -> Workspace:
    connected(workspace)
    busy_day(workspace)
    return workspace


def run(*words: str, mode: str = "live") -> str:
    out = StringIO()
    call_command("digest_send", "acme", f"--mode={mode}", *words, stdout=out)
    return out.getvalue()


def test_a_summary_is_sent_now_and_not_again_at_its_hour(acme: Workspace) -> None:
    assert run() == "Daily summary of 2026-03-10: sent.\n"
    assert run() == "Daily summary of 2026-03-10: sent already, at 2026-03-11 05:00 UTC.\n"
    beat(acme)
    assert runs(acme) == [("live", "2026-03-10", "sent", False, "")]
    assert [message.heading for message in sent(acme)] == [TITLE]


def test_a_dry_run_prints_and_does_nothing(acme: Workspace) -> None:
    lines = run("--dry-run").splitlines()
    assert lines[:2] == [TITLE, "MRR: $135.00 (+$35.00), +35.00%"]
    assert lines[-1].endswith("/w/acme/live/?range=custom&from=2026-03-10&to=2026-03-10")
    told = json.loads(run("--dry-run", "--json", "--weekly"))
    assert (told["numbers"]["from"], told["numbers"]["to"]) == ("2026-03-02", "2026-03-08")
    assert told["message"]["title"].startswith("Acme, week of 2–8 Mar 2026")
    assert (runs(acme), sent(acme)) == ([], [])


def test_a_certain_week_as_json(acme: Workspace) -> None:
    told = json.loads(run("--weekly", "--day=2026-03-09", "--json"))
    assert {name: value for name, value in told.items() if name != "numbers"} == {
        "mode": "live",
        "cadence": "weekly",
        "day": "2026-03-09",
        "state": "sent",
        "reason": "",
        "late": True,
        "decided_at": "2026-03-11T05:00:00+00:00",
        "decided_now": True,
    }
    assert told["numbers"]["from"] == "2026-03-03"
    assert runs(acme) == [("live", "2026-03-09", "sent", True, "")]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--day=2026-03-11"], "2026-03-11 is not over in UTC: name a day before 2026-03-11."),
        (["--day=1999-01-01"], "1999-01-01 is not over in UTC: name a day before 2026-03-11."),
        (["--day=yesterday"], "'yesterday' is not a day; write YYYY-MM-DD."),
        (["--day=2026-03-06"], "2026-03-06 is too long ago to be sent; --dry-run prints its summary."),
    ],
)
def test_wrong_arguments(acme: Workspace, words: list[str], said: str) -> None:
    with pytest.raises(CommandError) as refused:
        run(*words)
    assert (str(refused.value), refused.value.returncode) == (said, 2)
    assert (runs(acme), sent(acme)) == ([], [])


def test_no_channel_or_numbers_on_their_way(workspace: Workspace) -> None:
    with pytest.raises(CommandError, match="acme has no channel for it: see Settings › Channels"):
        run()
    connected(workspace)
    RecalculationFactory(workspace=workspace, mode=Mode.LIVE, asked_at=MORNING, done_at=None)
    with pytest.raises(CommandError, match="All numbers are being computed again") as refused:
        run()
    assert refused.value.returncode == 1
    assert runs(workspace) == []
