"""`manage.py keys_status`: which keys seal what, and which may go."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from pqintel.vault import ring
from pqintel.vault.references import references


class Command(BaseCommand):
    help = (
        "How many sealed values need each key. Exit 1 if values need a key that is not in PQ_KEYS, or if the key named "
        "by --droppable may not be taken out of PQ_KEYS yet. Backups made before a rewrap still need the old key."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--droppable", metavar="KEY_ID", help="ask whether this key may be taken out of PQ_KEYS")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *_: Any, **options: Any) -> None:
        keys, needed = ring(), references()
        asked = options["droppable"]
        rows = [
            {
                "id": key_id,
                "active": key_id == keys.active,
                "in_ring": key_id in keys.key_ids,
                "references": needed[key_id],
                "droppable": key_id != keys.active and needed[key_id] == 0,
            }
            for key_id in [*keys.key_ids, *sorted(needed.keys() - set(keys.key_ids))]
        ]
        if asked is not None and asked not in {row["id"] for row in rows}:
            raise CommandError(f"No key {asked!r} in PQ_KEYS or in the data.", returncode=2)
        missing = [row["id"] for row in rows if not row["in_ring"]]
        if options["json"]:
            self.stdout.write(json.dumps({"keys": rows, "missing": missing}))
        else:
            for row in rows:
                self.stdout.write(self._line(row))
        refused = any(row["id"] == asked and not row["droppable"] for row in rows)
        if missing or refused:
            raise SystemExit(1)

    @staticmethod
    def _line(row: dict[str, Any]) -> str:
        if not row["in_ring"]:
            verdict = "MISSING from PQ_KEYS: these values cannot be opened"
        elif row["active"]:
            verdict = "active"
        else:
            verdict = "may be dropped (keys_forget)" if row["droppable"] else "still needed: run keys_rewrap"
        return f"{row['id']}: {row['references']} sealed values, {verdict}"
