"""What becomes of letters is told in the billing history: once each, with the reason, for good."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.db import connection
from django.http import StreamingHttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billing.fingerprint import canonical
from billing.models import HistoryEntry
from billing.modes import Mode
from dunning.letters import LetterKind, answer, outbox, sending, stop, stop_keys
from dunning.models import Letter
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction
from tests.dunning.letters.stage import ask, go, letters, post_office, put
from tests.factories import THEN, CustomerFactory, MembershipFactory, WorkspaceFactory
from tests.factories_letters import LetterFactory, LetterPolicyFactory
from tests.integrations.channels.stage import Hands
from tests.smtp import Mailbox

pytestmark = pytest.mark.django_db


@pytest.fixture
def box(settings: Any) -> Iterator[Mailbox]:
    with post_office(settings) as box:
        yield box


@pytest.fixture
def ada(workspace: Workspace) -> Any:
    return CustomerFactory(workspace=workspace, mode=Mode.LIVE, stripe_id="cus_ada", name="Ada", email="ada@x.example")


@pytest.fixture
def yes(workspace: Workspace) -> Any:
    return LetterPolicyFactory(workspace=workspace, mode=Mode.LIVE)


def lines(workspace: Workspace, mode: Mode = Mode.LIVE) -> list[HistoryEntry]:
    with scoped_transaction(workspace):
        return list(HistoryEntry.objects.filter(workspace=workspace, mode=mode).order_by("id"))


def told(workspace: Workspace, mode: Mode = Mode.LIVE) -> list[tuple[str, str, Any]]:
    """Each line: its kind, what it was decided for, what it says."""
    return [(line.kind, line.event_id, line.after) for line in lines(workspace, mode)]


def test_what_waits_is_no_line_and_what_was_sent_is_one(workspace: Workspace, ada: Any, yes: Any, box: Mailbox) -> None:
    (letter,) = put(workspace, ask(workspace, "dunning:in_1:first"))
    assert lines(workspace) == []
    hands = Hands()
    hands.move(minutes=3)
    go(workspace, hands)
    (line,) = lines(workspace)
    assert (line.kind, line.customer, line.object_kind, line.object_id, line.event_id) == (
        "letter.sent", "cus_ada", "letter", str(letter.pk), "dunning:in_1:first",
    )  # fmt: skip
    assert (line.is_change, line.before, line.after) == (True, None, {"letter": "First reminder"})
    assert line.happened_at == line.learnt_at == THEN + timedelta(minutes=3)


def test_until_the_question_is_answered_history_says_that_letters_are_held(
    workspace: Workspace, ada: Any, box: Mailbox
) -> None:
    put(workspace, ask(workspace, "young"), ask(workspace, "old", kind=LetterKind.WELCOME))
    put(workspace, ask(workspace, "young"))  # decided again
    unanswered = "Letters to customers were not answered yet"
    held = [
        ("letter.held", "old", {"letter": "Welcome", "reason": unanswered}),
        ("letter.held", "young", {"letter": "First reminder", "reason": unanswered}),
    ]
    assert told(workspace) == held
    with scoped_transaction(workspace):
        Letter.objects.filter(dedupe_key="old").update(give_up_at=THEN)
        answer(workspace.pk, Mode.LIVE, wanted=True, by="owner@x.example", now=THEN + timedelta(hours=1))
    too_old = {"letter": "Welcome", "reason": "Too old when the question was answered"}
    assert told(workspace) == [*held, ("letter.skipped", "old", too_old)]
    hands = Hands()
    hands.move(hours=2)
    go(workspace, hands)
    assert told(workspace)[3:] == [("letter.sent", "young", {"letter": "First reminder"})]


def test_what_is_not_to_go_out_is_told_with_the_reason(workspace: Workspace, ada: Any, yes: Any) -> None:
    CustomerFactory(workspace=workspace, mode=Mode.LIVE, stripe_id="cus_none", email=None)
    put(workspace, ask(workspace, "a", customer="cus_none"), ask(workspace, "b", skip="Too old"), ask(workspace, "c"))
    nobody = {"letter": "First reminder", "reason": "No address of the customer is known"}
    assert told(workspace) == [
        ("letter.skipped", "a", nobody),
        ("letter.skipped", "b", {"letter": "First reminder", "reason": "Too old"}),
    ]


def test_whatever_stops_letters_tells_of_each_once(workspace: Workspace, ada: Any, yes: Any) -> None:
    other = WorkspaceFactory()
    for number, where in enumerate([(workspace, Mode.TEST), (other, Mode.LIVE)]):
        LetterFactory(workspace=where[0], mode=where[1], dedupe_key=f"dunning:in_1:{number}")
    put(workspace, *(ask(workspace, f"dunning:in_{n}:first") for n in range(4)))
    with scoped_transaction(workspace):
        assert stop(workspace.pk, Mode.LIVE, "dunning:in_0:", "Paid", THEN) == 1
        assert stop(workspace.pk, Mode.LIVE, "dunning:in_0:", "Paid", THEN) == 0
        keys = ["dunning:in_1:first", "dunning:in_1:0", "dunning:in_1:1"]
        assert stop_keys(workspace.pk, Mode.LIVE, keys, "Voided", THEN) == 1
        assert answer(workspace.pk, Mode.LIVE, wanted=False, by="owner@x.example", now=THEN) == 2
    name = {"letter": "First reminder"}
    refused = {**name, "reason": "The workspace answered that customers get no letters"}
    assert told(workspace) == [
        ("letter.skipped", "dunning:in_0:first", {**name, "reason": "Paid"}),
        ("letter.skipped", "dunning:in_1:first", {**name, "reason": "Voided"}),
        ("letter.skipped", "dunning:in_2:first", refused),
        ("letter.skipped", "dunning:in_3:first", refused),
    ]
    assert lines(workspace, Mode.TEST) == lines(other) == []


def test_stopping_many_letters_costs_what_one_does(workspace: Workspace, ada: Any, yes: Any) -> None:
    counts = []
    for batch in ("none", "one", *(f"many{n}" for n in range(40))):
        put(workspace, ask(workspace, f"{batch[:4]}:{batch}"))
    for prefix in ("nobody", "one:", "many:"):
        with scoped_transaction(workspace), CaptureQueriesContext(connection) as queries:
            stop(workspace.pk, Mode.LIVE, prefix, "Paid", THEN)
        counts.append(len(queries))
    assert counts == [2, 4, 4]


def test_each_failure_is_told_and_who_died_while_sending_is_flagged(
    workspace: Workspace, ada: Any, yes: Any, box: Mailbox
) -> None:
    put(workspace, ask(workspace, "k"))
    box.refuse = True
    hands = Hands()
    go(workspace, hands)
    with scoped_transaction(workspace):
        outbox.retry(workspace.pk, Mode.LIVE, THEN + timedelta(hours=1), timedelta(hours=2))
    hands.move(hours=1)
    go(workspace, hands)
    refused = {"letter": "First reminder", "reason": "The mail server: 550 No such mailbox"}
    assert told(workspace) == [("letter.failed", "k", refused), ("letter.failed", "k", refused)]
    box.refuse = False
    LetterFactory(workspace=workspace, mode=Mode.LIVE, customer="cus_ada", dedupe_key="d", claimed_at=THEN)
    go(workspace, hands)
    assert told(workspace)[2:] == [("letter.sent", "d", {"letter": "First reminder", "possible_duplicate": True})]


def test_a_letter_that_was_stopped_while_it_was_under_way_has_gone_out_all_the_same(
    workspace: Workspace, ada: Any, yes: Any, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(workspace, ask(workspace, "sent:"), ask(workspace, "refused:"))
    post = sending.post

    def meanwhile(message: Any) -> Any:
        with scoped_transaction(workspace):
            stop(workspace.pk, Mode.LIVE, "sent:" if not box.mails else "refused:", "Paid", THEN)
        outcome = post(message)
        box.refuse = True
        return outcome

    monkeypatch.setattr(sending, "post", meanwhile)
    go(workspace, Hands())
    assert [(kind, key, after.get("reason")) for kind, key, after in told(workspace)] == [
        ("letter.skipped", "sent:", "Paid"),
        ("letter.sent", "sent:", None),
        ("letter.skipped", "refused:", "Paid"),
    ]


def test_in_test_mode_owners_got_it_and_a_trial_is_no_history(workspace: Workspace, box: Mailbox) -> None:
    MembershipFactory(workspace=workspace, role="owner")
    LetterPolicyFactory(workspace=workspace, mode=Mode.TEST)
    CustomerFactory(workspace=workspace, mode=Mode.TEST, stripe_id="cus_ada", email="ada@x.example")
    put(workspace, ask(workspace, "k", mode=Mode.TEST))
    LetterFactory(workspace=workspace, mode=Mode.TEST, customer="", state="held", dedupe_key="trial:1:")
    with scoped_transaction(workspace):
        stop(workspace.pk, Mode.TEST, "trial:", "Paid", THEN)
    go(workspace, Hands(), Mode.TEST)
    to = "the owners of the workspace (test mode)"
    assert told(workspace, Mode.TEST) == [("letter.sent", "k", {"letter": "First reminder", "to": to})]


def test_letters_are_no_part_of_the_canonical_state(workspace: Workspace, ada: Any, yes: Any, box: Mailbox) -> None:
    with scoped_transaction(workspace):
        before = canonical(workspace.pk, Mode.LIVE)
    put(workspace, ask(workspace, "a"), ask(workspace, "b", skip="Too old"))
    go(workspace, Hands())
    assert [line.kind for line in lines(workspace)] == ["letter.skipped", "letter.sent"]
    with scoped_transaction(workspace):
        assert canonical(workspace.pk, Mode.LIVE) == before


def test_the_customers_page_the_list_and_its_export_show_letters(
    workspace: Workspace, ada: Any, box: Mailbox, viewer_client: Client
) -> None:
    here = "/w/acme/live"
    with CaptureQueriesContext(connection) as before:
        viewer_client.get(f"{here}/customers/cus_ada/")
    put(workspace, ask(workspace, "dunning:in_1:first"))
    CustomerFactory(workspace=workspace, mode=Mode.TEST, stripe_id="cus_ada", name="Ada of test mode")
    put(workspace, ask(workspace, "of test mode", mode=Mode.TEST))
    stranger = WorkspaceFactory()
    put(stranger, ask(stranger, "of another workspace"))
    with CaptureQueriesContext(connection) as after:
        shown = " ".join(viewer_client.get(f"{here}/customers/cus_ada/").content.decode().split())
    (letter,) = (row for row in letters(workspace) if row.mode == Mode.LIVE)
    assert "Letter held back" in shown
    assert "First reminder: Letters to customers were not answered yet" in shown
    assert f'<a href="{here}/letters/{letter.pk}/">The letter</a>' in shown
    assert "<code>dunning:in_1:first</code>" in shown
    assert "of test mode" not in shown
    assert "of another workspace" not in shown
    assert len(after) - len(before) <= 3  # what any first line of a history costs: names, the feed's status
    answered = viewer_client.get(f"{here}/history.csv", {"customer": "cus_ada", "kind": "letter.held"})
    assert isinstance(answered, StreamingHttpResponse)
    text = b"".join(answered.streaming_content).decode()  # type: ignore[arg-type]  # never asynchronous here
    (row,) = csv.DictReader(StringIO(text, newline=""))
    assert (row["kind"], row["title"], row["customer"], row["event"]) == (
        "letter.held", "Letter held back", "cus_ada", "dunning:in_1:first",
    )  # fmt: skip
    assert row["details"] == "Letter: First reminder; Reason: Letters to customers were not answered yet"
