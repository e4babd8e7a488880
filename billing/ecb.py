"""The European Central Bank's reference rates from the files it publishes: CSV (wide), its zip, or XML."""

from __future__ import annotations

import csv
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple
from xml.parsers import expat

LARGEST: Final = 64 * 1024 * 1024
"""Bytes of a file; the whole history since 1999 has less than a tenth of that."""

_NUMBER: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,20})?")
_SMALLEST: Final = Decimal("1e-9")  # a table keeps ten places, and no money is worth a billion euro


class Quote(NamedTuple):
    """What one euro bought of `currency` (lower case) on a day."""

    day: date
    currency: str
    per_euro: Decimal


class NotRates(ValueError):  # noqa: N818 - it names what the file is
    """The file is none of the bank's; the message says where it went wrong, and quotes nothing long."""


def quotes(path: Path) -> list[Quote]:
    """All rates of a file (`eurofxref-hist.csv`, `eurofxref.csv`, their .zip, `eurofxref-*.xml`).

    Raises:
        NotRates: it is none of these, or damaged.
        OSError: it cannot be read.
    """
    if path.stat().st_size > LARGEST:
        raise NotRates("it is larger than any file of the bank's")
    content = path.read_bytes()
    if content[:4] == b"PK\x03\x04":
        content = _unzipped(content)
    found = list(_xml(content) if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") else _csv(content))
    if not found:
        raise NotRates("there is no rate in it")
    return found


def _unzipped(content: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [member for member in archive.infolist() if member.filename.lower().endswith(".csv")]
            if len(members) != 1 or members[0].file_size > LARGEST:
                raise NotRates("a zip of the bank's has one CSV file in it")
            with archive.open(members[0]) as member:
                unpacked = member.read(LARGEST + 1)
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError) as error:
        raise NotRates("the zip is damaged") from error
    if len(unpacked) > LARGEST:
        raise NotRates("what is in the zip is larger than any file of the bank's")
    return unpacked


def _csv(content: bytes) -> Iterator[Quote]:
    """One column a currency, one line a day; N/A where there was none."""
    try:
        rows = csv.reader(io.StringIO(content.decode("utf-8-sig")))
        head = [cell.strip().lower() for cell in next(rows, [])]
        if head[:1] != ["date"]:
            raise NotRates("its first line does not begin with Date")
        for cells in rows:
            if not any(cell.strip() for cell in cells):
                continue
            day = _day(cells[0])
            for currency, cell in zip(head[1:], cells[1:], strict=False):
                text = cell.strip()
                if currency and text and text != "N/A":
                    yield _quote(day, currency, text)
    except (UnicodeDecodeError, csv.Error) as error:
        raise NotRates("it is neither CSV, zip nor XML") from error


def _xml(content: bytes) -> Iterator[Quote]:
    """`<Cube time="2026-03-02"><Cube currency="USD" rate="1.1"/>…`. A document type could hold entities: refused."""
    found: list[Quote] = []
    day: date | None = None

    def started(name: str, attributes: dict[str, str]) -> None:
        nonlocal day
        if name.rpartition(" ")[2] != "Cube":
            return
        if "time" in attributes:
            day = _day(attributes["time"])
        elif "currency" in attributes:
            if day is None:
                raise NotRates("a rate stands before its day")
            found.append(_quote(day, attributes["currency"].lower(), attributes.get("rate", "")))

    def refuse(*_: Any) -> None:
        raise NotRates("it declares a document type, which the bank's files do not")

    # UTF-8 whatever the file declares: an encoding that expat does not know itself is looked up in Python's codecs.
    parser = expat.ParserCreate("utf-8", namespace_separator=" ")
    parser.StartElementHandler = started
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise NotRates(f"its XML is damaged in line {error.lineno}") from error
    yield from found


def _day(text: str) -> date:
    """`2026-03-02`, or `2 March 2026` as in the daily file."""
    for form in ("%Y-%m-%d", "%d %B %Y"):
        try:
            return datetime.strptime(text.strip(), form).date()  # noqa: DTZ007 - a day, of no time zone
        except ValueError:
            continue
    raise NotRates(f"{text.strip()[:20]!r} is not a day")


def _quote(day: date, currency: str, text: str) -> Quote:
    if len(currency) != 3 or not currency.isascii() or not currency.isalpha():
        raise NotRates(f"{currency[:10]!r} is not a currency")
    per_euro = Decimal(text) if _NUMBER.fullmatch(text) else Decimal(0)
    if per_euro < _SMALLEST:
        raise NotRates(f"the rate of {currency.upper()} on {day} is not a number above zero")
    return Quote(day, currency, per_euro)
