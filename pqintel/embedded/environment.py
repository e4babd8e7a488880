"""The environment variables of our own processes on one machine: what is not given is found or made in `PQ_HOME`."""

from __future__ import annotations

import os

from pqintel.embedded.home import Home
from pqintel.embedded.servers import LocalServers

RUN = "run"


def own_environment(home: Home, servers: LocalServers) -> dict[str, str]:
    """Every variable that a process of this home needs; what is set outside stays as it is.

    Keys come from PQ_HOME, the URLs from the running servers, the public URL and Stripe's address from the last
    `make run`. Side effect: missing keys are made (files of mode 0600).
    """
    found = {
        "PQ_HOME": str(home.path),
        "PQ_SECRET_KEY": home.secret_key(),
        "PQ_KEYS": home.keys(),
        **home.recall(RUN),
        **servers.environment(),
    }
    return {name: os.environ.get(name) or value for name, value in found.items()}
