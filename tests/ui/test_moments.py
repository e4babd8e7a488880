"""Moments as people read them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.utils import timezone

from pqintel.ui import moments
from pqintel.ui.templatetags.moments import moment

NOW = datetime(2026, 1, 12, 14, 5, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("distance", "text"),
    [
        (timedelta(0), "just now"),
        (timedelta(seconds=4), "just now"),
        (timedelta(seconds=5), "5 s ago"),
        (timedelta(seconds=59), "59 s ago"),
        (timedelta(seconds=60), "1 min ago"),
        (timedelta(minutes=59, seconds=59), "59 min ago"),
        (timedelta(hours=1), "1 h ago"),
        (timedelta(hours=23, minutes=59), "23 h ago"),
        (timedelta(days=1), "1 d ago"),
        (timedelta(days=6, hours=23), "6 d ago"),
        (timedelta(days=7), "5 Jan"),
        (timedelta(days=12), "31 Dec 2025"),
        (timedelta(seconds=-90), "in 1 min"),
        (timedelta(days=-9), "21 Jan"),
    ],
)
def test_distance_in_words(distance: timedelta, text: str) -> None:
    assert moments.relative(NOW - distance, NOW) == text


def test_days_and_exact_times_are_those_of_the_active_time_zone() -> None:
    late = datetime(2026, 1, 11, 23, 30, tzinfo=UTC)
    with timezone.override(ZoneInfo("Europe/Berlin")):
        assert moments.day(late, NOW) == "12 Jan"
        assert moments.exact(late) == "12 Jan 2026, 00:30:00 CET"
    with timezone.override(UTC):
        assert moments.day(late, NOW) == "11 Jan"
        assert moments.exact(late) == "11 Jan 2026, 23:30:00 UTC"


@time_machine.travel(NOW, tick=False)
def test_the_tag_carries_the_instant_for_machines_and_the_exact_moment_for_people() -> None:
    then = NOW - timedelta(minutes=3)
    assert moment(then) == (
        '<time datetime="2026-01-12T14:02:09+00:00" title="12 Jan 2026, 14:02:09 UTC" data-relative>3 min ago</time>'
    )
    assert moment(then, "day") == (
        '<time datetime="2026-01-12T14:02:09+00:00" title="12 Jan 2026, 14:02:09 UTC">12 Jan</time>'
    )
    assert moment(None) == ""
