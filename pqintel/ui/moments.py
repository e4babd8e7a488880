"""Moments as text. `static/js/moments.js` keeps the relative ones fresh by the same rule."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.formats import date_format

JUST_NOW = timedelta(seconds=5)
WEEK = timedelta(days=7)


def relative(moment: datetime, now: datetime) -> str:
    """`just now`, `42 s ago`, `5 min ago`, `3 h ago`, `2 d ago`, `in 5 min`; from a week away on: the day."""
    distance = abs(now - moment)
    if distance < JUST_NOW:
        return "just now"
    if distance >= WEEK:
        return day(moment, now)
    text = _distance(int(distance.total_seconds()))
    return f"{text} ago" if moment < now else f"in {text}"


def day(moment: datetime, now: datetime) -> str:
    """`12 Jan`, with its year when that is not this year; in the active time zone."""
    local = timezone.localtime(moment)
    return date_format(local, "j M" if local.year == timezone.localtime(now).year else "j M Y")


def exact(moment: datetime) -> str:
    """`12 Jan 2026, 14:05:09 CET`, in the active time zone."""
    local = timezone.localtime(moment)
    return f"{date_format(local, 'j M Y, H:i:s')} {local.tzname()}"


def _distance(seconds: int) -> str:
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min"
    if seconds < 86400:
        return f"{seconds // 3600} h"
    return f"{seconds // 86400} d"
