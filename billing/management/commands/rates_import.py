"""`manage.py rates_import FILE… [--source NAME] [--json]`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from billing.actions.rates import ECB, MANUAL, Imported, keep_rates
from billing.ecb import NotRates, Quote, quotes


class Command(BaseCommand):
    help = (
        "Keeps exchange rates from files of the European Central Bank: eurofxref-hist.csv, eurofxref.csv, their .zip, "
        "or eurofxref-*.xml. Importing a file again changes nothing; rates entered by hand stay."
    )

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument("--source", default=ECB, help="what stands beside the rates as their source; default ecb")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["source"] == MANUAL:
            raise CommandError("“manual” is what is entered in the admin. Name another source.")
        found = {path: _read(path) for path in options["files"]}  # all, before anything is kept
        with transaction.atomic():
            kept = {path: keep_rates(rates, options["source"]) for path, rates in found.items()}
        if options["json"]:
            self.stdout.write(json.dumps({str(path): asdict(imported) for path, imported in kept.items()}, indent=2))
            return
        for path, imported in kept.items():
            self.stdout.write(f"{path.name}: {_told(imported)}")


def _read(path: Path) -> list[Quote]:
    try:
        return quotes(path)
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
    except NotRates as error:
        raise CommandError(
            f"{path} holds no reference rates: {error}. Download eurofxref-hist.zip from the European Central Bank."
        ) from error


def _told(imported: Imported) -> str:
    told = f"{imported.given} rates, {imported.new} new, {imported.changed} changed"
    return f"{told}, {imported.kept} kept as another source has them" if imported.kept else told
