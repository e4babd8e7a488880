"""`migrate` as the owner of the tables, then the grants of the application's roles."""

from typing import Any

from django.core.management import call_command
from django.core.management.commands import migrate
from django.db import connections

from pqintel.workspaces.rls import GRANTS


class Command(migrate.Command):
    help = f"{migrate.Command.help} Connects with DATABASE_OWNER_URL; grants the application's roles what they may do."

    def handle(self, *args: Any, **options: Any) -> str | None:
        connection: Any = connections[options["database"]]  # our own DatabaseWrapper
        with connection.as_owner():
            result = super().handle(*args, **options)
            if not options.get("plan") and not options.get("check_unapplied"):
                call_command("createcachetable", database=options["database"], verbosity=0)
                with connection.cursor() as cursor:
                    cursor.execute(GRANTS)
        return result
