"""Whose turn it is: one visit for all the rings that came before it."""

from __future__ import annotations

from pqintel.queue.turns import MOST, Turns


def test_rings_from_before_a_visit_that_rang_again_are_answered_and_later_ones_are_not() -> None:
    turns = Turns()
    assert turns.answered(7, 99.0) is False
    turns.note(7, 100.0, more=True)
    assert [turns.answered(7, rung) for rung in (99.0, 99.999, 100.0, 100.5)] == [True, True, False, False]
    assert turns.answered(8, 99.0) is False


def test_an_emptied_lane_and_a_ring_without_a_time_always_get_a_visit() -> None:
    turns = Turns()
    turns.note(7, 100.0, more=True)
    assert turns.answered(7, None) is False
    turns.note(7, 101.0, more=False)
    assert turns.answered(7, 99.0) is False


def test_what_is_remembered_is_bounded() -> None:
    turns = Turns()
    for lane in range(MOST + 1):
        turns.note(lane, 100.0, more=True)
    assert turns.answered(0, 99.0) is False
    assert turns.answered(MOST, 99.0) is True
