"""The sealed field in its table: ciphertext at rest, bound to column, row and workspace."""

import pickle

import pytest
from django.core import serializers
from django.core.exceptions import FieldError
from django.db import connection, transaction

from billing.modes import Mode
from integrations.models import Connection
from pqintel.vault import Ring, SealError, Secret, ring
from pqintel.workspaces.tenancy import scoped_transaction
from tests.factories import ConnectionFactory

pytestmark = pytest.mark.django_db

TEXT = "rk_" + "test_" + "fieldcanary" * 3


def column(row: Connection, name: str) -> bytes:
    with scoped_transaction(row.workspace_id), connection.cursor() as cursor:
        cursor.execute(f"SELECT {name} FROM integrations_connection WHERE id = %s", [row.pk])
        return bytes(cursor.fetchone()[0])


def put(row: Connection, name: str, sealed: bytes) -> None:
    with scoped_transaction(row.workspace_id), connection.cursor() as cursor:
        cursor.execute(f"UPDATE integrations_connection SET {name} = %s WHERE id = %s", [sealed, row.pk])


def read(row: Connection) -> Connection:
    with scoped_transaction(row.workspace_id):
        return Connection.objects.get(pk=row.pk)


def test_column_holds_ciphertext_and_attribute_gives_a_secret() -> None:
    row = ConnectionFactory(secret_key=TEXT, draft_secret_key=None)
    sealed = column(row, "secret_key")
    assert Ring.key_id(sealed) == ring().active
    assert TEXT.encode() not in sealed
    found = read(row)
    assert found.secret_key == Secret(TEXT)
    assert found.secret_key.reveal() == TEXT
    assert found.draft_secret_key is None


def test_a_new_row_gives_a_secret_before_and_after_it_is_saved() -> None:
    row = Connection(mode=Mode.TEST, secret_key=TEXT)
    assert row.secret_key == Secret(TEXT)
    assert ConnectionFactory(secret_key=Secret(TEXT)).secret_key == Secret(TEXT)


def test_ciphertext_of_another_row_column_or_workspace_does_not_open() -> None:
    mine = ConnectionFactory(secret_key=TEXT)
    other_mode = ConnectionFactory(workspace=mine.workspace, mode=Mode.LIVE, secret_key=TEXT)
    other_workspace = ConnectionFactory(secret_key=TEXT)
    for victim, name, stolen in (
        (other_mode, "secret_key", column(mine, "secret_key")),
        (other_workspace, "secret_key", column(mine, "secret_key")),
        (mine, "publishable_key", column(mine, "secret_key")),
        (mine, "draft_secret_key", column(mine, "secret_key")),
    ):
        put(victim, name, stolen)
        found = read(victim)
        with pytest.raises(SealError, match="belongs to another place"):
            getattr(found, name)


def test_a_missing_key_is_said_without_the_ciphertext(settings) -> None:
    row = ConnectionFactory(secret_key=TEXT)
    settings.PQ_KEYS = "k9:" + "9" * 64
    with pytest.raises(SealError, match=r"which is not in PQ_KEYS\.$"):
        read(row).secret_key  # noqa: B018 - reading opens it


def test_saving_another_field_keeps_the_ciphertext() -> None:
    row = ConnectionFactory(secret_key=TEXT)
    before = column(row, "secret_key")
    with scoped_transaction(row.workspace_id):
        found = Connection.objects.get(pk=row.pk)
        found.status = "broken"
        found.save()
    assert column(row, "secret_key") == before


def test_moving_a_value_to_another_column_seals_it_for_that_one() -> None:
    row = ConnectionFactory(draft_secret_key=TEXT, secret_key=None)
    with scoped_transaction(row.workspace_id):
        found = Connection.objects.get(pk=row.pk)
        found.secret_key, found.draft_secret_key = found.draft_secret_key, None
        found.save()
    assert read(row).secret_key == Secret(TEXT)


def test_update_and_bulk_update_are_refused_because_they_know_no_row() -> None:
    row = ConnectionFactory(secret_key=TEXT)
    with scoped_transaction(row.workspace_id):
        with pytest.raises(SealError, match="write through save"), transaction.atomic():
            Connection.objects.filter(pk=row.pk).update(secret_key="plain")
        found = Connection.objects.get(pk=row.pk)
        found.secret_key = "plain"
        with pytest.raises(SealError), transaction.atomic():
            Connection.objects.bulk_update([found], ["secret_key"])
    assert read(row).secret_key == Secret(TEXT)


def test_a_row_without_workspace_cannot_seal() -> None:
    with pytest.raises(SealError, match="needs its id and workspace"):
        Connection(mode=Mode.TEST, secret_key=TEXT).save()


def test_lookups_are_refused_except_for_null() -> None:
    row = ConnectionFactory(secret_key=TEXT)
    with scoped_transaction(row.workspace_id):
        assert Connection.objects.filter(secret_key__isnull=True).count() == 0
        with pytest.raises(FieldError):
            Connection.objects.filter(secret_key=TEXT).count()


def test_values_serializers_and_pickles_hold_no_plain_text() -> None:
    row = ConnectionFactory(secret_key=TEXT)
    with scoped_transaction(row.workspace_id):
        (value,) = Connection.objects.values_list("secret_key", flat=True)
        found = Connection.objects.get(pk=row.pk)
    assert TEXT.encode() not in bytes(value)
    assert TEXT not in serializers.serialize("json", [found])
    assert TEXT.encode() not in pickle.dumps(found)
    assert TEXT not in repr(found) + str(found.__dict__)
