"""Checkout names the customers whom it brings, until they speak for themselves."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations

import pytest
from django.db import transaction

from billing.actions import learn
from billing.models import Customer, CustomerWord
from billing.modes import Mode
from billing.snapshots import CheckoutState, CustomerState, Kind, Learned, Snapshot
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope
from tests.factories import WorkspaceFactory

pytestmark = pytest.mark.django_db

T = 1_767_225_600
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def checkout(number: int, name: str | None, email: str | None) -> Learned:
    state = CheckoutState(
        f"cs_{number}", "cus_1", "sub_1", "subscription", "complete", "paid", T, name=name, email=email
    )
    return Learned(f"evt_cs_{number}", "checkout.session.completed", T + number, (Snapshot(Kind.CHECKOUT, state),))


def own(second: int, name: str | None) -> Learned:
    state = CustomerState("cus_1", name=name, email="own@example.com")
    return Learned(f"evt_cus_{second}", "customer.updated", T + second, (Snapshot(Kind.CUSTOMER, state),))


def apply(workspace: Workspace, *lessons: Learned, mode: Mode = Mode.TEST) -> None:
    with scope(workspace), transaction.atomic():
        learn(workspace.pk, mode, lessons, NOW)


def known(workspace: Workspace, mode: Mode = Mode.TEST) -> tuple[str | None, str | None, list[str]]:
    """Name, email, and the words by which the customer is found."""
    with scope(workspace), transaction.atomic():
        customer = Customer.objects.get(mode=mode)
        found = CustomerWord.objects.filter(mode=mode, customer="cus_1").order_by("word")
        return customer.name, customer.email, list(found.values_list("word", flat=True))


FIRST, SECOND, NAMELESS = (
    checkout(1, "Ada", "ada@example.com"),
    checkout(2, "Ada L", "ada@example.com"),
    checkout(3, None, None),
)


def test_the_newest_checkout_names_a_stranger_in_any_order() -> None:
    expected = ("Ada L", "ada@example.com")
    for order in permutations([FIRST, SECOND, NAMELESS]):
        workspace = WorkspaceFactory()
        for one in order:
            apply(workspace, one)
        assert known(workspace)[:2] == expected
        assert {"ada", "l"} <= set(known(workspace)[2])


def test_a_checkout_that_loses_its_name_takes_it_back_in_any_order() -> None:
    nameless = CheckoutState("cs_1", "cus_1", "sub_1", "subscription", "complete", "paid", T)
    emptied = Learned("evt_9", "checkout.session.completed", T + 9, (Snapshot(Kind.CHECKOUT, nameless),))
    for order in ([FIRST, emptied], [emptied, FIRST]):
        workspace = WorkspaceFactory()
        for one in order:
            apply(workspace, one)
        assert known(workspace) == (None, None, [])


def test_the_customers_own_event_says_better_in_any_order() -> None:
    for order in permutations([FIRST, SECOND, own(0, "Augusta Ada King")]):
        workspace = WorkspaceFactory()
        for one in order:
            apply(workspace, one)
        name, email, found = known(workspace)
        assert (name, email) == ("Augusta Ada King", "own@example.com")
        assert "augusta" in found
        assert "l" not in found


def test_a_customer_who_has_no_name_is_not_given_one_by_checkout() -> None:
    for order in ([FIRST, own(5, None)], [own(5, None), FIRST]):
        workspace = WorkspaceFactory()
        for one in order:
            apply(workspace, one)
        assert known(workspace)[:2] == (None, "own@example.com")


def test_no_name_crosses_workspaces_or_modes(workspace: Workspace) -> None:
    other = WorkspaceFactory()
    apply(other, FIRST)
    apply(workspace, FIRST, mode=Mode.LIVE)
    apply(workspace, NAMELESS)
    assert known(workspace) == (None, None, [])
    assert known(workspace, Mode.LIVE)[0] == "Ada"
