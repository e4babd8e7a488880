"""Customers are found by the beginnings of their words, whatever was learnt in which order, and nobody else's are."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from billing.actions import learn
from billing.actions.rebuild import rebuild
from billing.models import Customer, CustomerWord
from billing.modes import Mode
from billing.search import MOST_TERMS, MOST_WORDS, matching, words_of
from billing.snapshots import CustomerState, Kind, Learned, Snapshot
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope
from tests.factories import CustomerWordFactory, WorkspaceFactory

pytestmark = pytest.mark.django_db

T = 1_767_225_600
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def told(name: str | None, email: str | None = None, *, who: str = "cus_1", second: int = 0) -> Learned:
    state = CustomerState(who, created=T, name=name, email=email)
    return Learned(f"evt_{who}_{second}", "customer.updated", T + second, (Snapshot(Kind.CUSTOMER, state),))


def teach(workspace: Workspace, *lessons: Learned, mode: Mode = Mode.TEST) -> None:
    with scope(workspace), transaction.atomic():
        learn(workspace.pk, mode, lessons, NOW)


def found(workspace: Workspace, text: str, mode: Mode = Mode.TEST) -> list[str]:
    with scope(workspace), transaction.atomic():
        rows = Customer.objects.filter(workspace_id=workspace.pk, mode=mode)
        for customers in matching(workspace.pk, mode, text):
            rows = rows.filter(stripe_id__in=customers)
        return sorted(rows.values_list("stripe_id", flat=True))


def words(workspace: Workspace) -> list[tuple[str, str]]:
    with scope(workspace), transaction.atomic():
        return sorted(CustomerWord.objects.values_list("customer", "word"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ada Lovelace", ["ada", "lovelace"]),
        (" ada.lovelace+pq@Analytical-Engines.example", ["ada", "lovelace", "pq", "analytical", "engines", "example"]),
        ("Žižek & Ærø Straße", ["zizek", "ærø", "strasse"]),
        ("ＦＵＬＬ ℌ", ["full", "h"]),
        ("ada ADA Ada", ["ada"]),
        ("株式会社 東京", ["株式会社", "東京"]),
        ("under_score", ["under", "score"]),
        ("%_' --", []),
        ("x" * 90, ["x" * 40]),
        ("", []),
    ],
)  # fmt: skip
def test_words(text: str, expected: list[str]) -> None:
    assert words_of(text) == expected


@given(st.text())
def test_words_are_their_own_words(text: str) -> None:
    once = words_of(text)
    assert words_of(" ".join(once)) == once


def test_any_word_is_found_by_its_beginning(workspace: Workspace) -> None:
    teach(
        workspace,
        told("Ada Lovelace", "ada@engines.example"),
        told("Grace Hopper", "grace@navy.example", who="cus_2"),
        told("Adam Grace", None, who="cus_3"),
    )
    assert found(workspace, "ada") == ["cus_1", "cus_3"]
    assert found(workspace, "LOVE") == ["cus_1"]
    assert found(workspace, "ada@eng") == ["cus_1"]
    assert found(workspace, "gra") == ["cus_2", "cus_3"]
    assert found(workspace, "grace ada") == ["cus_3"]
    assert found(workspace, "elace") == []
    assert found(workspace, "ada nobody") == []


def test_a_new_name_replaces_the_words_of_the_old_one_in_any_order(workspace: Workspace) -> None:
    old, new = told("Ada Byron", "ada@example.com"), told("Ada Lovelace", "ada@example.com", second=60)
    teach(workspace, old)
    teach(workspace, new)
    other = WorkspaceFactory()
    teach(other, new)
    teach(other, old)
    teach(other, new, old)
    assert words(workspace) == [("cus_1", "ada"), ("cus_1", "com"), ("cus_1", "example"), ("cus_1", "lovelace")]
    assert words(other) == words(workspace)
    teach(workspace, told(None, None, second=90))
    assert words(workspace) == []


def test_a_mention_takes_no_words_away(workspace: Workspace) -> None:
    teach(workspace, told("Ada"), told("Grace", who="cus_2"))
    teach(workspace, told("Grace", who="cus_2", second=5))
    assert words(workspace) == [("cus_1", "ada"), ("cus_2", "grace")]


def test_nothing_is_found_on_the_other_side_or_elsewhere(workspace: Workspace) -> None:
    other = WorkspaceFactory()
    teach(workspace, told("Ada"), mode=Mode.LIVE)
    teach(other, told("Ada"))
    assert found(workspace, "ada") == []
    assert found(workspace, "ada", Mode.LIVE) == ["cus_1"]
    CustomerWordFactory(workspace=workspace, mode="live", word="ada", customer="cus_9")
    assert found(workspace, "ada") == []


@pytest.mark.django_db(transaction=True)
def test_a_rebuild_repairs_the_words() -> None:
    workspace = WorkspaceFactory()
    teach(workspace, told("Ada Lovelace"), told("Grace", who="cus_2"))
    right = words(workspace)
    with scope(workspace), transaction.atomic():
        CustomerWord.objects.filter(word="ada").delete()
    CustomerWordFactory(workspace=workspace, customer="cus_2", word="wrong")
    with scope(workspace):
        assert rebuild(workspace.pk, Mode.TEST).customers == 2
    assert words(workspace) == right


def test_very_long_names_and_questions_are_cut(workspace: Workspace) -> None:
    teach(workspace, told(" ".join(f"w{number}" for number in range(100))))
    assert len(words(workspace)) == MOST_WORDS
    with scope(workspace), transaction.atomic():
        assert len(matching(workspace.pk, Mode.TEST, " ".join("abcdefghij"))) == MOST_TERMS


def test_the_index_is_used_although_rows_are_secured(workspace: Workspace) -> None:
    """What makes it so is that comparing text leaks nothing, in PostgreSQL's own opinion."""

    with scope(workspace), transaction.atomic(), connection.cursor() as cursor:
        CustomerWord.objects.bulk_create(  # in a table of one page every index costs the same
            CustomerWord(workspace=workspace, mode=Mode.TEST, customer=f"cus_{n}", word=f"w{n:05}") for n in range(5000)
        )
        cursor.execute("SET LOCAL enable_seqscan = off")
        (customers,) = matching(workspace.pk, Mode.TEST, "ada")
        sql, parameters = customers.query.sql_with_params()
        cursor.execute(f"EXPLAIN {sql}", parameters)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "customer_word_unique" in plan
    assert "word >= 'ada'" in plan.split("Index Cond:")[1].split("\n")[0]
