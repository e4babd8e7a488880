"""What a connection needs around it: a simulated account, our own web server at a public URL, and a worker."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from django.db import connection

from billing.lanes import lane_of
from billing.modes import Mode
from integrations.models import Connection
from integrations.stripe import connections
from integrations.tasks import drain
from pqintel.simulator.testing import Simulation
from pqintel.vault import Secret
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope, scoped_transaction


def connection_of(workspace: Workspace, mode: Mode = Mode.TEST) -> Connection:
    """The workspace's connection as it is in the database now; made when there is none."""
    with scope(workspace):
        return connections.connection_for(workspace, mode)


def url_of(workspace: Workspace, mode: Mode = Mode.TEST) -> str:
    return connections.webhook_url(connection_of(workspace, mode))


def values_of(simulation: Simulation, **changes: str) -> dict[str, str]:
    """The three values that a user would paste."""
    return {
        "publishable_key": simulation.publishable_key,
        "secret_key": simulation.restricted_key,
        "webhook_secret": simulation.webhook_secret,
        **changes,
    }


def sealed(values: Mapping[str, str]) -> dict[str, Secret]:
    """Plain values as a form gives them on."""
    return {name: Secret(value) for name, value in values.items()}


@contextmanager
def working(workspace: Workspace) -> Iterator[None]:
    """A worker for the workspace's two lanes, in a thread, for as long as the block lasts."""
    done = threading.Event()

    def work() -> None:
        try:
            while not done.wait(0.05):
                for mode in Mode:
                    drain(lane_of(workspace.pk, mode))
        finally:
            connection.close()

    thread = threading.Thread(target=work, name="worker", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def stored(workspace: Workspace, mode: Mode = Mode.TEST) -> Connection:
    """The connection, which must be there."""
    with scoped_transaction(workspace):
        return Connection.objects.get(mode=mode)
