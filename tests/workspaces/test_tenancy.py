"""The door to tenant rows: when the database learns the workspace, and when it forgets it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import psycopg
import pytest
from django.db import DatabaseError, OperationalError, connection, transaction

from pqintel.workspaces.models import Invitation, Workspace
from pqintel.workspaces.tenancy import ScopeError, current_workspace_id, everywhere, scope, scoped_transaction
from tests.factories import InvitationFactory, WorkspaceFactory


def setting() -> str | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('app.ws', true)")
        return cursor.fetchone()[0] or None


def role() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        return str(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
class TestCommitted:
    """With real transactions."""

    def test_setting_lives_as_long_as_the_transaction(self) -> None:
        workspace = WorkspaceFactory()
        with scope(workspace):
            assert setting() is None  # no transaction, so nothing is set that could outlive it
            with transaction.atomic():
                assert setting() == str(workspace.pk)
            assert setting() is None
            with transaction.atomic():
                assert setting() == str(workspace.pk)
        assert setting() is None

    def test_setting_is_gone_after_a_rollback(self) -> None:
        workspace = WorkspaceFactory()
        with pytest.raises(ZeroDivisionError), scoped_transaction(workspace):
            raise ZeroDivisionError
        assert setting() is None

    def test_scope_inside_a_transaction(self) -> None:
        workspace = InvitationFactory().workspace
        with transaction.atomic():
            with scope(workspace):
                assert Invitation.objects.count() == 1
            with pytest.raises(DatabaseError), transaction.atomic():
                Invitation.objects.count()

    def test_scope_in_autocommit_raises(self) -> None:
        workspace = InvitationFactory().workspace
        with scope(workspace), pytest.raises(DatabaseError):
            Invitation.objects.count()

    def test_savepoints_keep_the_workspace(self) -> None:
        workspace = InvitationFactory().workspace
        with scoped_transaction(workspace):
            with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT 1/0")
            assert Invitation.objects.count() == 1

    def test_threads_do_not_share_a_scope(self) -> None:
        workspaces = [InvitationFactory().workspace for _ in range(4)]
        meet = Barrier(len(workspaces))

        def look(workspace: Workspace) -> list[int]:
            try:
                with scoped_transaction(workspace):
                    meet.wait(timeout=30)
                    return list(Invitation.objects.values_list("workspace_id", flat=True))
            finally:
                connection.close()

        with ThreadPoolExecutor(len(workspaces)) as threads:
            assert list(threads.map(look, workspaces)) == [[workspace.pk] for workspace in workspaces]


@pytest.mark.django_db
class TestScope:
    def test_another_workspace_in_one_transaction_is_refused(self) -> None:
        first, second = WorkspaceFactory(), WorkspaceFactory()
        with scoped_transaction(first):
            with pytest.raises(ScopeError), scope(second):
                pass
            assert setting() == str(first.pk)

    def test_the_same_workspace_nests(self) -> None:
        workspace = WorkspaceFactory()
        with scoped_transaction(workspace):
            with scoped_transaction(workspace.pk):
                assert current_workspace_id() == workspace.pk
            assert setting() == str(workspace.pk)
        assert setting() is None

    def test_current_workspace_id_raises_outside(self) -> None:
        with pytest.raises(ScopeError):
            current_workspace_id()


@pytest.mark.django_db
class TestEverywhere:
    def test_role_is_staff_inside_and_ours_afterwards(self) -> None:
        assert role() == "pq_app"
        with everywhere("test"):
            assert role() == "pq_staff"
        assert role() == "pq_app"

    def test_role_is_ours_after_an_error(self) -> None:
        with pytest.raises(ZeroDivisionError), everywhere("test"):
            raise ZeroDivisionError
        assert role() == "pq_app"

    def test_leaves_the_scope_around_it_alone(self) -> None:
        first, second = InvitationFactory(), InvitationFactory()
        with scoped_transaction(first.workspace):
            with everywhere("test"):
                assert set(Invitation.objects.values_list("pk", flat=True)) == {first.pk, second.pk}
            assert list(Invitation.objects.values_list("pk", flat=True)) == [first.pk]


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_was_lost_is_djangos_error_where_a_transaction_begins(workspace: Workspace) -> None:
    """Threads that count refusals, and whoever else waits for the database to come back, catch that one."""
    place = connection.settings_dict
    names = {"user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT", "dbname": "NAME"}
    connection.ensure_connection()
    with psycopg.connect(**{word: place[key] for word, key in names.items()}, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", (connection.connection.info.backend_pid,))
    with pytest.raises(OperationalError), scoped_transaction(workspace):
        pytest.fail("there is no connection")
    connection.close()
    with scoped_transaction(workspace):
        assert list(Invitation.objects.all()) == []
