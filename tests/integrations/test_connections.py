"""Credentials: drafted beside the working ones, promoted, masked; and which account may be connected where."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from billing.modes import Mode
from integrations.models import Connection, ConnectionStatus, SigningState
from integrations.stripe import connections
from integrations.stripe.routes import Routes
from integrations.stripe.verification import promote_now
from pqintel.vault import Secret
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.factories import WorkspaceFactory
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


def test_disconnecting_forgets_everything_even_what_cannot_be_read(workspace: Workspace, settings: Any) -> None:
    draft(workspace, **KEYS)
    promote(workspace, "acct_1")
    draft(workspace, webhook_secret=NEW)
    before = stored(workspace)
    settings.PQ_KEYS = f"k9:{'9' * 64}"
    with scope(workspace):
        connections.disconnect(before)
    row = stored(workspace)
    assert (row.status, row.connected_at, row.account_id, shown(row)) == (ConnectionStatus.NEW, None, "acct_1", {})
    assert bytes(row.token_hash) == connections.token_hash(row.token.reveal()) != bytes(before.token_hash)
    other = WorkspaceFactory()
    draft(other, **KEYS)
    assert promote(other, "acct_1").status == ConnectionStatus.CONNECTED


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (ConnectionStatus.NEW, ConnectionStatus.BROKEN),
        (ConnectionStatus.DRAFT, ConnectionStatus.BROKEN),
        (ConnectionStatus.CONNECTED, ConnectionStatus.DRAFT),
        (ConnectionStatus.BROKEN, ConnectionStatus.DRAFT),
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
