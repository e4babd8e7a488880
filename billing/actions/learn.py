"""The one way in: what events teach becomes versions, states, MRR and history, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from billing.models import RULES
from billing.modes import Mode
from billing.order import Seen
from billing.snapshots import Kind, Learned, Price, SubscriptionState

from . import access, history, introductions, movements, recalculation, standing, states, timeline, words
from .bulk import Table, run, text, write_together
from .catalogue import Catalogue
from .choices import choices_and_waiting
from .discounts import discounts_of, with_their_subscriptions
from .spans import label, respan, wish

LINKS = Table("billing_paymentlink", text("invoice", "payment"), keep=True)

_SYNC = f"""
INSERT INTO billing_syncstate AS s (workspace_id, mode, version, rules, last_event_at, last_applied_at)
VALUES (%s, %s, 1, {RULES}, to_timestamp(%s), %s)
ON CONFLICT (workspace_id, mode) DO UPDATE SET
    version = s.version + 1, last_event_at = greatest(s.last_event_at, excluded.last_event_at),
    last_applied_at = excluded.last_applied_at
"""  # noqa: S608 - a number of our own
# Events that show a catalogue entry itself; elsewhere it merely stands inside another object.
_OWN_EVENTS = ("product.", "price.", "plan.", "coupon.", "customer.discount.", "pqintel.read")


@dataclass(frozen=True)
class Outcome:
    """What a batch leaves open: (what, id) pairs that only a read of the API can answer."""

    wanted: frozenset[tuple[str, str]]
    unsure: frozenset[tuple[str, str]]


def learn(workspace_id: int, mode: Mode, batch: Sequence[Learned], now: datetime) -> Outcome:
    """Apply what events teach, whatever their order and however often.

    State is a function of the set of versions known, so any permutation of batches gives the same rows. Must run in a
    transaction inside `scope(workspace_id)`, by the one holder of the lane. A mixed batch costs 20 to 26 statements,
    however many events it has.

    Args:
        batch: what each event teaches; at least one.
        now: aware; when it is learnt.

    Raises:
        django.db.Error: something in the batch is impossible to store; nothing is.
    """
    if not batch:
        return Outcome(frozenset(), frozenset())
    learnt_at = now.isoformat()
    catalogue = Catalogue(workspace_id, str(mode))
    choices, waiting = choices_and_waiting(workspace_id, str(mode))
    objects = _by_object(batch)
    # Who waits for terms is resolved whole: a state that waits may be of any age, or give way in its own second.
    again = {*_take_terms(catalogue, batch, waiting)}
    again.update(identity for kind, identity in objects if kind is Kind.SUBSCRIPTION and identity in waiting)
    chains = timeline.extend(workspace_id, str(mode), objects, again, learnt_at)
    chains = with_their_subscriptions(workspace_id, str(mode), chains, learnt_at)
    subscriptions = [chain for chain in chains if chain.kind is Kind.SUBSCRIPTION]
    owned = discounts_of(workspace_id, str(mode), [v.whole["customer"] for c in subscriptions for v in c.steps])
    awaiting, moved = respan(catalogue, subscriptions, owned, choices)
    movements.refresh(workspace_id, str(mode), moved, choices.zone)
    links = sorted({link for learned in batch for link in learned.links})
    strangers = _write_states(workspace_id, str(mode), chains, awaiting, links)
    named = [chain.last.whole for chain in chains if chain.kind is Kind.CUSTOMER]
    words.index(workspace_id, str(mode), [*named, *introductions.introduce(workspace_id, str(mode), chains)])
    facts = [(one.event_id, one.happened_at, fact) for one in batch for fact in one.facts]
    history.record(workspace_id, str(mode), facts, chains, learnt_at)
    held = standing.collect(workspace_id, str(mode), [fact for *_, fact in facts], chains, links)
    if not access.refresh(workspace_id, str(mode), access.Batch.of(batch, chains, catalogue.remapped, held), now):
        recalculation.ask(workspace_id, "The tier of a product changed at Stripe", now, (mode,))
    run(_SYNC, (workspace_id, str(mode), max(one.happened_at for one in batch), now))
    owners = owned.owners()
    wanted = {want for one in batch for want in one.wanted}
    wanted |= {("customer", stripe_id) for stripe_id in strangers}
    wanted |= {("product", stripe_id) for stripe_id in catalogue.nameless_products()}
    wanted |= {wish(term, subscription, owners) for subscription, terms in awaiting.items() for term in terms}
    unsure = {(str(chain.kind), chain.object_id) for chain in chains if not chain.last.sure}
    return Outcome(frozenset(_unanswered(catalogue, wanted)), frozenset(unsure))


def _take_terms(catalogue: Catalogue, batch: Iterable[Learned], waiting: dict[str, list[str]]) -> list[str]:
    """Merge catalogue entries; the subscriptions that had waited for terms which became known."""
    entries = []
    prices: set[str] = set()
    for one in batch:
        own = one.event_type.startswith(_OWN_EVENTS)
        entries += [(2 * one.happened_at + 1 if own else 0, entry) for entry in one.catalogue]
        prices.update(
            item.price
            for snapshot in one.snapshots
            if isinstance(snapshot.state, SubscriptionState)
            for item in snapshot.state.items
        )
    catalogue.load(Price, prices | {entry.id for _, entry in entries if isinstance(entry, Price)})
    known_terms = catalogue.merge(entries)
    return [stripe_id for stripe_id, awaited in waiting.items() if known_terms & set(awaited)]


def _by_object(batch: Iterable[Learned]) -> dict[timeline.ObjectKey, list[Seen]]:
    objects: dict[timeline.ObjectKey, list[Seen]] = {}
    for one in batch:
        for snapshot in one.snapshots:
            version = timeline.seen(one.event_id, one.happened_at, snapshot)
            objects.setdefault((snapshot.kind, snapshot.state.id), []).append(version)
    return objects


def _write_states(
    workspace_id: int,
    mode: str,
    chains: list[timeline.Chain],
    awaiting: dict[str, list[str]],
    links: Iterable[tuple[str, str]],
) -> set[str]:
    """Write the present states and what pays what; the customers that became known by reference alone."""
    rows: dict[Kind, list[dict[str, Any]]] = {kind: [] for kind in Kind}
    for chain in chains:
        extra = {"awaiting": awaiting[chain.object_id]} if chain.kind is Kind.SUBSCRIPTION else {}
        rows[chain.kind].append(states.row(chain.last, extra))
    whole = {row["stripe_id"] for row in rows[Kind.CUSTOMER]}
    everyone = states.mentioned([v.whole for chain in chains for v in chain.steps])
    mentioned = [
        {"stripe_id": customer, "position": -1, "sure": True, "deleted": False}
        for customer in everyone
        if customer not in whole
    ]
    customers = sorted([*rows.pop(Kind.CUSTOMER), *mentioned], key=_by_id)
    writes = [(states.TABLES[kind], sorted(some, key=_by_id)) for kind, some in rows.items()]
    paid = [{"invoice": invoice, "payment": payment} for invoice, payment in links]
    written = write_together(workspace_id, mode, [*writes, (LINKS, paid)], telling=(states.CUSTOMERS, customers))
    return written - whole


def _by_id(row: Mapping[str, Any]) -> str:
    return str(row["stripe_id"])


def _unanswered(catalogue: Catalogue, wanted: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    """Those of the wishes that what is known by now does not answer."""
    for what, stripe_id in wanted:
        if not catalogue.answers(label(what, stripe_id)):
            yield what, stripe_id
