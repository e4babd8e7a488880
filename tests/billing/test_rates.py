"""Exchange rates: which one holds on a day, reading the bank's files, and entering one by hand."""

from __future__ import annotations

import json
import zipfile
from datetime import date, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from billing.ecb import NotRates, Quote, quotes
from billing.models import ExchangeRate
from billing.money import Money
from billing.rates import MissingRate, Rates, rates_between, total
from tests.factories import ExchangeRateFactory

FRIDAY = date(2026, 2, 27)
HISTORY = "Date,USD,JPY,KWD,\n2026-02-27,1.1000,160.5,N/A,\n2026-02-26,1.0950,160.0,0.34,\n"
DAILY = "Date, USD, JPY, \n27 February 2026, 1.1000, 160.5, \n"
XML = """<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
  <gesmes:subject>Reference rates</gesmes:subject>
  <Cube><Cube time="2026-02-27"><Cube currency="USD" rate="1.1000"/><Cube currency="JPY" rate="160.5"/></Cube></Cube>
</gesmes:Envelope>"""
BOTH = [Quote(FRIDAY, "usd", Decimal("1.1000")), Quote(FRIDAY, "jpy", Decimal("160.5"))]


def rates(**per_euro: str) -> Rates:
    return Rates({currency: [(FRIDAY, Decimal(value))] for currency, value in per_euro.items()})


def written(tmp_path: Path, text: str, name: str = "rates.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


# --- which rate holds ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("age", "found"), [(-1, False), (0, True), (2, True), (7, True), (8, False)])
def test_a_day_without_a_rate_takes_the_one_before_for_a_week(age: int, found: bool) -> None:
    known, day = rates(usd="1.10"), FRIDAY + timedelta(days=age)
    if found:
        assert known.rate("eur", "usd", day) == Decimal("1.10")
    else:
        with pytest.raises(MissingRate, match=f"no exchange rate of USD for {day}"):
            known.rate("eur", "usd", day)


def test_a_later_rate_replaces_an_earlier_one_from_its_day_on() -> None:
    known = Rates({"usd": [(FRIDAY, Decimal("1.10")), (FRIDAY + timedelta(days=3), Decimal("1.12"))]})
    found = [known.rate("eur", "usd", FRIDAY + timedelta(days=n)) for n in (2, 3, 4)]
    assert found == [Decimal("1.10"), Decimal("1.12"), Decimal("1.12")]


def test_between_two_currencies_the_euro_stands_in_the_middle() -> None:
    known = rates(usd="1.10", jpy="160.5")
    assert known.rate("jpy", "usd", FRIDAY) == Decimal("0.006853582554517134")
    assert known.rate("usd", "usd", FRIDAY + timedelta(days=900)) == 1
    assert known.rate("usd", "eur", FRIDAY) == Decimal("0.909090909090909091")


def test_amounts_change_their_decimals_with_their_currency() -> None:
    known = rates(usd="1.10", jpy="160", kwd="0.34")
    assert known.converted(Money(10_000, "eur"), "usd", FRIDAY) == Money(Decimal(11_000), "usd")
    assert known.converted(Money(100, "eur"), "jpy", FRIDAY) == Money(Decimal(160), "jpy")
    assert known.converted(Money(100, "eur"), "kwd", FRIDAY) == Money(Decimal(340), "kwd")
    assert known.converted(Money(16_000, "jpy"), "eur", FRIDAY) == Money(Decimal(10_000), "eur")
    assert total([Money(100, "eur"), Money(110, "usd")], "eur", FRIDAY, rates(usd="1.1")).rounded().minor == 200
    with pytest.raises(MissingRate, match="GBP"):
        total([Money(100, "eur"), Money(1, "gbp")], "eur", FRIDAY, known)


@pytest.mark.django_db
def test_one_query_finds_what_a_period_needs() -> None:
    for age, currency in ((8, "usd"), (7, "usd"), (0, "usd"), (-1, "usd"), (0, "jpy")):
        ExchangeRateFactory(day=FRIDAY - timedelta(days=age), currency=currency)
    found = rates_between({"usd", "eur"}, FRIDAY, FRIDAY)
    assert {currency: [day for day, _ in known] for currency, known in found.per_euro.items()} == {
        "usd": [FRIDAY - timedelta(days=7), FRIDAY]
    }
    assert rates_between({"eur"}, FRIDAY, FRIDAY) == Rates({})


# --- reading files ---------------------------------------------------------------------------------------------------
def test_the_long_and_the_daily_csv(tmp_path: Path) -> None:
    history = quotes(written(tmp_path, HISTORY))
    assert history == [
        *BOTH,
        Quote(date(2026, 2, 26), "usd", Decimal("1.0950")),
        Quote(date(2026, 2, 26), "jpy", Decimal("160.0")),
        Quote(date(2026, 2, 26), "kwd", Decimal("0.34")),
    ]
    assert quotes(written(tmp_path, "\ufeff" + DAILY)) == BOTH


def test_the_zip_and_the_xml(tmp_path: Path) -> None:
    archive = tmp_path / "eurofxref.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("eurofxref.csv", DAILY)
    assert quotes(archive) == BOTH
    assert quotes(written(tmp_path, XML, "eurofxref-daily.xml")) == BOTH


BOMB = XML.replace("<gesmes:Envelope", '<!DOCTYPE x [<!ENTITY a "1.1">]>\n<gesmes:Envelope', 1)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "does not begin with Date"),
        ("Date,USD\n", "no rate in it"),
        ("day;USD\n2026-02-27;1.1\n", "does not begin with Date"),
        ("Date,USD\n27/02/2026,1.1\n", "'27/02/2026' is not a day"),
        ("Date,USD\n2026-02-27,0\n", "rate of USD on 2026-02-27 is not a number above zero"),
        ("Date,USD\n2026-02-27,NaN\n", "not a number above zero"),
        ("Date,USD\n2026-02-27,0.00000000001\n", "not a number above zero"),  # the table would keep 0
        ("Date,USD\n2026-02-27,1e-999999\n", "not a number above zero"),
        (f"Date,USD\n2026-02-27,0.{'1' * 100_000}\n", "not a number above zero"),
        ("Date,USD\n2026-02-27,1_1\n", "not a number above zero"),
        ("Date,Dollar\n2026-02-27,1.1\n", "'dollar' is not a currency"),
        (BOMB, "declares a document type"),
        (XML.replace("</gesmes:Envelope>", ""), "damaged in line 5"),
        (XML.replace('time="2026-02-27"', ""), "stands before its day"),
        (XML.replace('rate="160.5"', ""), "rate of JPY on 2026-02-27"),
    ],
)
def test_files_that_are_none_of_the_banks(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(NotRates, match=reason):
        quotes(written(tmp_path, text))


def test_a_document_type_is_refused_in_every_encoding(tmp_path: Path) -> None:
    path = tmp_path / "rates.xml"
    path.write_bytes(BOMB.replace("UTF-8", "UTF-16").encode("utf-16"))
    with pytest.raises(NotRates, match="neither CSV, zip nor XML"):
        quotes(path)
    path.write_bytes(BOMB.replace("UTF-8", "ISO-8859-1").encode("latin-1"))
    with pytest.raises(NotRates, match="document type"):
        quotes(path)


def test_a_damaged_zip_and_one_with_something_else(tmp_path: Path) -> None:
    path = tmp_path / "rates.zip"
    path.write_bytes(b"PK\x03\x04" + bytes(40))
    with pytest.raises(NotRates, match="zip is damaged"):
        quotes(path)
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("readme.txt", "no rates")
    with pytest.raises(NotRates, match="one CSV file"):
        quotes(path)


def test_a_zip_that_is_damaged_further_on(tmp_path: Path) -> None:
    path = tmp_path / "rates.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a.csv", "Date,USD\n2026-02-27,1.1\n" * 1000)
    whole = path.read_bytes()
    path.write_bytes(whole[:36] + b"\xff" * 24 + whole[60:])
    with pytest.raises(NotRates, match="zip is damaged"):
        quotes(path)


@pytest.mark.parametrize("encoding", ["nonsense", "utf-7", "cp932", "idna", "rot13"])
def test_no_encoding_is_looked_up_for_a_file(tmp_path: Path, encoding: str) -> None:
    assert quotes(written(tmp_path, XML.replace("UTF-8", encoding))) == BOTH


# --- the command -----------------------------------------------------------------------------------------------------
def imported(*paths: Path) -> dict[str, dict[str, int]]:
    out = StringIO()
    call_command("rates_import", *map(str, paths), json=True, stdout=out)
    return {Path(path).name: counts for path, counts in json.loads(out.getvalue()).items()}


def kept() -> list[tuple[str, str, str, str]]:
    rows = ExchangeRate.objects.order_by("currency", "day")
    return [(row.currency, str(row.day), f"{row.per_euro:.4f}", row.source) for row in rows]


@pytest.mark.django_db
def test_importing_again_changes_nothing_and_keeps_what_was_entered_by_hand(tmp_path: Path) -> None:
    ExchangeRateFactory(currency="jpy", day=FRIDAY, per_euro=Decimal(150))
    path = written(tmp_path, HISTORY)
    assert imported(path) == {"rates.csv": {"given": 5, "new": 4, "changed": 0, "kept": 1}}
    first = kept()
    assert first == [
        ("jpy", "2026-02-26", "160.0000", "ecb"),
        ("jpy", "2026-02-27", "150.0000", "manual"),
        ("kwd", "2026-02-26", "0.3400", "ecb"),
        ("usd", "2026-02-26", "1.0950", "ecb"),
        ("usd", "2026-02-27", "1.1000", "ecb"),
    ]
    marks = list(ExchangeRate.objects.order_by("pk").values_list("changed_at", flat=True))
    assert imported(path)["rates.csv"] == {"given": 5, "new": 0, "changed": 0, "kept": 1}
    assert list(ExchangeRate.objects.order_by("pk").values_list("changed_at", flat=True)) == marks
    corrected = written(tmp_path, HISTORY.replace("1.1000", "1.2000"), "corrected.csv")
    assert imported(corrected)["corrected.csv"] == {"given": 5, "new": 0, "changed": 1, "kept": 1}
    assert kept() == [*first[:-1], ("usd", "2026-02-27", "1.2000", "ecb")]


@pytest.mark.django_db
def test_the_demos_invented_rates_give_way_and_never_replace_real_ones(tmp_path: Path) -> None:
    path = written(tmp_path, HISTORY)
    call_command("rates_import", str(path), source="demo", stdout=StringIO())
    assert {source for *_, source in kept()} == {"demo"}
    assert imported(path)["rates.csv"] == {"given": 5, "new": 0, "changed": 5, "kept": 0}
    real = kept()
    invented = written(tmp_path, HISTORY.replace("1.1000", "9.9"), "invented.csv")
    call_command("rates_import", str(invented), source="demo", stdout=StringIO())
    assert kept() == real
    with pytest.raises(CommandError, match="entered in the admin"):
        call_command("rates_import", str(path), source="manual")


@pytest.mark.django_db
def test_one_bad_file_keeps_all_of_them_out(tmp_path: Path) -> None:
    good, bad = written(tmp_path, HISTORY), written(tmp_path, "nothing", "bad.csv")
    with pytest.raises(CommandError, match=r"bad.csv holds no reference rates: .* eurofxref-hist.zip"):
        call_command("rates_import", str(good), str(bad))
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("rates_import", str(tmp_path / "none.csv"))
    assert kept() == []


# --- by hand ---------------------------------------------------------------------------------------------------------
def test_staff_enter_and_correct_a_rate(staff_client: Client) -> None:
    page = "/admin/billing/exchangerate/"
    entry = {"currency": "GBP", "day": "2026-02-27", "per_euro": "0.85", "source": "forged"}
    assert staff_client.post(f"{page}add/", entry).status_code == 302
    assert kept() == [("gbp", "2026-02-27", "0.8500", "manual")]
    ExchangeRate.objects.update(source="ecb")
    pk = ExchangeRate.objects.get().pk
    assert staff_client.post(f"{page}{pk}/change/", {**entry, "per_euro": "0.86"}).status_code == 302
    assert kept() == [("gbp", "2026-02-27", "0.8600", "manual")]
    for wrong in ({"currency": "eur"}, {"currency": "£$1"}, {"per_euro": "0"}, {"per_euro": "-1"}):
        answer = staff_client.post(f"{page}add/", {**entry, "day": "2026-02-26", **wrong})
        assert answer.status_code == 200
        assert "errornote" in answer.content.decode()
    assert len(kept()) == 1
