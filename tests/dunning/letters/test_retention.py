"""What letters said is forgotten after 90 days; that they were decided is not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from billing.models import HistoryEntry
from billing.modes import Mode
from dunning.letters import LetterKind, outbox
from dunning.letters.retention import forget_letters
from dunning.models import Letter, LetterState
from dunning.tasks import forget_letters as hourly
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction
from tests.dunning.letters.stage import ask, fates, letters, put
from tests.factories import CustomerFactory, WorkspaceFactory
from tests.factories_letters import LetterFactory, LetterPolicyFactory

pytestmark = pytest.mark.django_db(transaction=True)

NOW = timezone.now()
OLD, YOUNG = NOW - timedelta(days=90, minutes=1), NOW - timedelta(days=89)
MAIL = {"from": "a@x.example", "to": ["ada@example.com"], "subject": "Pay", "heading": "", "text": "Hello Ada"}


def put_at(workspace: Workspace, at: Any, state: LetterState = LetterState.SENT, **more: Any) -> Letter:
    words = {"mode": Mode.LIVE, "customer": "cus_ada", "mail": MAIL, "answer": "250 for ada@example.com"} | more
    times = {"created_at": at, "next_attempt_at": at, "give_up_at": more.pop("give_up_at", at + timedelta(hours=72))}
    return LetterFactory(workspace=workspace, state=state, settled_at=at, invoices=["in_1"], **(words | times))


def test_what_an_old_letter_said_is_wiped_and_its_fate_stays(workspace: Workspace) -> None:
    put_at(workspace, OLD, reason="as it was", message_id="<1@x>", pages=[["in_1", "https://x.example"]])
    assert forget_letters(NOW) == 1
    (row,) = letters(workspace)
    said = (row.subject, row.body, row.facts, row.payment_url, row.pages, row.to, row.answer, row.message_id, row.mail)
    assert said == ("", "", {}, None, [], "", "", "", None)
    assert (row.kind, row.customer, row.invoices, row.state, row.reason) == (
        "reminder_1", "cus_ada", ["in_1"], "sent", "as it was",
    )  # fmt: skip
    assert (row.created_at, row.settled_at, row.forgotten_at) == (OLD, OLD, NOW)
    assert forget_letters(NOW + timedelta(hours=1)) == 0


def test_only_what_came_to_an_end_long_ago_is_forgotten_in_every_workspace() -> None:
    kept, gone = set(), set()
    for workspace in (WorkspaceFactory(), WorkspaceFactory()):
        for state in (LetterState.SENT, LetterState.SKIPPED, LetterState.FAILED):
            gone.add(put_at(workspace, OLD, state).pk)
            kept.add(put_at(workspace, YOUNG, state).pk)
        kept.add(put_at(workspace, OLD, LetterState.WAITING).pk)
        kept.add(put_at(workspace, OLD, LetterState.FAILED, give_up_at=NOW + timedelta(hours=1)).pk)
        put_at(workspace, OLD, customer="", dedupe_key=f"trial:{workspace.pk}")
    assert forget_letters(NOW, batch=3) == 8
    found = {row.pk: row.forgotten_at for place in Workspace.objects.all() for row in letters(place)}
    assert {pk for pk, at in found.items() if at is not None} == gone
    assert {pk for pk, at in found.items() if at is None} == kept


def test_a_run_is_bounded_and_the_next_goes_on(workspace: Workspace) -> None:
    for _ in range(7):
        put_at(workspace, OLD)
    assert [forget_letters(NOW, batch=2, most=4) for _ in range(3)] == [4, 3, 0]


def test_what_is_still_held_by_then_is_skipped_and_history_says_so(workspace: Workspace) -> None:
    put_at(workspace, OLD, LetterState.HELD, dedupe_key="k")
    put_at(workspace, YOUNG, LetterState.HELD, dedupe_key="young")
    assert hourly() == 1
    reason = "Too old: whether customers get letters was not answered in time"
    assert fates(workspace) == {"k": ("skipped", reason), "young": ("held", "")}
    with scoped_transaction(workspace):
        (line,) = HistoryEntry.objects.all()
    assert (line.kind, line.event_id, line.after) == (
        "letter.skipped", "k", {"letter": "First reminder", "reason": reason},
    )  # fmt: skip


def test_what_is_forgotten_is_neither_written_nor_tried_again(workspace: Workspace) -> None:
    LetterPolicyFactory(workspace=workspace, mode=Mode.LIVE)
    CustomerFactory(workspace=workspace, mode=Mode.LIVE, stripe_id="cus_ada", email="ada@example.com")
    put_at(workspace, OLD, dedupe_key="welcome:cus_ada:", kind=LetterKind.WELCOME)
    put_at(workspace, OLD, LetterState.FAILED, dedupe_key="failed")
    assert forget_letters(NOW) == 2
    (welcome,) = put(workspace, ask(workspace, "welcome:cus_ada:", LetterKind.WELCOME), at=NOW + timedelta(days=900))
    assert (welcome.state, welcome.body, welcome.created_at) == ("sent", "", OLD)
    with scoped_transaction(workspace):
        assert outbox.retry(workspace.pk, Mode.LIVE, NOW, timedelta(days=365)) == 0
    assert len(letters(workspace)) == 2


def test_the_page_of_a_forgotten_letter_says_what_is_left(workspace: Workspace, viewer_client: Client) -> None:
    pk = put_at(workspace, OLD, reason="as it was").pk
    assert "Hello Ada" in viewer_client.get(f"/w/acme/live/letters/{pk}/").content.decode()
    forget_letters(NOW)
    shown = " ".join(viewer_client.get(f"/w/acme/live/letters/{pk}/").content.decode().split())
    assert "are kept for 90 days. What became of it stays." in shown
    assert "Sent: as it was" in shown
    assert '<a href="/w/acme/live/invoices/in_1/">in_1</a>' in shown
    assert "ada@example.com" not in shown
    assert viewer_client.get("/w/acme/live/letters/").status_code == 200
