"""`{% load moments %}`: `{% moment event.happened_at %}`, `{% moment member.joined_at "day" %}`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from pqintel.ui import moments

register = template.Library()


@register.simple_tag
def moment(value: datetime | None, style: Literal["relative", "day", "exact"] = "relative") -> SafeString | str:
    """A `<time>` whose title is the exact moment; relative ones are kept fresh in the browser. Empty for None."""
    if value is None:
        return ""
    now = timezone.now()
    stamp = value.astimezone(UTC).isoformat(timespec="seconds")
    exact = moments.exact(value)
    if style == "relative":
        text = moments.relative(value, now)
        return format_html('<time datetime="{}" title="{}" data-relative>{}</time>', stamp, exact, text)
    text = exact if style == "exact" else moments.day(value, now)
    return format_html('<time datetime="{}" title="{}">{}</time>', stamp, exact, text)
