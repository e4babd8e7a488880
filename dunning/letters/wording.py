"""Texts with placeholders: judged when they are typed, filled in when a letter is sent.

A text is plain. Its paragraphs are set apart by empty lines; a placeholder is `$amount` or `${amount}`, and `$$` is a
dollar sign. Nothing else means anything: braces, tags and the like stand for themselves. Values are never read for
placeholders again. A paragraph that names a placeholder without a value is left out whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from string import Template
from typing import Final

from billing.links import payment_page
from dunning.models import LetterKind

from .kinds import ALLOWED

LONGEST_SUBJECT: Final = 150
LONGEST_BODY: Final = 5_000
LINK: Final = "payment_link"
"""The one placeholder that becomes a link."""
_PARAGRAPHS: Final = re.compile(r"\n[ \t]*\n\s*")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029]")
_TURNING: Final = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
"""What turns the direction of all that follows it: in a value, the letter's own words."""
LONGEST_NAME: Final = 100
_LINK_IN_NAME: Final = re.compile(r"://|\bwww\.|\w\.\w{2,}/", re.IGNORECASE)
_HOST: Final = re.compile(r"\w\.[^\W\d]{2,}", re.IGNORECASE)


class Unusable(ValueError):  # noqa: N818 - it names the outcome
    """A text cannot be used; the words say why, to whoever typed it."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a paragraph. `url`: it is a link there."""

    text: str
    url: str = ""


Paragraph = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Wording:
    """A letter with its placeholders filled in."""

    subject: str
    paragraphs: tuple[Paragraph, ...]

    @property
    def text(self) -> str:
        """The plain text: paragraphs with an empty line between them."""
        return "\n\n".join("".join(piece.text for piece in paragraph) for paragraph in self.paragraphs) + "\n"


def check_subject(kind: LetterKind, subject: str) -> str:
    """The subject as it is kept. Raises Unusable: it is empty, too long, has line breaks or unknown placeholders."""
    if _CONTROL.search(subject) or "\n" in subject:
        raise Unusable("A subject is one line.")
    subject = subject.strip()
    if not subject:
        raise Unusable("A letter needs a subject.")
    if len(subject) > LONGEST_SUBJECT:
        raise Unusable(f"A subject has {LONGEST_SUBJECT} characters at most.")
    _check_placeholders(kind, subject)
    if LINK in Template(subject).get_identifiers():
        raise Unusable(f"${LINK} is for the text; a subject cannot be a link.")
    return subject


def check_body(kind: LetterKind, body: str) -> str:
    """The text as it is kept, with "\\n" for line breaks. Raises Unusable."""
    body = body.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not body:
        raise Unusable("A letter needs a text.")
    if len(body) > LONGEST_BODY:
        raise Unusable(f"A text has {LONGEST_BODY} characters at most.")
    if _CONTROL.search(body):
        raise Unusable("The text has a character in it that is none of a text.")
    _check_placeholders(kind, body)
    return body


def fill(
    subject: str,
    body: str,
    facts: Mapping[str, str],
    payment_url: str | None,
    pages: Sequence[Sequence[str]] = (),
) -> Wording:
    """A text with its placeholders filled in. Never raises: what is not known or not valid is left out or as it is.

    `pages` (what it is for, URL): where there are several, the payment link is a line for each instead of one link. A
    line without a URL ("") says something about the others.
    """
    values = {name: one_line(value) for name, value in facts.items()}
    values[LINK] = payment_page(payment_url) or ""
    several = [(one_line(what), payment_page(page) or "") for what, page in pages if not page or payment_page(page)]
    head = "".join(values.get(name, "") if name else text for text, name in _split(subject))
    links = _lines_of_links(several) if len(several) > 1 else (Piece(values[LINK], values[LINK]),)
    found = (_pieces(paragraph, values, links) for paragraph in _PARAGRAPHS.split(body.strip()))
    return Wording(one_line(head)[:LONGEST_SUBJECT], tuple(paragraph for paragraph in found if paragraph))


def name_to_greet(name: str | None) -> str:
    """A customer's name as a letter says it; "" where it is rather something that somebody wants to have sent.

    Whoever opens a checkout types the name and the address, which may be a stranger's: an advertisement for a name
    would reach them as a letter of the workspace. "Booking.com B.V." is a name; a link, or a sentence with a host, is
    none.
    """
    plain = one_line(name or "")
    advertises = _LINK_IN_NAME.search(plain) or (_HOST.search(plain) and len(plain.split()) > 3)
    return "" if advertises or len(plain) > LONGEST_NAME else plain


def one_line(text: str) -> str:
    """Text for a header or within a sentence: without line breaks, control characters and what turns its direction."""
    return " ".join(_CONTROL.sub(" ", _TURNING.sub("", text)).split())


def _lines_of_links(pages: Sequence[tuple[str, str]]) -> Paragraph:
    lines = [
        (Piece(f"{what} "), Piece(url, url), Piece("\n")) if url else (Piece(what), Piece("\n")) for what, url in pages
    ]
    return tuple(piece for line in lines for piece in line)[:-1]


def _pieces(paragraph: str, values: Mapping[str, str], links: Paragraph) -> Paragraph | None:
    """A paragraph with its values; None where one is missing."""
    pieces: list[Piece] = []
    for text, name in _split(paragraph):
        if name is None:
            pieces.append(Piece(text))
            continue
        value = values.get(name, "")
        if not value:
            return None
        pieces += links if name == LINK else (Piece(value),)
    return tuple(pieces)


def _split(text: str) -> Iterator[tuple[str, str | None]]:
    """The stretches of a text: (literal, None) or ("", the placeholder's name)."""
    at = 0
    for match in Template.pattern.finditer(text):
        if match.start() > at:
            yield text[at : match.start()], None
        at = match.end()
        name = match["named"] or match["braced"]
        if name:
            yield "", name
        else:
            yield "$" if match["escaped"] is not None else match.group(), None
    if at < len(text):
        yield text[at:], None


def _check_placeholders(kind: LetterKind, text: str) -> None:
    template = Template(text)
    if not template.is_valid():
        raise Unusable("A dollar sign stands before a placeholder. Write $$ for the sign itself.")
    allowed = ALLOWED[kind]
    for name in template.get_identifiers():
        if name not in allowed:
            raise Unusable(
                f"${name} is no placeholder of this letter. There are: {', '.join(f'${n}' for n in allowed)}."
            )
