"""`manage.py keys_rewrap`: everything sealed under an older key is sealed anew under the active one."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from pqintel.vault import ring
from pqintel.vault.rewrap import BATCH, Tally, rewrap
from pqintel.workspaces.second_factors import rewrap_second_factors


class Command(BaseCommand):
    help = (
        "Seal every secret and every waiting event anew under the active key (the first of PQ_KEYS). Works beside the "
        "running application, in small transactions; run it again after an interruption. Exit 1 if anything is left."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--batch", type=int, default=BATCH, help="rows of one transaction (%(default)s)")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *_: Any, **options: Any) -> None:
        total, workspaces = Tally(), 0
        for workspace, tally in rewrap(max(options["batch"], 1)):
            workspaces += 1
            total.add(tally)
            if (tally.resealed or tally.left) and not options["json"]:
                self.stdout.write(f"{workspace.slug}: {tally}")
        resealed, unreadable = rewrap_second_factors()
        total.add(Tally(resealed=resealed, unreadable=unreadable))
        if options["json"]:
            result = {"active": ring().active, "workspaces": workspaces, **total.as_dict()}
            self.stdout.write(json.dumps(result))
        else:
            self.stdout.write(f"Active key {ring().active}, {workspaces} workspaces: {total}")
        if total.left:
            raise SystemExit(1)
