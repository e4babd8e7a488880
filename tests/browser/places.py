"""Every place where the running product could leave something behind, as bytes; and the disguises to look for there."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from pathlib import Path

import redis
from psycopg import sql

from tests.embedded.processes import processes_of

from .stage import Stage

Place = tuple[str, bytes]

TABLES = """
SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
UNION ALL SELECT 'pg_catalog', 'pg_stat_activity'
"""


def disguises(secret: str) -> set[bytes]:
    """The middle of a secret, which no mask shows, as text, as hexadecimal, and inside base64 wherever it begins."""
    core = secret[8:-4].encode()
    inside = {base64.b64encode(b"\0" * shift + core)[4 if shift else 0 : -4] for shift in range(3)}
    return {core, core.hex().encode(), core.hex().upper().encode(), core.decode().encode("utf-16-le"), *inside}


def holders(places: Iterable[Place], *secrets: str) -> set[str]:
    """The names of the places that hold one of the secrets, however disguised."""
    wanted = {disguise for secret in secrets for disguise in disguises(secret)}
    return {name for name, content in places if any(disguise in content for disguise in wanted)}


def tables(stage: Stage) -> Iterator[Place]:
    """Every row of every table as text (binary columns in hexadecimal), and the statements that sessions ran last."""
    with stage.owner() as connection:
        for schema, table in connection.execute(TABLES).fetchall():
            rows = connection.execute(sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(schema, table)))
            yield f"table {table}", "\n".join(row[0] for row in rows).encode()


def queues(stage: Stage) -> Iterator[Place]:
    """Every key of Valkey with its value: tasks that wait, and what else is there."""
    with redis.Redis.from_url(stage.servers.valkey.url()) as client:
        for key in client.scan_iter():
            yield f"queue {key.decode()}", repr(_value(client, key)).encode()


def _value(client: redis.Redis, key: bytes) -> object:
    match client.type(key):
        case b"list":
            return client.lrange(key, 0, -1)
        case b"hash":
            return client.hgetall(key)
        case b"set":
            return client.smembers(key)
        case b"zset":
            return client.zrange(key, 0, -1, withscores=True)
    return client.get(key)


def files(stage: Stage) -> Iterator[Place]:
    """Every file: PostgreSQL's tables and journal, Valkey's journal, all logs. And all programs' command lines."""
    with stage.owner() as connection:
        connection.execute("CHECKPOINT")  # so that the files hold what the tables hold
        ((cluster,),) = connection.execute("SHOW data_directory").fetchall()
    for folder in {stage.home.path, Path(str(cluster))}:
        for path in folder.rglob("*"):
            if path.is_file():
                yield f"file {path.relative_to(folder)}", path.read_bytes()
    for command in processes_of(stage.home.path).values():
        yield "command line", command.encode()
