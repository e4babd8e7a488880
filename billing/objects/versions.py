"""How an object's state is known: every snapshot, with the event it came by and what moved in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from billing.lists.paging import Cursor, Order, Page, cursor, page_of
from billing.lists.rows import Place
from billing.models import Version
from billing.names import plan_names
from billing.snapshots import Kind
from billing.wording import Moved, moved, prices_in

BY_POSITION = Order("position", instants=False)


@dataclass(frozen=True)
class VersionRow:
    """One version. `read`: an answer of Stripe's API; `chosen`: the state at its second; `sure`: no other could be.

    `moved` is what differs from the state before, for chosen ones.
    """

    at: datetime
    event_id: str
    read: bool
    chosen: bool
    sure: bool
    learnt_at: datetime
    moved: tuple[Moved, ...]


@dataclass(frozen=True)
class Versions:
    """A page of versions, newest first, and the queries of the pages beside it (None: there is none)."""

    rows: Sequence[VersionRow]
    next_url: str | None
    previous_url: str | None
    first_url: str | None


def versions(
    place: Place, kind: Kind, object_id: str, after: str = "", before: str = "", currency: str = ""
) -> Versions:
    """The versions of an object beside the row that a token names. Four or five queries, in scope."""
    at = cursor(after or before, BY_POSITION, back=not after) if after or before else None
    chain = place.all(Version).filter(kind=kind, object_id=object_id)
    page = page_of(chain, BY_POSITION, at)
    if not page.rows:
        return Versions([], None, None, None)
    earlier = chain.filter(chosen=True, position__lt=page.rows[-1].position).order_by("-position").first()
    plans = plan_names(place.workspace_id, place.mode, prices_in(map(whole, [*page.rows, *filter(None, [earlier])])))
    rows: list[VersionRow] = []
    last = whole(earlier) if earlier else None
    for version in reversed(page.rows):
        row = VersionRow(
            at=datetime.fromtimestamp(version.position // 2, UTC),
            event_id=version.event_id,
            read=version.position % 2 == 0,
            chosen=version.chosen,
            sure=version.sure,
            learnt_at=version.learnt_at,
            moved=(),
        )
        if version.chosen:
            row, last = replace(row, moved=_step(last, whole(version), plans, currency)), whole(version)
        rows.append(row)
    rows.reverse()
    return Versions(rows, _url(page, "after"), _url(page, "before"), "?" if at else None)


def whole(version: Version) -> dict[str, Any]:
    """The state that a version shows, with what its shape did not carry filled in."""
    state: dict[str, Any] = version.state if version.resolved is None else version.resolved
    return state


def _step(last: dict[str, Any] | None, state: dict[str, Any], plans: Any, currency: str) -> tuple[Moved, ...]:
    if last is None:
        return moved(None, state, plans, currency)
    names = [name for name in state if last.get(name) != state[name]]
    return moved({name: last.get(name) for name in names}, {name: state[name] for name in names}, plans, currency)


def _url(page: Page[Version], name: str) -> str | None:
    at: Cursor | None = page.after if name == "after" else page.before
    return None if at is None else f"?{name}={at.token}#versions"
