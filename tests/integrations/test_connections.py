"""Credentials: drafted beside the working ones, promoted, masked; and which account may be connected where."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.db import transaction

from billing.modes import Mode
from integrations.models import Connection, ConnectionStatus, SigningState
from integrations.stripe import connections
from integrations.stripe.accounts import AccountConflict
from integrations.stripe.routes import Routes
from integrations.stripe.verification import promote_now
from pqintel.vault import Secret
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.roles import Role
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.factories import ConnectionFactory, MembershipFactory, UserFactory, WorkspaceFactory
from tests.integrations.stage import connection_of, sealed, stored

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
OLD, NEW = "whsec_" + "old" * 8, "whsec_" + "new" * 8
KEYS = {
    "publishable_key": "pk_" + "test_" + "p" * 24,
    "secret_key": "rk_" + "test_" + "r" * 20 + "wxyz",
    "webhook_secret": OLD,
}


def draft(workspace: Workspace, **given: str) -> Connection:
    with scope(workspace):
        return connections.save_draft(connections.connection_for(workspace, Mode.TEST), sealed(given))


def promote(workspace: Workspace, account_id: str | None = None, now: datetime = NOW) -> Connection:
    with scope(workspace):
        return connections.promote(connections.connection_for(workspace, Mode.TEST), account_id, now)


def shown(row: Connection) -> dict[str, Any]:
    """Every secret of a row in the clear."""
    names = [*connections.FIELDS, *(f"draft_{name}" for name in connections.FIELDS), "previous_webhook_secret"]
    values = {name: getattr(row, name) for name in names}
    return {name: value.reveal() for name, value in values.items() if value is not None}


# Making --------------------------------------------------------------------------------------------------------------


def test_a_connection_is_made_once_with_a_token_of_256_bits(workspace: Workspace) -> None:
    first, again = connection_of(workspace), connection_of(workspace)
    live = connection_of(workspace, Mode.LIVE)
    assert first.pk == again.pk
    assert first.pk != live.pk
    token = again.token.reveal()
    assert len(token) == 43
    assert token != live.token.reveal()
    assert bytes(first.token_hash) == hashlib.sha256(token.encode()).digest() == connections.token_hash(token)
    assert (first.status, first.connected_at) == (ConnectionStatus.NEW, None)


def test_the_webhook_finds_the_connection_by_its_url(workspace: Workspace, settings: Any) -> None:
    settings.PQ_BASE_URL = "https://pq.example"
    row = connection_of(workspace)
    url = connections.webhook_url(row)
    assert url == f"https://pq.example/webhooks/stripe/{row.token.reveal()}/"
    route = Routes().find(url.split("/")[-2])
    assert route is not None
    assert (route.workspace_id, route.connection_id, route.mode) == (workspace.pk, row.pk, "test")


# Drafts --------------------------------------------------------------------------------------------------------------


def test_a_draft_lies_beside_the_working_values(workspace: Workspace) -> None:
    draft(workspace, **KEYS)
    promote(workspace)
    drafted = draft(workspace, webhook_secret=NEW, secret_key="")
    assert drafted.status == ConnectionStatus.CONNECTED
    assert shown(stored(workspace)) == {**KEYS, "draft_webhook_secret": NEW}
    assert connections.has_draft(stored(workspace))


def test_only_given_fields_replace_what_was_drafted(workspace: Workspace) -> None:
    draft(workspace, **KEYS)
    draft(workspace, webhook_secret=NEW)
    row = stored(workspace)
    assert row.status == ConnectionStatus.DRAFT
    assert {name: connections.candidate(row, name) for name in connections.FIELDS} == {
        name: Secret(value) for name, value in {**KEYS, "webhook_secret": NEW}.items()
    }


def test_nothing_given_changes_nothing(workspace: Workspace) -> None:
    row = draft(workspace)
    assert (row.status, connections.has_draft(row), shown(row)) == (ConnectionStatus.NEW, False, {})


# Promotion -----------------------------------------------------------------------------------------------------------


def test_promotion_makes_drafts_work(workspace: Workspace) -> None:
    draft(workspace, **KEYS)
    promote(workspace, "acct_1")
    row = stored(workspace)
    assert shown(row) == KEYS
    assert (row.status, row.connected_at, row.account_id) == (ConnectionStatus.CONNECTED, NOW, "acct_1")
    assert (row.signing_state, row.signing_at) == (SigningState.UNPROVEN, NOW)


def test_a_replaced_signing_secret_stays_valid_for_a_day(workspace: Workspace) -> None:
    draft(workspace, **KEYS)
    promote(workspace)
    draft(workspace, webhook_secret=NEW)
    promote(workspace, now=NOW + timedelta(days=3))
    row = stored(workspace)
    assert shown(row) == {**KEYS, "webhook_secret": NEW, "previous_webhook_secret": OLD}
    assert row.previous_valid_until == NOW + timedelta(days=4)
    assert row.connected_at == NOW


def test_the_webhook_takes_both_secrets_and_later_only_the_new_one(workspace: Workspace) -> None:
    draft(workspace, **KEYS)
    promote(workspace)
    draft(workspace, webhook_secret=NEW)
    promote(workspace, now=datetime.now(UTC))
    token = stored(workspace).token.reveal()
    route = Routes().find(token)
    assert route is not None
    assert route.secrets == (NEW.encode(), OLD.encode())
    with scoped_transaction(workspace):
        Connection.objects.update(previous_valid_until=datetime.now(UTC) - timedelta(seconds=1))
    later = Routes().find(token)
    assert later is not None
    assert later.secrets == (NEW.encode(),)


def test_new_keys_leave_a_proven_signing_secret_proven(workspace: Workspace) -> None:
    draft(workspace, **KEYS)
    promote(workspace)
    proven_at = NOW + timedelta(hours=1)
    with scoped_transaction(workspace):
        Connection.objects.update(signing_state=SigningState.PROVEN, signing_at=proven_at)
    draft(workspace, secret_key="rk_" + "test_" + "n" * 24, webhook_secret=OLD)
    promote(workspace, now=NOW + timedelta(hours=2))
    row = stored(workspace)
    assert (row.signing_state, row.signing_at) == (SigningState.PROVEN, proven_at)
    assert (row.previous_webhook_secret, row.previous_valid_until) == (None, None)


def test_an_unknown_account_keeps_the_one_that_was_known(workspace: Workspace) -> None:
    draft(workspace, **KEYS)
    promote(workspace, "acct_1")
    draft(workspace, **KEYS)
    assert promote(workspace, None).account_id == "acct_1"


def test_promotion_without_asking_stripe(workspace: Workspace) -> None:
    row = draft(workspace, **KEYS)
    with scope(workspace):
        promote_now(row)
    found = stored(workspace)
    assert (found.status, shown(found), found.account_id) == (ConnectionStatus.CONNECTED, KEYS, None)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (ConnectionStatus.NEW, ConnectionStatus.BROKEN),
        (ConnectionStatus.DRAFT, ConnectionStatus.BROKEN),
        (ConnectionStatus.CONNECTED, ConnectionStatus.DRAFT),
        (ConnectionStatus.BROKEN, ConnectionStatus.NEW),
    ],
)
def test_a_status_moves_only_as_allowed(before: ConnectionStatus, after: ConnectionStatus) -> None:
    with pytest.raises(connections.NotAllowed):
        connections.move(Connection(status=before), after)


# Masks ---------------------------------------------------------------------------------------------------------------


def test_masks(workspace: Workspace) -> None:
    row = draft(workspace, secret_key=KEYS["secret_key"], webhook_secret=OLD)
    assert connections.masks(row) == {
        "publishable_key": None,
        "secret_key": "rk_" + "test_…wxyz",
        "webhook_secret": f"fingerprint {hashlib.sha256(OLD.encode()).hexdigest()[:8]}",
    }


# Accounts (P4) -------------------------------------------------------------------------------------------------------


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
