"""The answers of the diagnostics page: tables of evidence and what is said about it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from billing.doubt import Doubt
from billing.modes import Mode
from billing.money import Money
from integrations.diagnostics.evidence import Counted, Evidence, OpenReads, Rejected
from integrations.diagnostics.findings import Tone, Verdict
from integrations.diagnostics.lag import Lag, lag_of
from integrations.diagnostics.verdicts import events_appear, invoices_agree, signatures_verify
from integrations.diagnostics.words import span
from integrations.models import ConnectionStatus, SigningState
from integrations.stripe.quarantine import Quarantined
from integrations.stripe.reconcile.report import RunStatus
from integrations.stripe.recovery import RecoveryStatus
from integrations.stripe.verification import Line, State

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def counted(state: str, last_at: datetime, day: int = 2, week: int = 3, month: int = 4, name: str = "") -> Counted:
    return Counted(name, state, day, week, month, last_at)


WELL = Evidence(
    mode=Mode.TEST,
    now=NOW,
    status=ConnectionStatus.CONNECTED,
    connected_at=NOW - 9 * DAY,
    last_delivery_at=NOW - 2 * MINUTE,
    signing=SigningState.PROVEN,
    signing_at=NOW - 9 * DAY,
    deliveries=[counted("done", NOW, day=1200, name="invoice.paid"), counted("ignored", NOW, day=34)],
    lag=Lag(1234, timedelta(milliseconds=362), timedelta(milliseconds=1448)),
)
RECOVERED = RecoveryStatus(connected=True)
COMPARED = RunStatus("Finished", False, True, "", NOW - 5 * HOUR, NOW - 4 * HOUR, [("invoices", 12)], [], 0, 0)


def failed(name: str, detail: str = "It is disabled.", remedy: str = "Enable it.") -> dict[str, Line]:
    return {name: Line(name, name, State.FAILED, detail, remedy)}


def set_aside(kind: str | None) -> Quarantined:
    return Quarantined("evt_1", kind, "Wrong", NOW, NOW, NOW)


def told(verdict: Verdict) -> tuple[str, str, list[str]]:
    return str(verdict.tone), verdict.line.text, [finding.text for finding in verdict.also]


@pytest.mark.parametrize(
    ("changes", "tone", "text"),
    [
        (
            {},
            "ok",
            (
                "Events arrive: 1,234 deliveries in 24 hours, the last 2 min ago. Half were processed within 0.4 s, "
                "95 % within 1 s."
            ),
        ),
        (
            {"lag": None, "deliveries": [], "last_delivery_at": NOW - 30 * HOUR},
            "ok",
            "Events arrive: 0 deliveries in 24 hours, the last 30 h ago.",
        ),
        ({"status": ConnectionStatus.NEW}, "look", "Stripe is not connected in test mode."),
        ({"status": ConnectionStatus.DRAFT}, "look", "The credentials of test mode have not passed their checks yet."),
        ({"last_delivery_at": None}, "unknown", "No delivery has arrived since it was connected 9 d ago."),
        ({"last_delivery_at": NOW - 4 * DAY}, "unknown", "The last delivery arrived 4 d ago."),
        ({"held": 1}, "look", "1 event is held, because the plan does not include the integration."),
        (
            {"plan_open": False},
            "look",
            "The plan does not include the integration: what arrives is held until it does.",
        ),
        (
            {"signing": SigningState.REFUSED},
            "look",
            "Deliveries arrive, but their signature is refused.",
        ),
        (
            {"pending": 5, "oldest_pending_at": NOW - 3 * MINUTE},
            "look",
            "5 events are waiting for a worker, the oldest for 3 min.",
        ),
        (
            {"pending": 5, "oldest_pending_at": NOW - 3 * MINUTE, "applied_at": NOW - timedelta(seconds=4)},
            "unknown",
            "5 events are waiting, the oldest for 3 min; workers are on it.",
        ),
        (
            {"pending": 5, "oldest_pending_at": NOW - 3 * MINUTE, "applied_at": NOW - 2 * MINUTE},
            "look",
            "5 events are waiting for a worker, the oldest for 3 min.",
        ),
        ({"checks": failed("endpoint")}, "look", "It is disabled."),
        ({"checks": failed("key", "Refused.")}, "look", "Refused."),
        ({"checks": failed("delivery", "It redirects.")}, "look", "It redirects."),
        ({"quarantined": 3}, "look", "3 events are set aside, because processing failed."),
        (
            {"rejected": [Rejected("It is a live-mode event.", 7, NOW - DAY), Rejected("Other", 2, NOW - 8 * DAY)]},
            "look",
            "7 events are rejected: It is a live-mode event.",
        ),
    ],
)
def test_events_appear(changes: dict[str, Any], tone: str, text: str) -> None:
    assert told(events_appear(replace(WELL, **changes))) == (tone, text, [])


@pytest.mark.parametrize(
    "changes",
    [
        {"pending": 5, "oldest_pending_at": NOW - timedelta(seconds=59)},
        {"rejected": [Rejected("Other", 2, NOW - 8 * DAY)]},
        {"checks": {"endpoint": Line("endpoint", "", State.WARNING, "Recommended as well")}},
        {"checks": failed("permissions")},
        {"quarantine": [set_aside("invoice.paid")]},
    ],
)
def test_what_is_no_trouble_for_events(changes: dict[str, Any]) -> None:
    assert events_appear(replace(WELL, **changes)).tone is Tone.OK


def test_the_worst_comes_first_and_nothing_is_left_out() -> None:
    trouble = replace(
        WELL,
        pending=9,
        oldest_pending_at=NOW - 5 * MINUTE,
        applied_at=NOW,
        quarantined=2,
        checks=failed("endpoint"),
    )
    assert told(events_appear(trouble)) == (
        "look",
        "It is disabled.",
        [
            "2 events are set aside, because processing failed.",
            "9 events are waiting, the oldest for 5 min; workers are on it.",
        ],
    )


@pytest.mark.parametrize(
    ("changes", "tone", "text"),
    [
        ({}, "ok", "Compared with Stripe 4 h ago: 12 objects, no difference left."),
        ({"status": ConnectionStatus.NEW}, "unknown", "Stripe is not connected in test mode."),
        ({"checks": failed("endpoint", "Without them: invoice.paid: …")}, "look", "Without them: invoice.paid: …"),
        ({"checks": failed("endpoint", "It is disabled.")}, "ok", None),
        ({"checks": failed("permissions", "The key may not read: Invoices.")}, "look", None),
        (
            {"quarantined": 1, "quarantine": [set_aside("invoice.paid")]},
            "look",
            "1 event of invoices or payments set aside.",
        ),
        (
            {"quarantined": 9, "quarantine": [set_aside("payment_intent.succeeded")]},
            "look",
            "At least 1 event of invoices or payments set aside.",
        ),
        ({"quarantined": 1, "quarantine": [set_aside("customer.created"), set_aside(None)]}, "ok", None),
        (
            {"doubts": [Doubt("invoice", 1, ("in_1",)), Doubt("customer", 9, ("cus_1",))]},
            "unknown",
            (
                "1 invoice or payment changed twice within a second, and the events do not say in which order (such as "
                "in_1)."
            ),
        ),
        ({"doubts": [Doubt("subscription", 1, ("sub_1",))]}, "ok", None),
        (
            {"reads": [OpenReads("invoice", 3, 2, "No connection to Stripe.", NOW)]},
            "look",
            "2 questions about invoices or payments could not be answered: No connection to Stripe.",
        ),
        ({"reads": [OpenReads("price", 3, 2, "x", NOW), OpenReads("invoice", 3, 0, None, NOW)]}, "ok", None),
        (
            {"pending": 1, "oldest_pending_at": NOW - HOUR},
            "look",
            "1 event is waiting for a worker, the oldest for 60 min.",
        ),
    ],
)
def test_invoices_agree(changes: dict[str, Any], tone: str, text: str | None) -> None:
    verdict = invoices_agree(replace(WELL, **changes), RECOVERED, COMPARED)
    assert (verdict.tone, verdict.also) == (tone, ())
    if text is not None:
        assert verdict.line.text == text


def test_invoices_and_what_the_comparison_with_stripe_says() -> None:
    assert told(invoices_agree(WELL, RECOVERED, None)) == (
        "unknown",
        "Nothing that arrived is waiting, set aside or in doubt. It was not compared with Stripe yet.",
        [],
    )
    amounts = [Money(4900, "usd"), Money(500, "jpy")]
    drifted = replace(COMPARED, drifts=3, open=2, amounts=amounts, failure="Stripe asks to slow down.")
    assert told(invoices_agree(WELL, RECOVERED, drifted)) == (
        "look",
        "2 differences to Stripe left, about 49.00 USD, 500 JPY.",
        ["The last comparison with Stripe ended early: Stripe asks to slow down."],
    )
    hours: Any = SimpleNamespace(starts=NOW, ends=NOW)
    assert told(invoices_agree(WELL, replace(RECOVERED, gaps=[hours]), COMPARED))[1] == (
        f"The events of {NOW:%-d %b %Y} are lost: Stripe keeps them for 30 days."
    )
    gap: Any = SimpleNamespace(starts=NOW - 40 * DAY, ends=NOW - 30 * DAY)
    lost = replace(RECOVERED, gaps=[gap], failure="No key.")
    assert told(invoices_agree(WELL, lost, COMPARED)) == (
        "look",
        "The events from 25 Mar 2026 to 4 Apr 2026 are lost: Stripe keeps them for 30 days.",
        ["Missed events cannot be read back: No key."],
    )


@pytest.mark.parametrize(
    ("changes", "tone", "text"),
    [
        ({}, "ok", "Stripe’s deliveries verify with the stored signing secret. The last one 2 min ago."),
        ({"signing": None}, "unknown", "No signing secret is stored."),
        (
            {"signing": SigningState.UNPROVEN, "last_delivery_at": None},
            "unknown",
            "The signing secret is stored, but no delivery of Stripe’s has proven it yet.",
        ),
        (
            {"refused": [counted("missing", NOW - DAY), counted("malformed", NOW - 8 * DAY, week=9)]},
            "ok",
            (
                "Stripe’s deliveries verify with the stored signing secret. The last one 2 min ago. 3 requests "
                "without a readable signature turned away in 7 days."
            ),
        ),
        (
            {"signing": SigningState.REFUSED, "refused": [counted("mismatch", NOW - MINUTE)]},
            "look",
            "2 deliveries in 24 hours (the last 1 min ago) signed with another secret.",
        ),
        (
            {"signing": SigningState.REFUSED, "refused": [counted("mismatch", NOW - 9 * DAY, day=0, month=1)]},
            "look",
            "1 delivery in 30 days (the last 9 d ago) signed with another secret.",
        ),
        ({"refused": [counted("mismatch", NOW - 9 * DAY)]}, "ok", None),
        (
            {"refused": [counted("future", NOW - HOUR, day=1)]},
            "look",
            "1 delivery in 24 hours (the last 60 min ago) signed more than 5 minutes ahead of this server’s clock.",
        ),
        (
            {"refused": [counted("stale", NOW - 3 * DAY, day=0, month=3)]},
            "look",
            "3 deliveries in 30 days (the last 3 d ago) signed more than 5 minutes behind this server’s clock.",
        ),
        ({"refused": [counted("stale", NOW - 8 * DAY)]}, "ok", None),
        ({"checks": failed("delivery", "It redirects to https://www.example.com (301).")}, "look", None),
    ],
)
def test_signatures_verify(changes: dict[str, Any], tone: str, text: str | None) -> None:
    verdict = signatures_verify(replace(WELL, **changes))
    assert (verdict.tone, verdict.also) == (tone, ())
    if text is not None:
        assert verdict.line.text == text


def test_whoever_is_told_to_look_is_told_what_to_do() -> None:
    everything = replace(
        WELL,
        held=1,
        signing=SigningState.REFUSED,
        pending=1,
        oldest_pending_at=NOW - HOUR,
        checks=failed("endpoint", "Without invoice.paid") | failed("key") | failed("delivery") | failed("permissions"),
        quarantined=1,
        quarantine=[set_aside("invoice.paid")],
        rejected=[Rejected("Other", 2, NOW)],
        refused=[counted(reason, NOW) for reason in ("mismatch", "stale", "future", "missing")],
        doubts=[Doubt("invoice", 1, ("in_1",))],
        reads=[OpenReads("invoice", 3, 2, "Away.", NOW)],
    )
    verdicts = [
        events_appear(everything),
        invoices_agree(everything, RECOVERED, replace(COMPARED, open=1)),
        signatures_verify(everything),
    ]
    findings = [finding for verdict in verdicts for finding in (verdict.line, *verdict.also)]
    assert [len((verdict.line, *verdict.also)) for verdict in verdicts] == [8, 7, 4]
    assert [finding.text for finding in findings if not finding.remedy] == []


@pytest.mark.parametrize(
    ("buckets", "count", "half", "most"),
    [
        ([(18, 1)], 1, 0.512, 0.512),
        ([(0, 50), (20, 50)], 100, 0.001, 1.024),
        ([(20, 4), (10, 94), (24, 2)], 100, 0.032, 1.024),
        ([(10, 94), (24, 6)], 100, 0.032, 4.096),
    ],
)
def test_lag(buckets: list[tuple[int, int]], count: int, half: float, most: float) -> None:
    found = lag_of(buckets)
    assert found == Lag(count, timedelta(seconds=half), timedelta(seconds=most))


def test_no_lag_without_deliveries() -> None:
    assert lag_of([]) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.01, "0.1 s"),
        (0.36, "0.4 s"),
        (1.4, "1 s"),
        (59, "59 s"),
        (90, "2 min"),
        (7199, "120 min"),
        (7200, "2 h"),
        (172800, "2 d"),
    ],
)
def test_span(seconds: float, text: str) -> None:
    assert span(timedelta(seconds=seconds)) == text
