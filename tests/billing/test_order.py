"""The order of versions: invariant under arrival, right whenever sure."""

import itertools
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from billing.order import NOTHING, Seen, choose, resolve
from billing.snapshots import Kind


def version(second: int, before: str | None, after: str, event: str, status: str = "active") -> Seen:
    return Seen(2 * second + 1, event, before, after, {"id": "sub_1", "status": status, "name": after})


def copies(versions: list[Seen]) -> list[Seen]:
    return [replace(v) for v in versions]


def state(versions: list[Seen]) -> tuple[str, bool]:
    last = resolve(Kind.SUBSCRIPTION, copies(versions))[-1]
    return last.after, last.sure


def test_created_and_updated_in_one_second_end_in_the_updated_state_whichever_came_first() -> None:
    created = version(10, NOTHING, "incomplete", "evt_1")
    updated = version(10, "incomplete", "active", "evt_2")
    assert state([created, updated]) == state([updated, created]) == ("active", True)


def test_a_cycle_within_a_second_ends_where_one_more_edge_comes_in() -> None:
    walk = [version(5, "a", "b", "evt_1"), version(5, "b", "c", "evt_2"), version(5, "c", "b", "evt_3")]
    for order in itertools.permutations(walk):
        assert state(list(order)) == ("b", True)


def test_a_balanced_cycle_returns_to_the_state_before_it_if_that_was_sure() -> None:
    there_and_back = [version(5, "a", "b", "evt_1"), version(5, "b", "a", "evt_2")]
    assert state([version(4, NOTHING, "a", "evt_0"), *there_and_back]) == ("a", True)
    assert state(there_and_back)[1] is False


def test_a_terminal_state_wins_its_second() -> None:
    ended = version(5, None, "ended", "evt_9", status="canceled")
    assert state([ended, version(5, "a", "b", "evt_1")]) == ("ended", True)


def test_two_unconnected_states_of_one_second_are_unsure_and_still_the_same_in_any_order() -> None:
    loose = [version(5, None, "a", "evt_1"), version(5, None, "b", "evt_2")]
    assert state(loose) == state(loose[::-1]) == ("b", False)


def test_a_read_sorts_before_the_events_of_its_second() -> None:
    read = replace(version(5, None, "read", "pqread_1"), position=10)
    assert state([version(5, "read", "then", "evt_1"), read]) == ("then", True)
    assert state([read, version(4, None, "old", "evt_1")]) == ("read", True)


def test_a_field_that_a_shape_does_not_carry_keeps_its_last_known_value() -> None:
    first = Seen(11, "evt_1", NOTHING, "x", {"id": "sub_1", "status": "active", "currency": "usd"})
    second = Seen(13, "evt_2", "x", "y", {"id": "sub_1", "status": "past_due"})
    chain = resolve(Kind.SUBSCRIPTION, [second, first])
    assert chain[-1].whole == {"id": "sub_1", "status": "past_due", "currency": "usd"}
    assert chain[0].resolved is None


def test_an_invoice_never_goes_back_within_a_second() -> None:
    def invoice(status: str, attempts: int, paid: int, event: str) -> Seen:
        fields = {
            "id": "in_1",
            "status": status,
            "attempt_count": attempts,
            "amount_paid": paid,
            "attempted": attempts > 0,
        }
        return Seen(21, event, None, f"{status}{attempts}", fields)

    events = [invoice("draft", 0, 0, "evt_3"), invoice("open", 1, 0, "evt_2"), invoice("paid", 1, 500, "evt_1")]
    for order in itertools.permutations(events):
        winner, sure = choose(Kind.INVOICE, list(order), None)
        assert (winner.state["status"], sure) == ("paid", True)


@st.composite
def histories(draw: st.DrawFn) -> tuple[str, list[Seen]]:
    """What a subscription really went through, and the events of it that are known (all but perhaps the first)."""
    now, events, over = NOTHING, [], False
    for second in range(1, draw(st.integers(1, 3)) + 1):
        for _ in range(draw(st.integers(1, 4))):
            if over:
                break
            number = len(events)
            event = f"evt_{draw(st.integers(0, 999)):03d}_{number}"
            if now != NOTHING and draw(st.integers(0, 11)) == 0:
                over, now = True, "ended"
                events.append(version(second, None, now, event, status="canceled"))
                continue
            following = draw(st.sampled_from([name for name in "abc" if name != now]))
            events.append(version(second, now, following, event))
            if draw(st.integers(0, 9)) == 0:  # Stripe sometimes sends two events for one change
                events.append(version(second, now, following, event + "d"))
            now = following
    known = events[1:] if len(events) > 1 and draw(st.booleans()) else events
    return now, known


@settings(max_examples=500, deadline=None)
@given(histories(), st.randoms(use_true_random=False))
def test_any_order_of_arrival_gives_the_same_state_and_it_is_right_when_sure(history, random) -> None:
    truth, events = history
    expected = state(events)
    for _ in range(4):
        shuffled = events[:]
        random.shuffle(shuffled)
        assert state(shuffled) == expected
    if expected[1]:
        assert expected[0] == truth
