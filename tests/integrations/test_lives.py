"""State is a function of the set of snapshots known: hundreds of random lives, in any order, copies and batches.

Twenty lives share a workspace, because a batch costs the same for one as for many. `make soak` does the same with
twenty thousand.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from billing.fingerprint import state
from billing.modes import Mode
from billing.snapshots import Learned
from pqintel.simulator.account import Account
from pqintel.simulator.render import FAMILIES, Family
from pqintel.simulator.scenario import random_lifecycle
from pqintel.simulator.truth import Truth
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction
from tests.factories import WorkspaceFactory
from tests.integrations.living import lessons, movements_of, reads, shuffled, teach, true_movements
from tests.soak.comparing import differences, dump

LIVES = 20
SIZE = 14
GROUPS = int(os.environ.get("PQ_LIVES") or 500) // LIVES
FIRST = int(os.environ.get("PQ_SEED") or 1)
TELLS_REASONS = FAMILIES[2:]
"""Families that tell why a subscription ended."""


def family_of(group: int) -> Family:
    return FAMILIES[group % len(FAMILIES)]


def lives(group: int) -> list[Account]:
    """Accounts of their own, whose objects never meet."""
    stacked = family_of(group) in FAMILIES[3:]
    return [
        random_lifecycle(f"{group}-{n}", SIZE, customer_discounts=True, stacked_discounts=stacked) for n in range(LIVES)
    ]


def in_random_batches(workspace: Workspace, told: list[Learned], random: Random) -> None:
    while told:
        size = random.randint(1, 700)
        teach(workspace, told[:size], batch=size)
        told = told[size:]


def present(workspace: Workspace) -> dict[str, list[Any]]:
    with scoped_transaction(workspace) as workspace_id:
        return state(workspace_id, Mode.TEST)


def apart_from(left_open: list[Any], rows_of: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Without the objects whose order in a second their events leave open, and without what follows from them."""
    ids = {row["stripe_id"] for row in left_open}
    customers = {row["customer"] for row in left_open if row["stripe_id"].startswith("sub_")}
    return {
        table: [row for row in rows if row.get("stripe_id") not in ids and row.get("customer") not in customers]
        for table, rows in rows_of.items()
    }


@pytest.mark.django_db
@pytest.mark.parametrize("group", range(FIRST, FIRST + GROUPS))
def test_any_order_of_any_lives_is_one_state_and_the_simulators_truth(group: int) -> None:
    family, random = family_of(group), Random(f"order:{group}")
    print(f"seeds {group}-0 … {group}-{LIVES - 1}, {family.version}")
    accounts = lives(group)
    told = [lesson for account in accounts for lesson in lessons(account, family)]
    answers = [lesson for n, account in enumerate(accounts) for lesson in reads(account, 6, f"{group}-{n}", family)]
    ordered, disordered = WorkspaceFactory(), WorkspaceFactory()
    teach(ordered, [*sorted(told, key=lambda lesson: lesson.happened_at), *answers], batch=500)
    in_random_batches(disordered, shuffled([*told, *answers], seed=group, copies=random.choice((1, 1, 2, 3))), random)
    assert differences(dump(ordered), dump(disordered)) == []

    # Up to the day before the end: on the last day, and after it, only what has been announced is known to us alone.
    ends = {c: datetime.fromtimestamp(account.now, UTC).date() for account in accounts for c in account.customers}
    found, expected = (
        {row for row in rows if row[0] < ends[row[2]]}
        for rows in (movements_of(ordered), {row for account in accounts for row in true_movements(Truth(account))})
    )
    if family not in TELLS_REASONS:
        found, expected = (
            {(*row[:3], row[3].removeprefix("involuntary_"), row[4]) for row in rows} for rows in (found, expected)
        )
    assert found == expected
    assert len(found) > LIVES

    if group % 5 == 0:  # what was read besides the events changes nothing, but decides what they leave open
        unread = WorkspaceFactory()
        teach(unread, told, batch=500)
        without, beside = present(unread), present(ordered)
        left_open = [row for rows in without.values() for row in rows if not row.get("sure", True)]
        assert differences(apart_from(left_open, without), apart_from(left_open, beside)) == []
