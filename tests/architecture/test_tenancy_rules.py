"""Rules of tenancy, proven for every tenant table there is: a new model cannot forget them."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.db import DatabaseError, IntegrityError, connection, models, transaction

from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import TenantModel, everywhere, scope, scoped_transaction
from tests.factories import WorkspaceFactory, factory_of

pytestmark = pytest.mark.django_db

TENANT_MODELS = sorted(
    (model for model in apps.get_models() if issubclass(model, TenantModel)), key=lambda model: model._meta.label
)
# Tables that name a workspace and yet lie outside row-level security: they decide who may enter one.
OUTSIDE = {"workspaces.Membership"}
# Unique over all workspaces, because it is looked up before the workspace is known.
GLOBAL = {"connection_token_unique"}

# What PostgreSQL says where no scope was entered: at first the setting is unknown, after a transaction it is empty.
UNSET = r'unrecognized configuration parameter "app.ws"|invalid input syntax for type bigint: ""'

every_tenant_model = pytest.mark.parametrize("model", TENANT_MODELS, ids=lambda model: model._meta.label)


def rows(query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return list(cursor.fetchall())


def twin(row: TenantModel) -> TenantModel:
    """The same row once more, not saved; its values as they are, sealed ones included."""
    copy = type(row)(**{field.attname: row.__dict__[field.attname] for field in row._meta.concrete_fields})
    copy.pk = None if row._meta.auto_field else copy.pk
    return copy


def test_every_model_of_a_workspace_is_a_tenant_model() -> None:
    with_workspace = {
        model._meta.label
        for model in apps.get_models()
        if any(field.is_relation and field.related_model is Workspace for field in model._meta.concrete_fields)
    }
    assert with_workspace - {model._meta.label for model in TENANT_MODELS} == OUTSIDE
    assert len(TENANT_MODELS) >= 19


def test_tests_work_as_the_role_that_row_security_binds() -> None:
    assert rows("SELECT current_user, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user") == [
        ("pq_app", False, False)
    ]
    owned = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relowner = 'pq_app'::regrole"
    assert rows(owned) == []


@every_tenant_model
def test_row_security_is_forced(model: type[TenantModel]) -> None:
    query = "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = %s::regclass"
    assert rows(query, model._meta.db_table) == [(True, True)]


@every_tenant_model
def test_policies(model: type[TenantModel]) -> None:
    own = "(workspace_id = (current_setting('app.ws'::text))::bigint)"
    query = "SELECT policyname, roles, cmd, permissive, qual, with_check FROM pg_policies WHERE tablename = %s"
    found = {name: rest for name, *rest in rows(query, model._meta.db_table)}
    assert found["tenant"] == [["pq_app"], "ALL", "PERMISSIVE", own, own]
    assert found["staff"] == [["pq_staff"], "SELECT", "PERMISSIVE", "true", None]
    for name in found.keys() - {"tenant", "staff"}:  # the owner's own, for functions that run as the owner
        roles, command, *_ = found[name]
        assert command == "SELECT"
        assert not {"pq_app", "pq_staff", "public"} & set(roles)


@every_tenant_model
def test_workspace_leads_every_index(model: type[TenantModel]) -> None:
    query = """
        SELECT i.relname, a.attname FROM pg_index x
        JOIN pg_class i ON i.oid = x.indexrelid
        LEFT JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[0]
        WHERE x.indrelid = %s::regclass AND NOT x.indisprimary
    """
    others = {name: column for name, column in rows(query, model._meta.db_table) if column != "workspace_id"}
    assert set(others) - GLOBAL == set()


@every_tenant_model
def test_foreign_keys_stay_in_the_workspace_or_lead_out_of_the_tenants(model: type[TenantModel]) -> None:
    outside = {"workspaces.Workspace", "workspaces.User"}
    targets = {field.related_model for field in model._meta.concrete_fields if isinstance(field, models.ForeignKey)}
    for target in targets:
        assert target._meta.label in outside or issubclass(target, TenantModel)


@every_tenant_model
def test_unset_scope_raises(model: type[TenantModel]) -> None:
    row = factory_of(model)()
    for touch in (
        lambda: list(model.objects.all()),
        lambda: model.objects.count(),
        lambda: model.objects.exists(),
        lambda: model.objects.filter(pk=row.pk).delete(),
        lambda: model.objects.filter(pk=row.pk).update(workspace=row.workspace),
        lambda: model.objects.bulk_create([twin(row)]),
        lambda: row.save(),
    ):
        with pytest.raises(DatabaseError, match=UNSET), transaction.atomic():
            touch()


@every_tenant_model
def test_other_workspace_sees_and_changes_nothing(model: type[TenantModel]) -> None:
    row = factory_of(model)()
    other = WorkspaceFactory()
    with scoped_transaction(other):
        assert list(model.objects.all()) == []
        assert model.objects.filter(pk=row.pk).update(workspace=row.workspace) == 0
        assert model.objects.filter(pk=row.pk).delete() == (0, {})
    with scoped_transaction(row.workspace):
        assert list(model.objects.values_list("pk", flat=True)) == [row.pk]


@every_tenant_model
def test_other_workspace_cannot_write_into_this_one(model: type[TenantModel]) -> None:
    row = factory_of(model)()
    other = WorkspaceFactory()
    with pytest.raises(DatabaseError, match="row-level security"), transaction.atomic(), scope(other):
        model.objects.bulk_create([twin(row)])


@every_tenant_model
def test_a_row_cannot_be_moved_to_another_workspace(model: type[TenantModel]) -> None:
    row = factory_of(model)()
    other = WorkspaceFactory()
    with (
        pytest.raises((DatabaseError, IntegrityError), match="row-level security"),
        transaction.atomic(),
        scope(row.workspace),
    ):
        model.objects.filter(pk=row.pk).update(workspace=other)


@every_tenant_model
def test_staff_role_reads_everything_and_writes_nothing(model: type[TenantModel]) -> None:
    first, second = factory_of(model)(), factory_of(model)()
    with everywhere("test"):
        assert set(model.objects.values_list("pk", flat=True)) == {first.pk, second.pk}
    with pytest.raises(DatabaseError, match="permission denied"), everywhere("test"):
        model.objects.filter(pk=first.pk).update(workspace=first.workspace)
    with pytest.raises(DatabaseError, match="permission denied"), everywhere("test"):
        model.objects.filter(pk=first.pk).delete()


@every_tenant_model
def test_nothing_is_left_when_its_workspace_is_deleted(model: type[TenantModel]) -> None:
    from pqintel.workspaces.actions.workspaces import delete_workspace

    gone, stays = factory_of(model)(), factory_of(model)()
    delete_workspace(gone.workspace)
    with everywhere("test"):
        assert list(model.objects.values_list("pk", flat=True)) == [stays.pk]
