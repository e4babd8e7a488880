"""Going through customers chunk by chunk: each once, nobody else's, and never more read than a chunk needs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from billing.actions.bulk import fetch
from billing.actions.walking import NEXT_CUSTOMER, NEXT_DERIVED, NEXT_OWNER, next_customers, next_owners
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction
from tests.factories import (
    AccessFactory,
    AccessOverrideFactory,
    CustomerFactory,
    MovementFactory,
    SubscriptionFactory,
    WorkspaceFactory,
)

pytestmark = pytest.mark.django_db

# 1,500 more rows like the one that is there.
_COPY = """
INSERT INTO {table} SELECT (jsonb_populate_record(t, jsonb_build_object(
    'id', t.id + n, 'stripe_id', t.stripe_id || to_char(n, 'FM00000'), '{column}', 'cus_' || to_char(n, 'FM00000')
))).* FROM {table} t, generate_series(1, 1500) n
"""


def test_each_comes_once_in_order_wherever_they_stand(workspace: Workspace) -> None:
    of_test = {"workspace": workspace, "mode": "test"}
    for customer in ("cus_b", "cus_d"):
        CustomerFactory(**of_test, stripe_id=customer)
    for customer in ("cus_b", "cus_b", "cus_a"):
        SubscriptionFactory(**of_test, customer=customer)
    AccessFactory(**of_test, customer="cus_e")
    AccessOverrideFactory(**of_test, customer="cus_c")
    MovementFactory(**of_test, customer="cus_f")
    CustomerFactory(workspace=workspace, mode="live", stripe_id="cus_live")
    SubscriptionFactory(workspace=WorkspaceFactory(), mode="test", customer="cus_other")
    with scoped_transaction(workspace):
        assert next_customers(workspace.pk, "test", "", 4) == ["cus_a", "cus_b", "cus_c", "cus_d"]
        assert next_customers(workspace.pk, "test", "cus_d", 4) == ["cus_e", "cus_f"]
        assert next_owners(workspace.pk, "test", "cus_b", 4) == ["cus_c", "cus_e", "cus_f"]


@pytest.mark.parametrize("sql", [NEXT_CUSTOMER, NEXT_DERIVED, NEXT_OWNER])
def test_a_chunk_reads_no_more_than_a_chunk(workspace: Workspace, sql: str) -> None:
    CustomerFactory(workspace=workspace, mode="test")
    SubscriptionFactory(workspace=workspace, mode="test")
    with scoped_transaction(workspace), connection.cursor() as cursor:
        for table, column in (("billing_customer", "stripe_id"), ("billing_subscription", "customer")):
            cursor.execute(_COPY.format(table=table, column=column))
    with scoped_transaction(workspace):
        place = {"ws": workspace.pk, "mode": "test", "after": "", "chunk": 10}
        ((plan,),) = fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", place)
    told = json.loads(plan) if isinstance(plan, str) else plan
    assert max(node["Actual Rows"] for node in _nodes(told[0]["Plan"])) <= 100


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)
