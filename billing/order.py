"""Which version is the state. Pure: a function of the set of versions known, never of the order they arrived in.

Stripe's events carry whole seconds, arrive in any order, twice, or never. So a second's versions are ordered by what
they say themselves: `*.updated` names the state before it, which makes every second a small graph of transitions, and
the state at its end is where the graph leads. A pairwise comparison would not do: it is not transitive, and gives
different answers for different orders of arrival.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from .snapshots import Kind

NOTHING = ""
"""Digest of "nothing came before": what a `*.created` event starts from."""

_INVOICE_RANK = {None: 0, "draft": 1, "open": 2, "uncollectible": 3, "paid": 4, "void": 5, "deleted": 6}
_PAYMENT_RANK = {"processing": 1, "requires_capture": 2, "canceled": 3, "succeeded": 4}
_CHECKOUT_RANK = {"open": 0, "expired": 1, "complete": 2}
ENDED = frozenset({"canceled", "incomplete_expired"})
"""The statuses that a subscription never leaves."""
_CUT = "items_cut"


@dataclass(slots=True)
class Seen:
    """One version: `position` = 2 × second + 1 (or 2 × second for an API read), digests before and after, the state.

    `before` None = the event does not say what came before. The last three are the answer.
    """

    position: int
    event_id: str
    before: str | None
    after: str
    state: dict[str, Any]
    chosen: bool = False
    sure: bool = True
    resolved: dict[str, Any] | None = None
    stored: tuple[bool, bool, dict[str, Any] | None] | None = field(default=None, compare=False)

    @property
    def whole(self) -> dict[str, Any]:
        """The state, with fields filled in that this version's shape did not carry."""
        return self.state if self.resolved is None else self.resolved

    @property
    def second(self) -> int:
        return self.position // 2

    @property
    def is_read(self) -> bool:
        """Whether it is an answer of the API, not an event."""
        return self.position % 2 == 0


def rank(kind: Kind, state: dict[str, Any]) -> tuple[int, ...]:
    """How far along its life a state is, where that is certain: within one second a higher rank is the later state.

    Subscriptions and customers only know "over"; invoices, payments and checkouts cannot go back.
    """
    match kind:
        case Kind.SUBSCRIPTION:
            return (int(state["status"] in ENDED),)
        case Kind.CUSTOMER:
            return (int(state["deleted"]),)
        case Kind.INVOICE:
            return (
                _INVOICE_RANK.get(state["status"], 2),
                state["attempt_count"],
                state["amount_paid"],
                state["attempted"],
            )
        case Kind.PAYMENT:
            return (_PAYMENT_RANK.get(state["status"], 0), int(bool(state["failure_code"] or state["decline_code"])))
        case Kind.CHECKOUT:
            return (_CHECKOUT_RANK.get(state["status"] or "", 0), int(state["payment_status"] == "paid"))


def choose(kind: Kind, versions: Sequence[Seen], previous: str | None) -> tuple[Seen, bool]:
    """The version that is the state at the end of one position, and whether that is sure.

    Args:
        kind: what object the versions are of.
        versions: all versions of one position, in any order; at least one.
        previous: digest of the state before, if that was sure; else None.

    Returns:
        The version and True, or a deterministic fallback and False when the versions do not say.
    """
    highest = max(rank(kind, v.state) for v in versions)
    top = {v.after: v for v in sorted(versions, key=lambda v: v.event_id) if rank(kind, v.state) == highest}
    if len(top) == 1:
        return next(iter(top.values())), True
    after, sure = _end_of_walk(versions, set(top), previous)
    return top[after], sure


def _end_of_walk(versions: Iterable[Seen], top: set[str], previous: str | None) -> tuple[str, bool]:
    steps = [(v.before, v.after) for v in versions if v.before is not None and v.before != v.after and v.after in top]
    edges = set(steps)
    if not edges:
        return max(top), False
    sinks = {after for _, after in edges} - {before for before, _ in edges}
    loose = top - {node for edge in edges for node in edge}
    if len(sinks) == 1 and not loose:
        return sinks.pop(), True
    if not sinks and not loose and len(steps) == len(edges):
        # A cycle that takes every edge once: the walk ends where one more edge comes in than goes out.
        balance: Counter[str] = Counter()
        for before, after in edges:
            balance[after] += 1
            balance[before] -= 1
        ends = [node for node, count in balance.items() if count == 1]
        if len(ends) == 1 and ends[0] in top and max(map(abs, balance.values())) == 1:
            return ends[0], True
        if not any(balance.values()) and previous in top:
            return previous, True
    return max(sinks & top or top), False


def resolve(kind: Kind, versions: Iterable[Seen], before: Seen | None = None) -> list[Seen]:
    """Mark which versions are the states of their positions, and fill in what a shape did not carry.

    Args:
        kind: what object the versions are of.
        versions: all versions of the object from some position on, in any order. Changed in place.
        before: the chosen version of the position before, already resolved; None if there is none.

    Returns:
        The chosen versions in order of time, without `before`. Only the last one's doubt matters for the state.
    """
    chain: list[Seen] = []
    last = before
    for _, group in groupby(sorted(versions, key=lambda v: (v.position, v.event_id)), key=lambda v: v.position):
        together = list(group)
        winner, sure = choose(kind, together, last.after if last is not None and last.sure else None)
        for version in together:
            version.chosen, version.sure, version.resolved = version is winner, True, None
        winner.sure = sure
        if last is not None:
            winner.resolved = _filled(winner.state, last.whole)
        chain.append(winner)
        last = winner
    return chain


def _filled(state: dict[str, Any], before: dict[str, Any]) -> dict[str, Any] | None:
    """`state` with what its shape did not carry taken from the state before; None where nothing is missing.

    Of a subscription with more than ten items an event carries the first ten: the others stay what they were.
    """
    missing = {name: before[name] for name in before.keys() - state.keys() if name != _CUT}
    if state.get(_CUT):
        items = {item["id"]: item for item in (*before["items"], *state["items"])}
        if len(items) > len(state["items"]):
            missing["items"] = [items[item_id] for item_id in sorted(items)]
    return {**state, **missing} if missing else None
