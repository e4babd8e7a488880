"""`manage.py keys_forget KEY_ID`: the last step before a key leaves PQ_KEYS."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from pqintel.vault.canaries import KeyInUse, forget


class Command(BaseCommand):
    help = (
        "Note that a key is given up; afterwards take it out of PQ_KEYS. Refused (exit 1) while sealed values need it. "
        "--lost gives those values up: their workspaces have to enter their credentials again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key_id")
        parser.add_argument("--lost", action="store_true", help="the key is gone for good, and so is what it sealed")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            unreadable = forget(options["key_id"], lost=options["lost"])
        except KeyInUse as refusal:
            raise CommandError(str(refusal)) from None
        left = f" {unreadable} values stay unreadable." if unreadable else ""
        self.stdout.write(f"{options['key_id']} may be taken out of PQ_KEYS.{left}")
