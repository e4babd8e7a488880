"""A lane's lock: one at a time, outside transactions, a lock of its own for each kind of work."""

from __future__ import annotations

import psycopg
import pytest
from django.db import OperationalError, connection, transaction

from pqintel.queue import Work, hold_lane, wait_for_lane
from tests.gates import Writer

pytestmark = pytest.mark.django_db(transaction=True)


def held(lane: int, work: Work = Work.WRITING) -> bool:
    """Whether another session can hold it now."""

    def hold() -> bool:
        with hold_lane(lane, work) as had:
            return had

    writer = Writer(hold)
    writer.start()
    return not writer.done()


def lose_connection() -> None:
    """End our session at the server, as its restart does: who holds it learns of that at the next statement."""
    place = connection.settings_dict
    names = {"user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT", "dbname": "NAME"}
    with psycopg.connect(**{word: place[key] for word, key in names.items()}, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", (connection.connection.info.backend_pid,))


def test_one_at_a_time_and_each_work_for_itself() -> None:
    with hold_lane(7) as had:
        assert had
        assert (held(7), held(8), held(7, Work.REACTING)) == (True, False, False)
    assert not held(7)


def test_it_is_let_go_where_the_block_fails() -> None:
    with pytest.raises(ZeroDivisionError), hold_lane(7):
        raise ZeroDivisionError
    assert not held(7)


def test_what_ends_the_block_is_not_hidden_by_a_lost_connection() -> None:
    def fail() -> None:
        with hold_lane(7):
            lose_connection()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not held(7)


def test_nobody_goes_on_in_a_lane_that_went_with_the_connection() -> None:
    def go_on() -> None:
        with hold_lane(7):
            with hold_lane(8):
                lose_connection()
            pytest.fail("lane 7 is not held any more")

    with pytest.raises(OperationalError):
        go_on()
    assert (held(7), held(8)) == (False, False)


def test_not_in_a_transaction_that_would_end_after_it() -> None:
    with transaction.atomic(), pytest.raises(RuntimeError, match="outside a transaction"), hold_lane(7):
        pass
    assert not held(7)


def test_who_waits_has_it_next_or_gives_up_in_time() -> None:
    def wait(seconds: float) -> tuple[bool, str]:
        with hold_lane(7, seconds=seconds) as had, connection.cursor() as cursor:
            cursor.execute("SHOW lock_timeout")
            (timeout,) = cursor.fetchone() or ("",)
            return had, timeout

    assert wait(0.05) == (True, "0")
    with hold_lane(7):
        vain, patient = Writer(lambda: wait(0.05)), Writer(lambda: wait(60))
        vain.start()
        assert vain.done() == (False, "0")
        patient.start()
        assert patient.stands()
    assert patient.done() == (True, "0")
    assert not held(7)


def test_waiting_for_a_lane_until_the_transaction_ends() -> None:
    def wait(*, shared: bool) -> None:
        with transaction.atomic():
            wait_for_lane(7, Work.ANSWERING, shared=shared)

    with transaction.atomic():
        wait_for_lane(7, Work.ANSWERING, shared=True)
        together, alone = Writer(lambda: wait(shared=True)), Writer(lambda: wait(shared=False))
        together.start()
        assert not together.stands()
        alone.start()
        assert alone.stands()
    together.done()
    alone.done()
