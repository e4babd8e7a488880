"""Whole lists: nothing left out, whatever the weather and whatever happens to the list meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from integrations.stripe.client import KeyRefused, RateLimited, StripeReader, Unreachable
from integrations.stripe.kinds import Kind
from integrations.stripe.pages import pages, place_after
from pqintel.simulator.testing import Simulation
from pqintel.vault import Secret
from tests.integrations.peers import Peer, Reply

CUSTOMERS = 230
AT_ONCE = (0.0, 0.0)


@pytest.fixture
def simulation() -> Iterator[Simulation]:
    with Simulation(seed=3) as simulation:
        for number in range(CUSTOMERS):
            simulation.account.create_customer(name=f"C{number}")
            simulation.account.advance(simulation.account.now + number % 2)
        yield simulation


def reader(simulation: Simulation) -> StripeReader:
    return StripeReader(Secret(simulation.secret_key), base=simulation.url, max_retries=0)


def ids(answer: Any) -> list[str]:
    return [entry["id"] for entry in answer.json["data"]]


def newest_first(simulation: Simulation) -> list[str]:
    return [*reversed(simulation.account.customers)]


def test_all_pages_newest_first_with_filters(simulation: Simulation) -> None:
    with reader(simulation) as stripe:
        read = [ids(answer) for answer in pages(stripe, Kind.CUSTOMER)]
        some = simulation.account.customers[read[2][0]].created
        older = [i for answer in pages(stripe, Kind.CUSTOMER, created={"lte": some}) for i in ids(answer)]
    assert [len(page) for page in read] == [100, 100, 30]
    assert [i for page in read for i in page] == newest_first(simulation)
    assert older == [c.id for c in reversed(simulation.account.customers.values()) if c.created <= some]


def test_an_empty_list_is_one_empty_page(simulation: Simulation) -> None:
    with reader(simulation) as stripe:
        (answer,) = pages(stripe, Kind.COUPON)
    assert (answer.json["data"], place_after(answer)) == ([], "")


def test_what_happens_meanwhile_moves_nothing(simulation: Simulation) -> None:
    wanted = newest_first(simulation)
    read: list[str] = []
    with reader(simulation) as stripe:
        for answer in pages(stripe, Kind.CUSTOMER):
            read += ids(answer)
            simulation.account.create_customer(name="New")
            simulation.account.delete_customer(read[-1])  # the very cursor
    assert list(dict.fromkeys(read)) == wanted


def test_a_list_goes_on_from_where_it_was_left_though_the_cursor_is_gone(simulation: Simulation) -> None:
    wanted = newest_first(simulation)
    with reader(simulation) as stripe:
        first = next(pages(stripe, Kind.CUSTOMER))
        place = place_after(first)
        simulation.account.delete_customer(ids(first)[-1])
        rest = [i for answer in pages(stripe, Kind.CUSTOMER, after=place) for i in ids(answer)]
    assert list(dict.fromkeys([*ids(first), *rest])) == wanted


def test_limits_and_failures_are_waited_out(simulation: Simulation) -> None:
    simulation.faults.change(limit_every=2, fail_every=3)
    with reader(simulation) as stripe:
        read = [i for answer in pages(stripe, Kind.CUSTOMER, pauses=AT_ONCE * 2) for i in ids(answer)]
    assert read == newest_first(simulation)


def test_a_limit_without_end_is_raised_and_the_place_is_kept(simulation: Simulation) -> None:
    with reader(simulation) as stripe:
        begun = pages(stripe, Kind.CUSTOMER, pauses=AT_ONCE)
        place = place_after(next(begun))
        simulation.faults.change(limit_next=3)
        with pytest.raises(RateLimited):
            next(begun)
        rest = [i for answer in pages(stripe, Kind.CUSTOMER, after=place) for i in ids(answer)]
    assert rest == newest_first(simulation)[100:]


def test_what_waiting_does_not_help_is_raised_at_once(simulation: Simulation) -> None:
    simulation.keys.revoke(simulation.secret_key)
    with reader(simulation) as stripe, pytest.raises(KeyRefused):
        list(pages(stripe, Kind.CUSTOMER))


def test_a_page_that_comes_again_is_asked_for_again_and_not_for_ever() -> None:
    def page(number: int, *, more: bool) -> Reply:
        return Reply(
            body={"object": "list", "data": [{"id": f"cus_{number}", "created": 9 - number}], "has_more": more}
        )

    told = [page(1, more=True), page(1, more=True), page(2, more=True), page(3, more=False)]
    with Peer(lambda _: told.pop(0)) as peer, StripeReader(Secret("rk"), base=peer.url, max_retries=0) as stripe:
        read = [ids(answer) for answer in pages(stripe, Kind.CUSTOMER, pauses=AT_ONCE)]
    assert read == [["cus_1"], ["cus_2"], ["cus_3"]]
    with (
        Peer(lambda _: page(1, more=True)) as peer,
        StripeReader(Secret("rk"), base=peer.url, max_retries=0) as stripe,
        pytest.raises(Unreachable, match="the same page again"),
    ):
        list(pages(stripe, Kind.CUSTOMER, pauses=AT_ONCE))
    assert len(peer.asked) == 1 + 3
