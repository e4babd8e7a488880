"""MRR spans from chains of subscription states: the step function that every MRR number is a sum over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

from billing.metrics.recurring import Segment, recurring
from billing.models import OPEN_END
from billing.order import ENDED
from billing.snapshots import Coupon, Discount, Price, SubscriptionState, revive

from .bulk import Table, fetch, run, text, typed
from .catalogue import Catalogue
from .choices import Choices
from .discounts import CustomerDiscounts
from .past import estimated_past
from .timeline import Chain

SPANS = Table(
    "billing_mrrspan",
    (
        *text("subscription", "customer", "item", "price", "currency"),
        *typed("numeric", "monthly"),
        *typed("boolean", "trial", "involuntary"),
        *typed("bigint", "starts", "ends"),
    ),
    key=("subscription", "item", "trial", "starts"),
)
_LOAD = """
SELECT s.id, s.subscription, s.customer, s.item, s.price, s.currency, s.monthly, s.trial, s.involuntary,
       s.starts, s.ends
FROM unnest(%s::text[], %s::bigint[]) AS t(subscription, since)
JOIN billing_mrrspan s ON s.workspace_id = %s AND s.mode = %s AND s.subscription = t.subscription AND s.ends >= t.since
"""
# The first of the run of `past_due` states that the one at a position belongs to.
_BEHIND = """
SELECT t.subscription, (
    SELECT min(v.position) / 2 FROM billing_version v
    WHERE v.workspace_id = %(ws)s AND v.mode = %(mode)s AND v.kind = 'subscription' AND v.object_id = t.subscription
      AND v.chosen AND v.position <= t.position AND v.position > coalesce((
        SELECT max(w.position) FROM billing_version w
        WHERE w.workspace_id = %(ws)s AND w.mode = %(mode)s AND w.kind = 'subscription'
          AND w.object_id = t.subscription AND w.chosen AND w.position < t.position
          AND w.state ->> 'status' <> 'past_due'
      ), -1)
)
FROM unnest(%(ids)s::text[], %(at)s::bigint[]) AS t(subscription, position)
"""
DAY: Final = 86_400


class Span(NamedTuple):
    """One step of one item; see models.MrrSpan."""

    subscription: str
    customer: str
    item: str
    price: str
    currency: str
    monthly: Decimal
    trial: bool
    involuntary: bool
    starts: int
    ends: int

    @property
    def key(self) -> tuple[str, str, bool, int]:
        return self.subscription, self.item, self.trial, self.starts

    def joins(self, later: Span) -> bool:
        """Whether the later span only goes on with this one."""
        return self.ends == later.starts and self[:7] == later[:7]


def label(what: str, stripe_id: str) -> str:
    """A wish of `Learned.wanted` by the catalogue entry it is about: "price:price_1", "discount:di_1"."""
    return what if what.startswith("discount:") else f"{what}:{stripe_id}"


def wish(label: str, subscription: str, owners: Mapping[str, str]) -> tuple[str, str]:
    """The inverse: a discount can only be read through the customer or subscription that has it."""
    what, _, stripe_id = label.partition(":")
    return (label, owners.get(stripe_id, subscription)) if what == "discount" else (what, stripe_id)


def references(chains: Iterable[Chain], owned: CustomerDiscounts) -> dict[type, set[str]]:
    """The prices, discounts and coupons that the chains' states and their customers name."""
    refs = [ref for steps in owned.steps.values() for _, some in steps for ref in some]
    found: dict[type, set[str]] = {
        Price: set(),
        Discount: {ref.id for ref in refs if ref.id},
        Coupon: {ref.coupon for ref in refs if ref.coupon},
    }
    for chain in chains:
        for version in chain.steps:
            items = version.whole["items"]
            found[Price].update(item["price"] for item in items)
            for discount in (*version.whole["discounts"], *(d for item in items for d in item["discounts"])):
                if discount["id"]:
                    found[Discount].add(discount["id"])
                if discount["coupon"]:
                    found[Coupon].add(discount["coupon"])
    return found


def respan(
    catalogue: Catalogue, chains: list[Chain], owned: CustomerDiscounts, choices: Choices
) -> tuple[dict[str, list[str]], set[str]]:
    """Bring the spans of these subscriptions in line with their chains: one read, at most one delete and one insert.

    Args:
        chains: of subscriptions.
        owned: the own discounts of their customers.

    Returns:
        The terms that each subscription waits for, as labels like "price:price_1", and the customers whose spans
        changed.
    """
    if not chains:
        return {}, set()
    for kind, ids in references(chains, owned).items():
        catalogue.load(kind, ids)
    catalogue.load(Coupon, [d.coupon for d in catalogue.discounts.values() if isinstance(d.coupon, str)])
    stored = _load(catalogue, chains)
    behind = _behind_since(catalogue, chains, choices)
    awaiting: dict[str, list[str]] = {}
    changed: set[str] = set()
    outdated: list[int] = []
    rows: list[dict[str, Any]] = []
    for chain in chains:
        since = _since(chain)
        spans, missing = _spans(catalogue, chain, owned, choices, behind.get(chain.object_id))
        awaiting[chain.object_id] = sorted({label(what, stripe_id) for what, stripe_id in missing})
        old = stored.get(chain.object_id, {})
        failed = chain.before is not None and _ends_by_failure(chain.before.whole, chain.steps[0].whole)
        kept = [
            s if s.ends < since else s._replace(ends=since, involuntary=failed)
            for s in old.values()
            if s.starts < since
        ]
        wanted = set(_merged([*kept, *spans]))
        there = set(old.values())
        new = sorted(wanted - there)
        written = {span.key for span in new}  # the upsert replaces these
        outdated += [row_id for row_id, span in old.items() if span not in wanted and span.key not in written]
        rows += [_row(span) for span in new]
        changed.update(span.customer for span in wanted ^ there)
    if outdated:
        run("DELETE FROM billing_mrrspan WHERE workspace_id = %s AND id = ANY(%s)", (catalogue.workspace_id, outdated))
    SPANS.write(catalogue.workspace_id, catalogue.mode, rows)
    return awaiting, changed


def _since(chain: Chain) -> int:
    """From which second on the spans are made anew: all where the chain begins, for an estimate lies before it."""
    return 0 if chain.before is None else chain.steps[0].second


def _spans(
    catalogue: Catalogue, chain: Chain, owned: CustomerDiscounts, choices: Choices, behind: int | None
) -> tuple[list[Span], frozenset[tuple[str, str]]]:
    """What a chain is worth. `behind`: since when the subscription was past due where the chain begins, if it was."""
    spans: list[Span] = []
    missing: frozenset[tuple[str, str]] = frozenset()
    if chain.found:
        spans, missing = _estimate(catalogue, chain, owned, choices)
    for version, following in zip(chain.steps, [*chain.steps[1:], None], strict=True):
        state = revive(SubscriptionState, version.whole)
        behind = (behind or version.second) if state.status == "past_due" else None
        until = following.second if following is not None else None
        failed = following is not None and _ends_by_failure(version.whole, following.whole)
        if behind is not None and choices.past_due_days is not None:
            patience = behind + choices.past_due_days * DAY
            if until is None or patience < until:
                until, failed = patience, True
        if until is not None and until <= version.second:
            continue  # a read and events of the same second: the later one is the state; or the patience is over
        if choices.churn_at_request and (state.cancel_at_period_end or state.cancel_at is not None):
            continue
        for begins, ends, refs in owned.pieces(state.customer, version.second, until):
            worth = recurring(
                state, catalogue.prices, catalogue.discounts, catalogue.coupons, begins, ends, customer_discounts=refs
            )
            missing |= worth.missing
            last = failed and ends == until
            spans += [_span(state, segment, last and segment.ends == until) for segment in worth.segments]
    return spans, missing


def _estimate(
    catalogue: Catalogue, chain: Chain, owned: CustomerDiscounts, choices: Choices
) -> tuple[list[Span], frozenset[tuple[str, str]]]:
    """The spans before the first state that is known. They go again when a version shows what really was."""
    first = chain.steps[0]
    spans: list[Span] = []
    missing: frozenset[tuple[str, str]] = frozenset()
    refs = owned.at(first.whole["customer"], first.second)
    pieces = estimated_past(revive(SubscriptionState, first.whole), first.second, at_request=choices.churn_at_request)
    for begins, ends, state in pieces:
        worth = recurring(
            state, catalogue.prices, catalogue.discounts, catalogue.coupons, begins, ends, customer_discounts=refs
        )
        missing |= worth.missing
        failed = ends == pieces[-1][1] and _ends_by_failure(first.whole, first.whole)
        spans += [_span(state, segment, failed and segment.ends == ends) for segment in worth.segments]
    return spans, missing


def _behind_since(catalogue: Catalogue, chains: Iterable[Chain], choices: Choices) -> dict[str, int]:
    """Since when subscriptions are past due that were so before their chain begins. One query, or none."""
    asked = {
        chain.object_id: chain.before.position
        for chain in chains
        if choices.past_due_days is not None and chain.before is not None and chain.before.whole["status"] == "past_due"
    }
    if not asked:
        return {}
    place = {"ws": catalogue.workspace_id, "mode": catalogue.mode}
    rows = fetch(_BEHIND, {**place, "ids": list(asked), "at": list(asked.values())})
    return {row[0]: row[1] for row in rows}


def _ends_by_failure(before: Mapping[str, Any], state: Mapping[str, Any]) -> bool:
    """Whether a state that is worth nothing came about by failed payments.

    A subscription gets the *status* paused or unpaid only at the end of its retries. Shapes before 2022-11-15 do not
    tell why one was cancelled: then it is taken for failed payments if it was past due when it ended.
    """
    if state["status"] in ENDED:
        reason = state.get("cancellation_reason", "payment_failed" if before["status"] == "past_due" else None)
        return bool(reason == "payment_failed")
    return state["status"] in ("unpaid", "paused")


def _span(state: SubscriptionState, segment: Segment, involuntary: bool) -> Span:
    return Span(
        state.id,
        state.customer,
        segment.item_id,
        segment.price_id,
        segment.currency,
        segment.monthly,
        segment.trial,
        involuntary,
        segment.starts,
        OPEN_END if segment.ends is None else segment.ends,
    )


def _merged(spans: Iterable[Span]) -> list[Span]:
    """The same step function with as few spans as possible: one canonical form, whatever way it was reached."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda s: (s.item, s.trial, s.starts)):
        if merged and merged[-1].joins(span):
            merged[-1] = merged[-1]._replace(ends=span.ends, involuntary=span.involuntary)
        else:
            merged.append(span)
    return merged


def _load(catalogue: Catalogue, chains: list[Chain]) -> dict[str, dict[int, Span]]:
    ids = [chain.object_id for chain in chains]
    since = [_since(chain) for chain in chains]
    found: dict[str, dict[int, Span]] = {}
    for row_id, *cells in fetch(_LOAD, (ids, since, catalogue.workspace_id, catalogue.mode)):
        span = Span(*cells)
        found.setdefault(span.subscription, {})[row_id] = span
    return found


def _row(span: Span) -> dict[str, Any]:
    return {**span._asdict(), "monthly": str(span.monthly)}
