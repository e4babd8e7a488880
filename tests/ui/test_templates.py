"""Rules that every template and asset keeps, read from their text."""

import re
from pathlib import Path

import pytest
from django.urls import get_resolver

from pqintel.ui.icons import FOLDER, drawing, icon

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(path for path in (ROOT / "templates").rglob("*.html") if path.parent.name not in ("emails", "email"))
INLINE = {
    "style attribute": r"<[^>]*\sstyle\s*=",
    "style element": r"<style[\s>]",
    "inline script": r"<script(?![^>]*\ssrc=)",
    "event handler": r"<[^>]*\son[a-z]+\s*=",
    "hx-on": r"\shx-on[:\s=-]",
    "javascript value": r"""["'\s](js|javascript):""",
    "trigger filter": r"""hx-trigger="[^"]*\[""",
}
ICON = re.compile(r"""(?:\{% icon|icon_name=)\s*"([^"]+)\"""")


def test_the_rules_below_look_at_every_page() -> None:
    assert len(PAGES) > 80


@pytest.mark.parametrize("rule", INLINE)
def test_nothing_is_inline(rule: str) -> None:
    """The content security policy would block it."""
    pattern = re.compile(INLINE[rule], re.IGNORECASE)
    assert [str(path.relative_to(ROOT)) for path in PAGES if pattern.search(path.read_text(encoding="utf-8"))] == []


def test_exactly_the_icons_that_are_used_are_here() -> None:
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "templates").rglob("*.html")]
    assert {name for text in texts for name in ICON.findall(text)} == {path.stem for path in FOLDER.glob("*.svg")}


def test_an_icon_is_drawn_inline_and_hidden_from_screen_readers() -> None:
    assert icon("plus", "quiet") == (
        '<svg class="icon quiet" viewBox="0 0 24 24" aria-hidden="true" focusable="false">'
        '<path d="M5 12h14" /> <path d="M12 5v14" /></svg>'
    )


@pytest.mark.parametrize("name", ["no-such-icon", "../icons/plus", "Plus", ""])
def test_a_name_without_a_file_is_an_error(name: str) -> None:
    with pytest.raises(LookupError):
        drawing(name)


def test_every_stylesheet_and_script_is_linked_and_every_link_has_its_file() -> None:
    linked = {
        name
        for path in (ROOT / "templates").rglob("*.html")
        for name in re.findall(r"(?:static '|/static/)([^'\"]+)", path.read_text(encoding="utf-8"))
    }
    here = {
        path.relative_to(ROOT / "static").as_posix()
        for folder in ("css", "js", "img", "vendor")
        for path in (ROOT / "static" / folder).iterdir()
        if path.suffix in (".css", ".js", ".svg")
    }
    assert linked - {"fonts/inter-latin.woff2"} == here


def test_every_link_leads_to_a_page_of_the_project() -> None:
    texts = [path.read_text(encoding="utf-8") for path in PAGES]
    names = {name for text in texts for name in re.findall(r"""\{% url ['"]([^'"]+)['"]""", text)}
    assert len(names) > 20
    assert sorted(name for name in {*names, "billing:nothing", "nothing"} if not is_known(name)) == [
        "billing:nothing",
        "nothing",
    ]


def is_known(name: str) -> bool:
    """Whether the project has a URL of that name, whatever arguments it takes."""
    *spaces, last = name.split(":")
    resolver = get_resolver()
    for space in spaces:
        if space not in resolver.namespace_dict:
            return False
        resolver = resolver.namespace_dict[space][1]
    return last in resolver.reverse_dict


def test_nothing_is_fetched_from_elsewhere() -> None:
    files = [*(ROOT / "static/css").glob("*.css"), *(ROOT / "static/js").glob("*.js")]
    assert [path.name for path in files if "//" in re.sub(r"(?m)//\s.*$", "", path.read_text(encoding="utf-8"))] == []
