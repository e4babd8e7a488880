"""Which keys are still needed."""

from __future__ import annotations

from collections import Counter
from typing import Final

from django.db import connection
from psycopg import sql

from pqintel.workspaces.second_factors import key_references
from pqintel.workspaces.tenancy import everywhere

from .columns import sealed_columns

# The key's id lies in front of every sealed value (cipher.py): version, length of the id, id.
_COUNT: Final = sql.SQL("""
SELECT convert_from(substring({column} FROM 3 FOR get_byte({column}, 1)), 'LATIN1'), count(*)
FROM {table} WHERE octet_length({column}) > 2 GROUP BY 1
""")


def references() -> Counter[str]:
    """How many sealed values lie under each key id, over all workspaces. Reads every sealed column; opens nothing."""
    found: Counter[str] = Counter()
    with everywhere("which keys are in use"), connection.cursor() as cursor:
        for column in sealed_columns():
            cursor.execute(_COUNT.format(**column.names))
            found.update(dict(cursor.fetchall()))
        found.update(key_references())
    return found
