"""The usual questions, answered from the evidence alone: pure functions, each a list of what speaks for a trouble.

The first finding is the answer's line, the others stand below it. Where nothing speaks for a trouble, the line says
what speaks against it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from integrations.models import ConnectionStatus, SigningState
from integrations.stripe.reconcile.report import RunStatus
from integrations.stripe.recovery import RecoveryStatus
from integrations.stripe.signature import Reason
from integrations.stripe.verification import State

from .evidence import Counted, Evidence
from .findings import Finding, Tone, Verdict, verdict
from .signing import SIGNING
from .words import ago, events_are, many, span

WAITS_LONG: Final = timedelta(minutes=1)
"""How long an event may wait for a worker before something is wrong."""
QUIET: Final = timedelta(days=3)
"""After how long without a delivery the page wonders."""
RECENT: Final = timedelta(days=7)

_CONNECT: Final = "Connect it under Settings › Integrations › Stripe."
_BILLED: Final = ("invoice", "payment_intent.", "charge.")
_MONEY: Final = frozenset({"invoice", "payment"})
_READS_OF_MONEY: Final = frozenset({"invoice", "payment", "invoice_payments"})


def events_appear(e: Evidence) -> Verdict:
    """Whether what happens at Stripe arrives and is processed."""
    if unconnected := _unconnected(e):
        return Verdict(Finding(Tone.LOOK, *unconnected))
    return verdict(_lost_on_the_way(e), _arrives(e))


def invoices_agree(e: Evidence, recovery: RecoveryStatus, compared: RunStatus | None) -> Verdict:
    """Whether invoices and payments are complete and as they are at Stripe.

    `compared` is the last comparison with Stripe that ended, None when there was none.
    """
    if unconnected := _unconnected(e):
        return Verdict(Finding(Tone.UNKNOWN, unconnected[0], unconnected[1]))
    return verdict(_wrong_about_money(e, recovery, compared), _compared(e, compared))


def signatures_verify(e: Evidence) -> Verdict:
    """Whether deliveries carry a signature that the stored secret verifies."""
    if e.signing is None:
        return Verdict(Finding(Tone.UNKNOWN, "No signing secret is stored.", _CONNECT))
    return verdict(_refused(e), _proven(e))


def _unconnected(e: Evidence) -> tuple[str, str] | None:
    if e.status == ConnectionStatus.NEW:
        return f"Stripe is not connected in {e.mode} mode.", _CONNECT
    if e.status == ConnectionStatus.DRAFT:
        return (
            f"The credentials of {e.mode} mode have not passed their checks yet.",
            "Finish Save & Verify under Settings › Integrations › Stripe: each check says what it needs.",
        )
    return None


def _lost_on_the_way(e: Evidence) -> Iterator[Finding]:
    if not e.plan_open or e.held:
        yield Finding(
            Tone.LOOK,
            f"{events_are(e.held)} held, because the plan does not include the integration."
            if e.held
            else "The plan does not include the integration: what arrives is held until it does.",
            "Choose a plan under Settings › General. What is held is processed then.",
        )
    if e.signing is SigningState.REFUSED:
        yield Finding(
            Tone.LOOK, "Deliveries arrive, but their signature is refused.", "See “Signatures fail” for what to copy."
        )
    yield from _waiting(e)
    for name in ("key", "endpoint", "delivery"):
        yield from _failed(e, name)
    if e.quarantined:
        yield Finding(
            Tone.LOOK,
            f"{events_are(e.quarantined)} set aside, because processing failed.",
            "Read the reasons under “Set aside”; replay what should work now, and dismiss what nobody misses.",
        )
    if recent := [one for one in e.rejected if e.now - one.last_at < RECENT]:
        yield Finding(
            Tone.LOOK,
            f"{events_are(sum(one.count for one in recent))} rejected: {recent[0].reason}",
            "Register each URL at Stripe in its own mode and account. Rejected events change nothing here.",
        )


def _waiting(e: Evidence) -> Iterator[Finding]:
    if e.oldest_pending_at is None or e.now - e.oldest_pending_at < WAITS_LONG:
        return
    for_long = span(e.now - e.oldest_pending_at)
    if e.applied_at is not None and e.now - e.applied_at < WAITS_LONG:
        yield Finding(
            Tone.UNKNOWN,
            f"{events_are(e.pending)} waiting, the oldest for {for_long}; workers are on it.",
            "Reload in a while: the number should fall. More workers make it fall faster.",
        )
        return
    yield Finding(
        Tone.LOOK,
        f"{events_are(e.pending)} waiting for a worker, the oldest for {for_long}.",
        "Whoever runs PQ Intel starts workers: celery -A pqintel worker. /healthz says what is missing.",
    )


def _arrives(e: Evidence) -> Finding:
    if e.last_delivery_at is None:
        since = f" since it was connected {ago(e.now, e.connected_at)}" if e.connected_at else ""
        return Finding(
            Tone.UNKNOWN,
            f"No delivery has arrived{since}.",
            "Run stripe trigger customer.created against this account; in a minute at most it is counted below."
            if e.mode == "test"
            else "Nothing may have happened yet. At Stripe, Developers › Webhooks shows each delivery and its answer.",
        )
    if e.now - e.last_delivery_at > QUIET:
        return Finding(
            Tone.UNKNOWN,
            f"The last delivery arrived {ago(e.now, e.last_delivery_at)}.",
            "A quiet account is normal. “Check now” asks Stripe whether the endpoint is enabled and complete.",
        )
    took = ""
    if e.lag:
        took = f" Half were processed within {span(e.lag.half)}, 95 % within {span(e.lag.most)}."
    received = e.received_in_a_day
    counted = f"{many(received, 'delivery', 'deliveries')} in 24 hours, "
    return Finding(Tone.OK, f"Events arrive: {counted}the last {ago(e.now, e.last_delivery_at)}.{took}")


def _wrong_about_money(e: Evidence, recovery: RecoveryStatus, compared: RunStatus | None) -> Iterator[Finding]:
    line = e.checks.get("endpoint")
    if line and line.state is State.FAILED and ("invoice." in line.detail or "payment_intent." in line.detail):
        yield Finding(Tone.LOOK, line.detail, line.remedy)
    yield from _failed(e, "permissions")
    aside = [one for one in e.quarantine if (one.event_type or "").startswith(_BILLED)]
    if aside:
        more = "At least " if e.quarantined > len(e.quarantine) else ""
        yield Finding(
            Tone.LOOK,
            f"{more}{many(len(aside), 'event')} of invoices or payments set aside.",
            "Read the reasons under “Set aside” and replay them: history is repaired, whatever came meanwhile.",
        )
    for gap in recovery.gaps:
        first, last = f"{gap.starts:%-d %b %Y}", f"{gap.ends:%-d %b %Y}"
        days = f"of {last}" if first == last else f"from {first} to {last}"
        yield Finding(
            Tone.LOOK,
            f"The events {days} are lost: Stripe keeps them for 30 days.",
            "A comparison with Stripe puts the objects right; what happened in between stays unknown.",
        )
    if recovery.failure:
        yield Finding(Tone.LOOK, f"Missed events cannot be read back: {recovery.failure}")
    if compared and compared.open:
        about = ", ".join(f"{amount.plain()} {amount.currency.upper()}" for amount in compared.amounts)
        yield Finding(
            Tone.LOOK,
            f"{many(compared.open, 'difference')} to Stripe left{f', about {about}' if about else ''}.",
            "See “Comparison with Stripe”: each is named with both values.",
        )
    if compared and compared.failure:
        yield Finding(Tone.LOOK, f"The last comparison with Stripe ended early: {compared.failure}")
    for read in e.reads:
        if read.what in _READS_OF_MONEY and read.failing:
            yield Finding(
                Tone.LOOK,
                f"{many(read.failing, 'question')} about invoices or payments could not be answered: {read.failure}",
                "They are asked again by themselves. “Check now” says whether the key may read what is needed.",
            )
    if doubts := [one for one in e.doubts if one.kind in _MONEY]:
        count = sum(one.count for one in doubts)
        yield Finding(
            Tone.UNKNOWN,
            f"{many(count, 'invoice or payment', 'invoices or payments')} changed twice within a second, and the "
            f"events do not say in which order (such as {doubts[0].examples[0]}).",
            "Stripe is asked by itself within minutes. Without a usable key the most likely state is shown.",
        )
    yield from _waiting(e)


def _compared(e: Evidence, compared: RunStatus | None) -> Finding:
    if compared is None or compared.finished_at is None:
        return Finding(
            Tone.UNKNOWN,
            "Nothing that arrived is waiting, set aside or in doubt. It was not compared with Stripe yet.",
            "The comparison runs every night by itself, and when “Compare now” is pressed.",
        )
    return Finding(
        Tone.OK,
        f"Compared with Stripe {ago(e.now, compared.finished_at)}: {compared.total:,} objects, no difference left.",
    )


def _refused(e: Evidence) -> Iterator[Finding]:
    if e.signing is SigningState.REFUSED:
        found = e.refusals(Reason.MISMATCH)
        told = (
            f"{_refusals(e, found)} signed with another secret"
            if found
            else "A delivery was signed with another secret"
        )
        yield Finding(Tone.LOOK, f"{told}.", SIGNING[SigningState.REFUSED])
    for reason in (Reason.FUTURE, Reason.STALE):
        found = e.refusals(reason)
        if found and e.now - found.last_at < RECENT:
            ahead = "ahead of" if reason is Reason.FUTURE else "behind"
            yield Finding(
                Tone.LOOK,
                f"{_refusals(e, found)} signed more than 5 minutes {ahead} this server’s clock.",
                "Set the server’s clock by NTP. If it is right, somebody sends old deliveries again: nothing is lost.",
            )
    yield from _failed(e, "delivery")


def _proven(e: Evidence) -> Finding:
    strangers = [
        found
        for reason in (Reason.MISSING, Reason.MALFORMED)
        if (found := e.refusals(reason)) and e.now - found.last_at < RECENT
    ]
    aside = ""
    if strangers:
        count = sum(found.week for found in strangers)
        aside = f" {many(count, 'request')} without a readable signature turned away in 7 days."
    if e.signing is SigningState.PROVEN:
        when = f" The last one {ago(e.now, e.last_delivery_at)}." if e.last_delivery_at else ""
        return Finding(Tone.OK, f"Stripe’s deliveries verify with the stored signing secret.{when}{aside}")
    return Finding(
        Tone.UNKNOWN,
        f"The signing secret is stored, but no delivery of Stripe’s has proven it yet.{aside}",
        "If Stripe does send something: a proxy that removes the Stripe-Signature header or changes the body fails it."
        if strangers
        else "The first delivery proves it. Only Stripe can sign with it, so nothing else can.",
    )


def _failed(e: Evidence, name: str) -> Iterator[Finding]:
    line = e.checks.get(name)
    if line is not None and line.state is State.FAILED:
        yield Finding(Tone.LOOK, line.detail, line.remedy)


def _refusals(e: Evidence, found: Counted) -> str:
    count, within = (found.day, "24 hours") if found.day else (found.month, "30 days")
    return f"{many(count, 'delivery', 'deliveries')} in {within} (the last {ago(e.now, found.last_at)})"
