"""Which Stripe account may be connected where (P4): in one workspace, one per workspace, a few per owner."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection as database
from django.db import transaction

from billing.modes import Mode
from integrations.models import ConnectionStatus
from integrations.stripe import connections
from integrations.stripe.accounts import AccountConflict
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.roles import Role
from pqintel.workspaces.tenancy import scope
from tests.factories import ConnectionFactory, MembershipFactory, UserFactory, WorkspaceFactory
from tests.integrations.stage import stored
from tests.integrations.test_connections import KEYS, NEW, draft, promote

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


def conflict(workspace: Workspace, account_id: str | None) -> str:
    draft(workspace, **KEYS)
    with pytest.raises(AccountConflict) as refusal, transaction.atomic():
        promote(workspace, account_id)
    return str(refusal.value)


def test_an_account_is_connected_in_one_workspace_only(workspace: Workspace) -> None:
    ConnectionFactory(account_id="acct_taken", mode=Mode.LIVE)
    said = conflict(workspace, "acct_taken")
    assert said == "acct_taken is already connected in another workspace."
    assert stored(workspace).status == ConnectionStatus.DRAFT
    assert promote(workspace, "acct_free").status == ConnectionStatus.CONNECTED


def test_an_account_that_was_never_connected_there_is_free(workspace: Workspace) -> None:
    ConnectionFactory(account_id="acct_tried", connected_at=None, status=ConnectionStatus.DRAFT)
    draft(workspace, **KEYS)
    assert promote(workspace, "acct_tried").account_id == "acct_tried"


def test_both_modes_of_one_workspace_may_be_one_account(workspace: Workspace) -> None:
    ConnectionFactory(workspace=workspace, account_id="acct_1", mode=Mode.LIVE)
    draft(workspace, **KEYS)
    assert promote(workspace, "acct_1").account_id == "acct_1"


def test_a_workspace_stays_with_its_account(workspace: Workspace) -> None:
    draft(workspace, **KEYS)
    promote(workspace, "acct_1")
    assert conflict(workspace, "acct_2") == (
        "These keys belong to acct_2, but this workspace holds the data of acct_1."
    )


@pytest.mark.django_db(transaction=True)
def test_two_workspaces_that_promote_one_account_at_once(workspace: Workspace) -> None:
    workspaces = [workspace, WorkspaceFactory(), WorkspaceFactory()]
    for each in workspaces:
        draft(each, **KEYS)
    together = threading.Barrier(len(workspaces))

    def promote_together(each: Workspace) -> str:
        together.wait()
        try:
            return promote(each, "acct_1").status
        except AccountConflict as conflict:
            return str(conflict)
        finally:
            database.close()

    with ThreadPoolExecutor(len(workspaces)) as pool:
        outcomes = sorted(pool.map(promote_together, workspaces))
    assert outcomes == [*["acct_1 is already connected in another workspace."] * 2, ConnectionStatus.CONNECTED]


def owned(user: Any, *, connected: bool) -> Workspace:
    workspace: Workspace = WorkspaceFactory()
    MembershipFactory(workspace=workspace, user=user, role=Role.OWNER)
    if connected:
        ConnectionFactory(workspace=workspace)
    return workspace


def test_an_owner_connects_five_accounts_and_more_when_the_limit_is_raised(workspace: Workspace) -> None:
    user = MembershipFactory(workspace=workspace, role=Role.OWNER).user
    for _ in range(4):
        owned(user, connected=True)
    owned(user, connected=False)
    member_of = ConnectionFactory().workspace  # somebody else's, where our owner is an admin
    MembershipFactory(workspace=member_of, user=user, role=Role.ADMIN)
    draft(workspace, **KEYS)
    promote(workspace, "acct_fifth")

    sixth = owned(user, connected=False)
    assert conflict(sixth, "acct_sixth") == (
        "The workspaces of this owner already connect 5 Stripe accounts, which is the limit."
    )
    assert conflict(sixth, None).endswith("which is the limit.")
    user.stripe_account_limit = 6
    user.save()
    assert promote(sixth, "acct_sixth").status == ConnectionStatus.CONNECTED


def test_at_the_limit_a_connected_workspace_may_replace_keys_and_add_its_other_mode(workspace: Workspace) -> None:
    user = MembershipFactory(workspace=workspace, role=Role.OWNER, user=UserFactory(stripe_account_limit=1)).user
    assert user.stripe_account_limit == 1
    draft(workspace, **KEYS)
    promote(workspace)
    draft(workspace, webhook_secret=NEW)
    assert promote(workspace).status == ConnectionStatus.CONNECTED
    with scope(workspace):
        live = connections.connection_for(workspace, Mode.LIVE)
        assert connections.promote(live, None, NOW).status == ConnectionStatus.CONNECTED


def test_one_owner_with_room_is_enough(workspace: Workspace) -> None:
    MembershipFactory(workspace=workspace, role=Role.OWNER, user=UserFactory(stripe_account_limit=0))
    MembershipFactory(workspace=workspace, role=Role.ADMIN, user=UserFactory(stripe_account_limit=5))
    assert conflict(workspace, None).endswith("which is the limit.")
    MembershipFactory(workspace=workspace, role=Role.OWNER, user=UserFactory(stripe_account_limit=1))
    assert promote(workspace).status == ConnectionStatus.CONNECTED
