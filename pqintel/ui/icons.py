"""Icons as inline SVG, so that they take the colour of the text and need no request. Files: static/icons (lucide)."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

FOLDER = Path(__file__).resolve().parents[2] / "static" / "icons"
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@cache
def drawing(name: str) -> SafeString:
    """The shapes inside an icon's `<svg>`. Raises `LookupError` for a name that has no file."""
    path = FOLDER / f"{name}.svg"
    if not NAME.fullmatch(name) or not path.is_file():
        raise LookupError(f"No icon {name!r}: copy it from lucide-static, see static/vendor/README.md")
    markup = path.read_text(encoding="utf-8")
    inner = markup[markup.index(">", markup.index("<svg")) + 1 : markup.rindex("</svg>")]
    return mark_safe(" ".join(inner.split()))  # noqa: S308 - a file of ours, chosen by a checked name


def icon(name: str, classes: str = "") -> SafeString:
    """An icon that says nothing to screen readers: the text beside it does."""
    return format_html(
        '<svg class="icon{}" viewBox="0 0 24 24" aria-hidden="true" focusable="false">{}</svg>',
        f" {classes}" if classes else "",
        drawing(name),
    )
