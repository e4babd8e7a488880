"""Deciding letters: once each, with the reason where one may not go out."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from billing.modes import Mode
from dunning.letters import LetterKind, LetterRequest, answer, outbox, stop, text_of, texts, write
from dunning.models import Letter
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction
from tests.factories import THEN, CustomerFactory, WorkspaceFactory
from tests.factories_letters import (
    LetterFactory,
    LetterPolicyFactory,
    LetterTextFactory,
    SenderFactory,
    UnsubscribedFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(workspace: Workspace) -> Any:
    return CustomerFactory(workspace=workspace, stripe_id="cus_ada", name="Ada", email="Ada@Example.com")


@pytest.fixture
def yes(workspace: Workspace) -> Any:
    return LetterPolicyFactory(workspace=workspace)


def ask(workspace: Workspace, key: str = "k:", kind: LetterKind = LetterKind.REMINDER_1, **more: Any) -> LetterRequest:
    words: dict[str, Any] = {"mode": Mode.TEST, "customer": "cus_ada", "facts": {"amount": "49.00 USD"}} | more
    return LetterRequest(workspace.pk, words.pop("mode"), kind, words.pop("customer"), key, **words)


def put(workspace: Workspace, *asked: LetterRequest, at: datetime = THEN) -> list[Letter]:
    with scoped_transaction(workspace):
        return write(asked, at)


def fates(workspace: Workspace, mode: Mode = Mode.TEST) -> dict[str, tuple[str, str]]:
    with scoped_transaction(workspace):
        rows = Letter.objects.filter(mode=mode).order_by("id")
        return {row.dedupe_key: (row.state, row.reason) for row in rows}


def test_a_letter_is_decided_once_with_everything_that_it_needs(workspace: Workspace, ada: Any, yes: Any) -> None:
    (first,) = put(workspace, ask(workspace, payment_url="https://pay.example.com/1", invoices=("in_1",)))
    again, second = put(
        workspace, ask(workspace, kind=LetterKind.REMINDER_2), ask(workspace, "l:"), at=THEN + timedelta(hours=1)
    )
    assert (again.pk, again.kind, again.created_at) == (first.pk, "reminder_1", THEN)
    assert second.created_at == THEN + timedelta(hours=1)
    row = first
    assert (row.kind, row.customer, row.to, row.state, row.reason) == (
        "reminder_1", "cus_ada", "Ada@Example.com", "waiting", "",
    )  # fmt: skip
    assert (row.subject, row.body) == tuple(texts.DEFAULTS[LetterKind.REMINDER_1].values())
    assert row.facts == {"amount": "49.00 USD", "customer_name": "Ada", "workspace_name": "Acme"}
    assert (row.payment_url, row.invoices) == ("https://pay.example.com/1", ["in_1"])
    assert (row.next_attempt_at, row.give_up_at, row.settled_at) == (THEN, THEN + timedelta(hours=72), None)


def test_of_two_with_one_key_the_first_counts(workspace: Workspace, ada: Any, yes: Any) -> None:
    rows = put(
        workspace, ask(workspace, payment_url="https://a.example"), ask(workspace, payment_url="https://b.example")
    )
    assert [row.payment_url for row in rows] == ["https://a.example"]


def test_a_letter_for_later_waits_and_is_tried_three_days_from_then(
    workspace: Workspace, ada: Any, yes: Any, django_capture_on_commit_callbacks: Any
) -> None:
    later = THEN + timedelta(days=3)
    with django_capture_on_commit_callbacks() as rings:
        (row,) = put(workspace, ask(workspace, not_before=later))
    assert (row.state, row.next_attempt_at, row.give_up_at) == ("waiting", later, later + timedelta(hours=72))
    assert rings == []
    with django_capture_on_commit_callbacks() as rings:
        put(workspace, ask(workspace, "now:"))
    assert len(rings) == 1


def test_who_may_not_be_written_to(workspace: Workspace, ada: Any, yes: Any) -> None:
    CustomerFactory(workspace=workspace, stripe_id="cus_none", email=None)
    CustomerFactory(workspace=workspace, stripe_id="cus_odd", email="a@b.example, c@d.example")
    CustomerFactory(workspace=workspace, stripe_id="cus_gone", email="gone@example.com", deleted=True)
    CustomerFactory(workspace=workspace, mode=Mode.LIVE, stripe_id="cus_live", email="live@example.com")
    UnsubscribedFactory(workspace=workspace, address="ada@example.com")
    LetterTextFactory(workspace=workspace, kind=LetterKind.GOODBYE, enabled=False)
    put(
        workspace,
        ask(workspace, "none", customer="cus_none"),
        ask(workspace, "odd", customer="cus_odd"),
        ask(workspace, "gone", customer="cus_gone"),
        ask(workspace, "unknown", customer="cus_live"),
        ask(workspace, "unsubscribed", LetterKind.WELCOME),
        ask(workspace, "owed"),
        ask(workspace, "off", LetterKind.GOODBYE),
        ask(workspace, "off by default", LetterKind.CARD_EXPIRING),
    )
    assert fates(workspace) == {
        "none": ("skipped", "No address of the customer is known"),
        "odd": ("skipped", "No address of the customer is known"),
        "gone": ("skipped", "The customer was deleted"),
        "unknown": ("skipped", "No address of the customer is known"),
        "unsubscribed": ("skipped", "The customer unsubscribed"),
        "owed": ("waiting", ""),
        "off": ("skipped", "Letters of this kind are turned off"),
        "off by default": ("skipped", "Letters of this kind are turned off"),
    }


NO_ADDRESSES = (
    "",
    "ada",
    "a@b@c.example",
    "<ada@example.com>",
    "ada@example.com\r\nBcc: x@y.example",
    f"{'a' * 300}@x.example",
)


@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_what_is_no_address_is_not_written_to(workspace: Workspace, yes: Any, address: str) -> None:
    CustomerFactory(workspace=workspace, stripe_id="cus_ada", email=address)
    put(workspace, ask(workspace))
    assert fates(workspace) == {"k:": ("skipped", "No address of the customer is known")}


def test_until_the_question_is_answered_letters_are_held(workspace: Workspace, ada: Any) -> None:
    LetterPolicyFactory(workspace=workspace, mode=Mode.LIVE)  # an answer for the other mode
    LetterPolicyFactory()  # and another workspace's
    put(workspace, ask(workspace, "old"))
    put(workspace, ask(workspace, "new"), at=THEN + timedelta(days=2))
    assert set(fates(workspace).values()) == {("held", "Letters to customers were not answered yet")}
    with scoped_transaction(workspace):
        assert answer(workspace.pk, Mode.TEST, wanted=True, by="a@b.example", now=THEN + timedelta(days=3)) == 1
    assert fates(workspace) == {
        "old": ("skipped", "Too old when the question was answered"),
        "new": ("waiting", ""),
    }
    with scoped_transaction(workspace):
        assert answer(workspace.pk, Mode.TEST, wanted=False, by="a@b.example", now=THEN + timedelta(days=3)) == 1
    put(workspace, ask(workspace, "later"))
    refused = ("skipped", "The workspace answered that customers get no letters")
    assert fates(workspace)["new"] == fates(workspace)["later"] == refused


def test_stopping_reaches_what_has_not_gone_out_under_that_prefix_alone(workspace: Workspace) -> None:
    states = {
        "case:1:a": "waiting",
        "case:1:b": "held",
        "case:1:c": "sent",
        "case:10:a": "waiting",
        "case:1": "waiting",
    }
    for key, state in states.items():
        LetterFactory(workspace=workspace, dedupe_key=key, state=state)
    LetterFactory(workspace=workspace, mode=Mode.LIVE, dedupe_key="case:1:a")
    LetterFactory(dedupe_key="case:1:a")
    with scoped_transaction(workspace):
        assert stop(workspace.pk, Mode.TEST, "case:1:", "Paid", THEN) == 2
        assert Letter.objects.get(mode=Mode.TEST, dedupe_key="case:1:b").settled_at == THEN
    assert {key: state for key, (state, _) in fates(workspace).items()} == states | {
        "case:1:a": "skipped",
        "case:1:b": "skipped",
    }
    assert fates(workspace, Mode.LIVE) == {"case:1:a": ("waiting", "")}
    with scoped_transaction(workspace), pytest.raises(ValueError, match="every letter"):
        stop(workspace.pk, Mode.TEST, "", "Oops", THEN)


def test_texts_are_the_workspaces_own_or_pinned_ones(workspace: Workspace, ada: Any, yes: Any) -> None:
    with scoped_transaction(workspace):
        pinned = text_of(workspace.pk, Mode.TEST, LetterKind.REMINDER_1)
        texts.save(
            workspace.pk, Mode.TEST, LetterKind.REMINDER_1, {"subject": "Ours", "body": "Pay.\r\n\r\nBye"},
            enabled=True, by="a@b.example", now=THEN,
        )  # fmt: skip
    SenderFactory(workspace=workspace, name="Acme Billing")
    own, before = put(workspace, ask(workspace, "own"), ask(workspace, "pinned", text=pinned))
    assert (own.subject, own.body, own.facts["workspace_name"]) == ("Ours", "Pay.\n\nBye", "Acme Billing")
    assert before.subject == "Your payment to $workspace_name is still open"
    with scoped_transaction(workspace):
        assert text_of(workspace.pk, Mode.LIVE, LetterKind.REMINDER_1) == pinned


def test_a_transaction_that_is_undone_has_written_nothing(workspace: Workspace, ada: Any, yes: Any) -> None:
    with scoped_transaction(workspace):
        write([ask(workspace)], THEN)
        transaction.set_rollback(True)
    assert fates(workspace) == {}


def test_many_letters_cost_what_one_does(workspace: Workspace, yes: Any) -> None:
    counts = []
    for batch in (1, 60):
        for number in range(batch):
            CustomerFactory(workspace=workspace, stripe_id=f"cus_{batch}_{number}", email="a@example.com")
        asked = [ask(workspace, f"{batch}:{n}", customer=f"cus_{batch}_{n}") for n in range(batch)]
        with scoped_transaction(workspace), CaptureQueriesContext(connection) as queries:
            assert len(write(asked, THEN)) == batch
        counts.append(len(queries))
    assert counts[0] == counts[1] == 8


def test_failed_letters_can_be_tried_again(workspace: Workspace) -> None:
    now = THEN + timedelta(days=5)
    failed = LetterFactory(workspace=workspace, state="failed", reason="Given up", lost_claims=2, settled_at=THEN)
    LetterFactory(workspace=workspace, state="failed", created_at=THEN - timedelta(days=9))
    LetterFactory(workspace=workspace, state="failed", customer="")  # a trial: its asker has seen that it failed
    LetterFactory(workspace=WorkspaceFactory(), state="failed")
    with scoped_transaction(workspace):
        assert outbox.retry(workspace.pk, Mode.TEST, now, timedelta(days=7)) == 1
        failed.refresh_from_db()
    assert (failed.state, failed.reason, failed.lost_claims, failed.settled_at) == ("waiting", "", 0, None)
    assert (failed.next_attempt_at, failed.give_up_at) == (now, now + timedelta(hours=72))
