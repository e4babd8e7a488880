"""A pytest plugin (`-p tests.boot`) that starts PostgreSQL and Valkey before pytest-django reads the settings.

A conftest would be too late. Each pytest process takes the first free folder `.test/run-N` for itself, so that runs
beside each other, and the workers of one run (`-n`), do not meet; the folders keep their clusters, so that only a first
run pays for one. `DATABASE_URL` and `REDIS_URL`, where set, name servers to use instead; then there are no workers, for
one Valkey cannot serve two. What runs here ends with pytest, also when that is killed.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Mapping
from itertools import count
from typing import Any

import pytest

from pqintel.embedded.browser import launch_options
from pqintel.embedded.environment import own_environment
from pqintel.embedded.files import FileLock, private_directory
from pqintel.embedded.home import PROJECT, Home
from pqintel.embedded.servers import LocalServers

# What a developer's shell may hold and no test may see.
FOREIGN = ("PQ_ENV", "PQ_BASE_URL", "PQ_DEMO", "PQ_HOME", "PQ_KEYS", "PQ_SECRET_KEY", "PQ_HOUSE_WORKSPACE", "PORT")
FOREIGN_URLS = ("STRIPE_API_BASE", "EMAIL_URL", "CELERY_BROKER_URL", "DATABASE_OWNER_URL")
# What a run has set by itself, so that its workers do not take it for given.
OWN = "PQ_TESTS_OWN"


def own_folder() -> Home:
    """The first folder of `.test` that no other run holds; held until this process ends."""
    base = private_directory(PROJECT / ".test")
    for number in count(1):
        lock = FileLock(base / f"run-{number}.lock")
        if lock.acquire(wait=False):
            atexit.register(lock.release)
            return Home(base / f"run-{number}")
        lock.release()
    raise AssertionError("unreachable")


def start() -> None:
    """Start the servers and put everything that the settings read into the environment."""
    for name in (*FOREIGN, *FOREIGN_URLS, *os.environ.pop(OWN, "").split()):
        os.environ.pop(name, None)
    home = own_folder()
    servers = LocalServers(home, durable=False).attach()
    atexit.register(servers.detach)
    found = own_environment(home, servers)
    os.environ[OWN] = " ".join(name for name in found if name not in os.environ)
    os.environ |= found
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright's synchronous API keeps an event loop running


class BrowserFixtures:
    """Registered after pytest-playwright, so that its fixtures of these names are replaced by ours."""

    @pytest.fixture(scope="session")
    @classmethod
    def browser_type_launch_args(cls) -> dict[str, Any]:
        """Launch the browser that the machine has, or that was fetched."""
        return launch_options()

    @pytest.fixture(scope="session")
    @classmethod
    def browser_context_args(cls) -> Mapping[str, Any]:
        """One language for every page, whatever the machine's is."""
        return {"locale": "en-US", "timezone_id": "UTC"}


def pytest_configure(config: pytest.Config) -> None:
    """Put our browser in the place of Playwright's; refuse workers that would share a server."""
    config.pluginmanager.register(BrowserFixtures(), "pqintel-browser")
    given = {"DATABASE_URL", "REDIS_URL"} - set(os.environ[OWN].split())
    if given and getattr(config.option, "numprocesses", None):
        raise pytest.UsageError(f"{' and '.join(sorted(given))} would be shared by the workers: take -n 0.")


start()
