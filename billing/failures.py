"""Which failed attempts there were. Pure: a function of the set of facts known, never of the order they arrived in.

Stripe tells one failed attempt twice: the invoice's event (`invoice.payment_failed`) knows the attempt's number and the
next one, the intent's (`payment_intent.payment_failed`) knows the reason. They come seconds apart, in any order, and
either may be missing. The rule by which they become one failure stands in docs/metrics.md, "Failures".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product, zip_longest
from typing import Any, Final

from .declines import Decline

INVOICE_FAILED: Final = "invoice.payment_failed"
PAYMENT_FAILED: Final = "payment.failed"
ACTION_REQUIRED: Final = "invoice.payment_action_required"
FAILURE_FACTS: Final = (INVOICE_FAILED, PAYMENT_FAILED, ACTION_REQUIRED)
"""The kinds of facts that failures are made of."""

APART: Final = 60
"""How many seconds the two events of one attempt lie apart at most. Stripe's own retries are hours apart."""
_LARGEST_TABLE: Final = 4096
"""Cells up to which the best pairing is searched; a burst beyond it (card testing) is paired one by one, in order."""


@dataclass(frozen=True, slots=True)
class Told:
    """A fact of the history about a failed attempt: what one event told. `second` is unix; `detail` the fact's own."""

    kind: str
    event_id: str
    second: int
    object_id: str
    customer: str | None
    detail: Mapping[str, Any]

    @property
    def charge(self) -> str | None:
        charge: str | None = self.detail.get("charge")
        return charge

    @property
    def order(self) -> tuple[int, int, str]:
        return self.second, self.detail.get("attempt_count") or 0, self.event_id


@dataclass(frozen=True, slots=True)
class Failed:
    """One failed attempt, told by the invoice's event, by the payment's, or by both.

    `attempt` counts the failures of the invoice from 1, those by hand included; where the payment is for no invoice
    that is known, those of the payment. `asked`: an event said that the customer must confirm.
    """

    invoice: str | None
    attempt: int
    by_invoice: Told | None
    by_payment: Told | None
    asked: bool = False

    @property
    def subject(self) -> str:
        """What the attempts are numbered by: the invoice, or the payment where there is none."""
        return self.invoice or self._any.object_id

    @property
    def second(self) -> int:
        return min(told.second for told in (self.by_invoice, self.by_payment) if told is not None)

    @property
    def decline(self) -> str | None:
        """A `Decline` value; None where nothing told a reason."""
        if self.by_payment is not None:
            told: str | None = self.by_payment.detail.get("decline")
            return told
        return Decline.AUTHENTICATION.value if self.asked else None

    def said(self, name: str) -> Any:
        """A detail by the invoice's event, or else by the payment's."""
        for told in (self.by_invoice, self.by_payment):
            if told is not None and told.detail.get(name) is not None:
                return told.detail[name]
        return None

    @property
    def customer(self) -> str | None:
        return self._any.customer

    @property
    def _any(self) -> Told:
        told = self.by_invoice or self.by_payment
        assert told is not None
        return told


def failed_attempts(facts: Iterable[Told], links: Iterable[tuple[str, str]]) -> list[Failed]:
    """The failures that facts amount to.

    Args:
        facts: of the kinds `FAILURE_FACTS`, all that are known of one customer, in any order.
        links: (invoice, payment) pairs, at least all that name an object of these facts.

    Returns:
        Failures by subject and attempt.
    """
    facts = list(facts)
    invoices = _once(facts, INVOICE_FAILED)
    payments = _once(facts, PAYMENT_FAILED)
    invoice_of = _invoices_of(invoices, payments, links)
    by_invoice: dict[str, tuple[list[Told], list[Told]]] = defaultdict(lambda: ([], []))
    alone: dict[str, list[Told]] = defaultdict(list)
    for told in invoices:
        by_invoice[told.object_id][0].append(told)
    for told in payments:
        if (invoice := invoice_of.get(told.object_id)) is not None:
            by_invoice[invoice][1].append(told)
        else:
            alone[told.object_id].append(told)
    asked: dict[str, list[int]] = defaultdict(list)
    for told in facts:
        if told.kind == ACTION_REQUIRED:
            asked[told.object_id].append(told.second)
    found: list[Failed] = []
    for invoice in sorted(by_invoice):
        pairs = _paired(*by_invoice[invoice])
        found += _numbered(invoice, pairs, asked.get(invoice, ()))
    for payment in sorted(alone):
        found += _numbered(None, [(None, told) for told in alone[payment]], ())
    return found


def _once(facts: Iterable[Told], kind: str) -> list[Told]:
    """The facts of a kind in order of time, without such as tell the same attempt once more.

    Stripe sometimes makes two events of one change: then everything but the event's id is the same.
    """
    found: dict[tuple[Any, ...], Told] = {}
    for told in sorted((t for t in facts if t.kind == kind), key=lambda t: t.order):
        found.setdefault(_sameness(told), told)
    return list(found.values())


def _sameness(told: Told) -> tuple[Any, ...]:
    if told.kind == PAYMENT_FAILED and told.charge:
        return told.object_id, told.charge
    names = ("attempt_count", "charge", "next_payment_attempt", "code", "decline_code")
    return told.object_id, told.second, *(told.detail.get(name) for name in names)


def _invoices_of(
    invoices: Sequence[Told], payments: Sequence[Told], links: Iterable[tuple[str, str]]
) -> dict[str, str]:
    """Payment → invoice: by link, or else by inference, where neither of the two has a link.

    The newest shapes name the invoice nowhere in the payment's event. Until Stripe has been asked, or without the
    permission to ask, a customer's payment and invoice that fail together over the same sum are taken for a pair.
    """
    linked: dict[str, str] = {}
    with_link: set[str] = set()
    for invoice, payment in sorted(links, reverse=True):
        linked[payment] = invoice  # the smallest id last: it stays, where there should ever be two
        with_link.add(invoice)
    sums: dict[tuple[Any, Any], tuple[list[Told], list[Told]]] = defaultdict(lambda: ([], []))
    for told in invoices:
        if told.object_id not in with_link:
            sums[told.detail.get("currency"), told.detail.get("amount")][0].append(told)
    for told in payments:
        if told.object_id not in linked:
            sums[told.detail.get("currency"), told.detail.get("amount")][1].append(told)
    for by_invoice, by_payment in sums.values():
        linked |= _inferred(by_invoice, by_payment)
    return linked


def _inferred(invoices: Sequence[Told], payments: Sequence[Told]) -> dict[str, str]:
    """Payment → invoice, one to one: the two that failed together most often, and least often without the other."""
    by_id: dict[str, list[Told]] = defaultdict(list)
    for told in (*invoices, *payments):
        by_id[told.object_id].append(told)
    near: set[tuple[str, str]] = set()
    for some, others in _together(invoices, payments):
        ids = sorted({told.object_id for told in some}), sorted({told.object_id for told in others})
        few = len(ids[0]) * len(ids[1]) <= _LARGEST_TABLE
        near.update(product(*ids) if few else zip(*ids, strict=False))
    ranked = []
    for invoice, payment in near:
        pairs = _paired(by_id[invoice], by_id[payment])
        both = sum(None not in pair for pair in pairs)
        if both:
            ranked.append((-both, len(pairs) - both, invoice, payment))
    found: dict[str, str] = {}
    taken: set[str] = set()
    for _, _, invoice, payment in sorted(ranked):
        if payment not in found and invoice not in taken:
            found[payment] = invoice
            taken.add(invoice)
    return found


Pair = tuple[Told | None, Told | None]


def _paired(invoices: Sequence[Told], payments: Sequence[Told]) -> list[Pair]:
    """Which invoice event and which payment event tell of the same attempt: first by the charge that both name, then
    by their time. Every event is in one pair; what nothing goes with is alone in it.
    """
    pairs: list[Pair] = []
    rest, left = list(invoices), []
    for payment in payments:
        same = [told for told in rest if payment.charge and told.charge == payment.charge]
        if same:
            nearest = min(same, key=lambda told: (abs(told.second - payment.second), told.order))
            rest.remove(nearest)
            pairs.append((nearest, payment))
        else:
            left.append(payment)
    for some, others in _together(rest, left):
        pairs += _aligned(some, others)
    return pairs


def _together(invoices: Sequence[Told], payments: Sequence[Told]) -> Iterable[tuple[list[Told], list[Told]]]:
    """Events in order of time, cut wherever more than `APART` seconds are empty: no pair reaches over such a gap."""
    some: list[Told] = []
    others: list[Told] = []
    last = None
    for told in sorted((*invoices, *payments), key=lambda t: t.order):
        if last is not None and told.second - last > APART:
            yield some, others
            some, others = [], []
        (others if told.kind == PAYMENT_FAILED else some).append(told)
        last = told.second
    if some or others:
        yield some, others


def _aligned(invoices: Sequence[Told], payments: Sequence[Told]) -> list[Pair]:
    """The pairing in order of time with the least distance; being alone costs half of `APART`, so that two events
    within `APART` seconds are a pair rather than two attempts.
    """
    rows, columns = len(invoices), len(payments)
    if rows * columns > _LARGEST_TABLE:
        return list(zip_longest(invoices, payments))
    alone = APART // 2
    cost = [[alone * (i + j) for j in range(columns + 1)] for i in range(rows + 1)]
    for i, one in enumerate(invoices):
        for j, other in enumerate(payments):
            single = min(cost[i][j + 1], cost[i + 1][j]) + alone
            cost[i + 1][j + 1] = min(single, cost[i][j] + _distance(one, other))
    pairs: list[Pair] = []
    i, j = rows, columns
    while i or j:
        if i and j and cost[i][j] == cost[i - 1][j - 1] + _distance(invoices[i - 1], payments[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((invoices[i], payments[j]))
        elif i and cost[i][j] == cost[i - 1][j] + alone:
            i -= 1
            pairs.append((invoices[i], None))
        else:
            j -= 1
            pairs.append((None, payments[j]))
    return pairs


def _distance(one: Told, other: Told) -> int:
    """Seconds between two events; out of reach where they name different charges."""
    if one.charge and other.charge and one.charge != other.charge:
        return 3 * APART
    return abs(one.second - other.second)


def _numbered(invoice: str | None, pairs: Iterable[Pair], asked: Collection[int]) -> list[Failed]:
    unnumbered = [Failed(invoice, 0, one, other) for one, other in pairs]
    unnumbered.sort(key=lambda f: (f.second, *(t.order for t in (f.by_invoice, f.by_payment) if t is not None)))
    return [
        Failed(
            invoice,
            number,
            failed.by_invoice,
            failed.by_payment,
            asked=any(abs(second - failed.second) <= APART for second in asked),
        )
        for number, failed in enumerate(unnumbered, 1)
    ]
