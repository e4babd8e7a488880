"""A wrong key stops the web server and the worker at their start, each with one clear line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection

from pqintel.vault.canaries import plant

PROJECT = Path(__file__).resolve().parents[2]
SAID = "PQ_KEYS: 'k1' is not the key that sealed values in this database under that id."


def own_database_url() -> str:
    place = connection.settings_dict
    user, password = quote(place["USER"], safe=""), quote(place["PASSWORD"], safe="")
    return f"postgres://{user}:{password}@{place['HOST']}:{place['PORT']}/{place['NAME']}"


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
