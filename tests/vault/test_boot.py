"""A wrong key stops the web server and the worker at their start, each with one clear line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from django.db import connection

from pqintel.vault.canaries import plant
from pqintel.vault.checks import keys_fit_the_data

PROJECT = Path(__file__).resolve().parents[2]
SAID = "PQ_KEYS: 'k1' is not the key that sealed values in this database under that id."


def own_database_url() -> str:
    place = connection.settings_dict
    user, password = quote(place["USER"], safe=""), quote(place["PASSWORD"], safe="")
    return f"postgres://{user}:{password}@{place['HOST']}:{place['PORT']}/{place['NAME']}"


@pytest.fixture
def no_roles(second_session: Callable[[], psycopg.Connection[Any]]) -> Iterator[psycopg.Connection[Any]]:
    """A session of the owner, in a cluster in which no migration has made the application's roles."""
    owner = second_session()
    owner.autocommit = True
    connection.close()
    owner.execute("ALTER ROLE pq_app RENAME TO pq_app_later")
    yield owner
    connection.close()
    owner.execute("ALTER ROLE pq_app_later RENAME TO pq_app")


@pytest.mark.django_db(transaction=True)
def test_before_the_first_migration_there_is_nothing_to_check(no_roles: psycopg.Connection[Any]) -> None:
    no_roles.execute("CREATE DATABASE nothing_yet")
    name = connection.settings_dict["NAME"]
    try:
        connection.settings_dict["NAME"] = "nothing_yet"
        assert keys_fit_the_data(databases=["default"]) == []
    finally:
        connection.close()
        connection.settings_dict["NAME"] = name
        no_roles.execute("DROP DATABASE nothing_yet")


@pytest.mark.django_db(transaction=True)
def test_where_there_is_something_a_failure_to_check_is_told(no_roles: psycopg.Connection[Any]) -> None:
    """A copy of a database may have come without the cluster's roles."""
    (said,) = keys_fit_the_data(databases=["default"])
    assert (said.id, said.msg) == ("vault.W001", "The keys could not be checked: DataError.")


@pytest.mark.django_db(transaction=True)
def test_a_database_that_does_not_answer_is_told(no_roles: psycopg.Connection[Any]) -> None:
    port = connection.settings_dict["PORT"]
    try:
        connection.settings_dict["PORT"] = "1"
        (said,) = keys_fit_the_data(databases=["default"])
    finally:
        connection.settings_dict["PORT"] = port
    assert (said.id, said.msg) == ("vault.W001", "The keys could not be checked: OperationalError.")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "command",
    [
        ["-c", "import pqintel.wsgi"],
        ["-m", "celery", "-A", "pqintel", "worker", "--concurrency", "1", "--pool", "solo"],
    ],
    ids=["web", "worker"],
)
def test_a_wrong_key_stops_the_start(command: list[str], settings: Any) -> None:
    settings.PQ_KEYS = f"k1:{'1' * 64}"
    plant()
    environment = {**os.environ, "DATABASE_URL": own_database_url(), "PQ_KEYS": f"k1:{'2' * 64}"}
    ended = subprocess.run(
        [sys.executable, *command],
        env=environment,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode != 0
    assert ended.stderr.strip().splitlines()[-1].endswith(SAID)
