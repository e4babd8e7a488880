"""The outbox of letters: a letter is a row, put there by the transaction that decides it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import QuerySet

from billing.actions.bulk import Table, fetch, text, typed, unique
from billing.lanes import lane_of
from billing.models import Customer
from billing.modes import Mode
from dunning.models import Letter, LetterKind, LetterPolicy, LetterState, Sender, Unsubscribed
from pqintel.queue import Doorbell, Work, wait_for_lane
from pqintel.workspaces.models import Workspace

from .kinds import OPTIONAL
from .telling import tell
from .texts import KnownText, Text, known_texts
from .wording import name_to_greet

bell = Doorbell("dunning.tasks.send_letters", queue="bulk")

KEEP_TRYING: Final = timedelta(hours=72)
UNANSWERED: Final = "Letters to customers were not answered yet"
REFUSED: Final = "The workspace answered that customers get no letters"
TURNED_OFF: Final = "Letters of this kind are turned off"
NO_ADDRESS: Final = "No address of the customer is known"
DELETED: Final = "The customer was deleted"
UNSUBSCRIBED: Final = "The customer unsubscribed"
TOO_OLD: Final = "Too old when the question was answered"

_LETTERS: Final = Table(
    "dunning_letter",
    (
        *text("kind", "customer", "dedupe_key", "subject", "body", "payment_url", "to", "state", "reason"),
        *typed("jsonb", "invoices", "facts", "pages"),
        *typed("timestamptz", "created_at", "next_attempt_at", "give_up_at", "settled_at"),
        *typed("integer", "tries", "lost_claims"),
        *typed("boolean", "possible_duplicate"),
        *text("answer", "message_id"),
    ),
    keep=True,
)
_PUT: Final = f"{_LETTERS.statement} RETURNING dedupe_key"
_NEW: Final = {"tries": 0, "lost_claims": 0, "possible_duplicate": False, "answer": "", "message_id": ""}


@dataclass(frozen=True, slots=True)
class LetterRequest:
    """A letter to be written.

    `customer` and `invoices` are Stripe's ids; `invoices` are what a letter that asks for a payment is about. `facts`
    are values of the kind's placeholders (`kinds.ALLOWED`), in words; the customer's name and the workspace's are
    filled in where they are not given. `text` is a pinned text (`texts.text_of`), None the workspace's present one.
    `skip`: it is not to go out, for this reason, and is written down only.
    """

    workspace_id: int
    mode: Mode
    kind: LetterKind
    customer: str
    dedupe_key: str
    facts: Mapping[str, str] = field(default_factory=dict)
    text: Text | None = None
    payment_url: str | None = None
    pages: tuple[tuple[str, str], ...] = ()
    not_before: datetime | None = None
    invoices: tuple[str, ...] = ()
    skip: str = ""


@dataclass(frozen=True, slots=True)
class Ground:
    """What decides about the letters of a workspace's mode, as it is now. `wanted` None: nobody has answered."""

    wanted: bool | None
    workspace_name: str
    texts: Mapping[LetterKind, KnownText]
    customers: Mapping[str, Customer]
    unsubscribed: frozenset[str]

    def verdict(self, kind: LetterKind, customer: str) -> tuple[LetterState, str]:
        """Whether a letter may go out now, and if not, why."""
        known = self.customers.get(customer)
        if self.wanted is False:
            return LetterState.SKIPPED, REFUSED
        if not self.texts[kind].enabled:
            return LetterState.SKIPPED, TURNED_OFF
        if known is not None and known.deleted:
            return LetterState.SKIPPED, DELETED
        if known is None or not address_of(known):
            return LetterState.SKIPPED, NO_ADDRESS
        if kind in OPTIONAL and address_of(known).lower() in self.unsubscribed:
            return LetterState.SKIPPED, UNSUBSCRIBED
        if self.wanted is None:
            return LetterState.HELD, UNANSWERED
        return LetterState.WAITING, ""


def write(requests: Iterable[LetterRequest], now: datetime) -> list[Letter]:
    """Put letters into the outbox, and ring once the transaction commits.

    Idempotent: where there is a letter with the `dedupe_key`, it stays as it is. One that may not go out is there too,
    held or skipped, with the reason. A fixed number of statements for each mode, however many letters. Returns the
    letters that it put there or found, in the order of the requests. Must run in the workspace's scope and a
    transaction.
    """
    by_mode: dict[tuple[int, Mode], list[LetterRequest]] = defaultdict(list)
    for request in requests:
        by_mode[request.workspace_id, request.mode].append(request)
    return [letter for (ws, mode), asked in by_mode.items() for letter in _write(ws, mode, asked, now)]


def _write(workspace_id: int, mode: Mode, asked: Sequence[LetterRequest], now: datetime) -> list[Letter]:
    ground = ground_of(workspace_id, mode, [a.customer for a in asked], {a.kind for a in asked})
    if ground.wanted is None:  # who answers now waits until it is known what is held
        before_answers(workspace_id, mode)
        ground = replace(ground, wanted=wanted(workspace_id, mode))
    first = {a.dedupe_key: a for a in reversed(asked)}  # of two with one key
    rows = {key: _row(first[key], ground, now) for key in dict.fromkeys(a.dedupe_key for a in asked)}
    put = fetch(_PUT, _LETTERS.parameters(workspace_id, mode, list(rows.values())))
    found = {row.dedupe_key: row for row in letters_of(workspace_id, mode).filter(dedupe_key__in=list(rows))}
    tell(workspace_id, mode, [found[key] for (key,) in sorted(put)], now)
    if any(row.state == LetterState.WAITING and row.next_attempt_at <= now for row in found.values()):
        transaction.on_commit(lambda: bell.ring(lane_of(workspace_id, mode)))
    return [found[key] for key in rows]


def stop(workspace_id: int, mode: Mode, dedupe_prefix: str, reason: str, now: datetime) -> int:
    """Skip what still waits or is held among the letters whose key begins so; returns how many.

    What a sender has in its hands at that moment may still go out. Must run in scope and a transaction.
    """
    if not dedupe_prefix:
        raise ValueError("an empty prefix would stop every letter")
    rows = letters_of(workspace_id, mode).filter(
        dedupe_key__gte=dedupe_prefix, dedupe_key__lt=f"{dedupe_prefix}\U0010ffff"
    )
    return skip(workspace_id, mode, rows, reason, now)


def stop_keys(workspace_id: int, mode: Mode, dedupe_keys: Iterable[str], reason: str, now: datetime) -> int:
    """The same for the letters with exactly these keys. Four statements at most. Must run in scope."""
    rows = letters_of(workspace_id, mode).filter(dedupe_key__in=list(dedupe_keys))
    return skip(workspace_id, mode, rows, reason, now)


def sent_keys(workspace_id: int, mode: Mode, dedupe_keys: Iterable[str]) -> set[str]:
    """Those of the keys whose letters have gone out. One query. Must run in scope."""
    rows = letters_of(workspace_id, mode).filter(dedupe_key__in=list(dedupe_keys), state=LetterState.SENT)
    return set(rows.values_list("dedupe_key", flat=True))


def skip(workspace_id: int, mode: Mode, letters: QuerySet[Letter], reason: str, now: datetime) -> int:
    """Skip those of some letters of a workspace's mode that wait or are held, and tell of it; returns how many.

    Four statements at most. Must run in scope and a transaction.
    """
    before_answers(workspace_id, mode)
    undecided = letters.filter(state__in=(LetterState.WAITING, LetterState.HELD)).order_by("id")
    rows = list(undecided.select_for_update().only("kind", "customer", "dedupe_key", "possible_duplicate"))
    if not rows:
        return 0
    settled = letters_of(workspace_id, mode).filter(pk__in=[row.pk for row in rows])
    settled.update(state=LetterState.SKIPPED, reason=reason, settled_at=now)
    for row in rows:
        row.state, row.reason = LetterState.SKIPPED, reason
    tell(workspace_id, mode, rows, now)
    return len(rows)


def before_answers(workspace_id: int, mode: Mode) -> None:
    """Let who answers whether customers get letters wait until this transaction ends. One statement.

    Before any letter that waits or is held is locked: who answers locks them too, and of two who wait for each other,
    the one for the letters and the other for the answer, PostgreSQL ends one.
    """
    wait_for_lane(lane_of(workspace_id, mode), Work.ANSWERING, shared=True)


def answer(workspace_id: int, mode: Mode, *, wanted: bool, by: str, now: datetime) -> int:
    """Say whether customers get letters. Must run in scope and a transaction.

    "Yes" lets what was held go out, unless it is too old; "no" skips whatever has not gone out. Returns how many
    letters that moved.
    """
    wait_for_lane(lane_of(workspace_id, mode), Work.ANSWERING)
    LetterPolicy.objects.update_or_create(
        workspace_id=workspace_id,
        mode=mode,
        defaults={"wanted": wanted, "answered_by": by, "answered_at": now},
    )
    rows = letters_of(workspace_id, mode)
    if not wanted:
        return skip(workspace_id, mode, rows, REFUSED, now)
    held = rows.filter(state=LetterState.HELD)
    skip(workspace_id, mode, held.filter(give_up_at__lte=now), TOO_OLD, now)
    released = held.filter(give_up_at__gt=now).update(state=LetterState.WAITING, reason="")
    transaction.on_commit(lambda: bell.ring(lane_of(workspace_id, mode)))
    return released


def retry(workspace_id: int, mode: Mode, now: datetime, within: timedelta) -> int:
    """Let what failed, decided within that time, be tried for another 72 hours. Returns how many. Must run in scope."""
    failed = letters_of(workspace_id, mode).filter(state=LetterState.FAILED, created_at__gte=now - within)
    again = (
        failed.filter(forgotten_at=None)
        .exclude(customer="")
        .update(
            state=LetterState.WAITING,
            reason="",
            next_attempt_at=now,
            give_up_at=now + KEEP_TRYING,
            claimed_at=None,
            settled_at=None,
            lost_claims=0,
        )
    )
    if again:
        transaction.on_commit(lambda: bell.ring(lane_of(workspace_id, mode)))
    return again


def unsubscribe(workspace_id: int, mode: Mode, address: str, now: datetime) -> None:
    """Note that an address wants no letters but those about what it owes. Idempotent. Must run in scope."""
    Unsubscribed.objects.get_or_create(
        workspace_id=workspace_id, mode=mode, address=address.lower(), defaults={"at": now}
    )


def wanted(workspace_id: int, mode: Mode) -> bool | None:
    """The answer to whether customers get letters; None: nobody has answered yet. One query. Must run in scope."""
    row = LetterPolicy.objects.filter(workspace_id=workspace_id, mode=mode).first()
    return None if row is None else row.wanted


def letters_of(workspace_id: int, mode: Mode) -> QuerySet[Letter]:
    return Letter.objects.filter(workspace_id=workspace_id, mode=mode)


def name_of(workspace_id: int) -> str:
    """Who letters are from, by name. Two queries at most. Must run in scope."""
    own = Sender.objects.filter(workspace_id=workspace_id).values_list("name", flat=True).first()
    return own or Workspace.objects.values_list("name", flat=True).get(pk=workspace_id)


def address_of(customer: Customer) -> str:
    """The customer's address, or "" where it is none that could be written to."""
    address = (customer.email or "").strip()
    try:
        validate_email(address)
    except ValidationError:
        return ""
    return address if len(address) <= 254 else ""


def ground_of(workspace_id: int, mode: Mode, customers: Iterable[str], kinds: Iterable[LetterKind]) -> Ground:
    """What decides about letters to those customers. Six queries. Must run in scope."""
    rows = Customer.objects.filter(workspace_id=workspace_id, mode=mode, stripe_id__in=unique(customers))
    known = {row.stripe_id: row for row in rows.only("stripe_id", "name", "email", "deleted")}
    addresses = unique(address_of(row).lower() for row in known.values())
    gone = Unsubscribed.objects.filter(workspace_id=workspace_id, mode=mode, address__in=addresses)
    return Ground(
        wanted=wanted(workspace_id, mode),
        workspace_name=name_of(workspace_id),
        texts=known_texts(workspace_id, mode, kinds),
        customers=known,
        unsubscribed=frozenset(gone.values_list("address", flat=True)),
    )


def _row(request: LetterRequest, ground: Ground, now: datetime) -> dict[str, Any]:
    begins = max(now, request.not_before or now)
    state, reason = ground.verdict(request.kind, request.customer)
    if request.skip:
        state, reason = LetterState.SKIPPED, request.skip
    elif reason == NO_ADDRESS and begins > now:  # it may be known by then
        state, reason = (LetterState.WAITING, "") if ground.wanted else (LetterState.HELD, UNANSWERED)
    words = request.text or ground.texts[request.kind].text
    customer = ground.customers.get(request.customer)
    usual = {
        "customer_name": name_to_greet(customer.name if customer else None),
        "workspace_name": ground.workspace_name,
    }
    return _NEW | {
        "kind": request.kind.value,
        "customer": request.customer,
        "dedupe_key": request.dedupe_key,
        "subject": words["subject"],
        "body": words["body"],
        "invoices": list(request.invoices),
        "facts": usual | dict(request.facts),
        "payment_url": request.payment_url,
        "pages": [list(page) for page in request.pages],
        "to": address_of(customer) if customer else "",
        "state": state.value,
        "reason": reason,
        "created_at": now.isoformat(),
        "next_attempt_at": begins.isoformat(),
        "give_up_at": (begins + KEEP_TRYING).isoformat(),
        "settled_at": now.isoformat() if state is LetterState.SKIPPED else None,
    }
