"""Fixtures of the vault's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection


@pytest.fixture
def second_session() -> Iterator[Callable[[], psycopg.Connection[Any]]]:
    """Opens further sessions on the test database, as its owner and in a transaction."""
    opened: list[psycopg.Connection[Any]] = []

    def open_session() -> psycopg.Connection[Any]:
        place = connection.settings_dict
        session = psycopg.connect(
            host=place["HOST"],
            port=place["PORT"],
            user=place["USER"],
            password=place["PASSWORD"],
            dbname=place["NAME"],
        )
        opened.append(session)
        return session

    yield open_session
    for session in opened:
        session.close()
