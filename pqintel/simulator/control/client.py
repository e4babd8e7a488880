"""How the commands talk to the running simulator of a home."""

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from pqintel.simulator.control.home import Home, HomeError

TIMEOUT = 60.0


class NotRunning(Exception):  # noqa: N818 - says what is the case
    """No simulator answers for this home; the message says so in one line."""


class RefusedRequest(Exception):  # noqa: N818 - as above
    """The simulator would not do what was asked; the message is its own."""


def ask(home: Home, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the answer of the control surface.

    Raises:
        NotRunning: nobody answers.
        HomeError: there is no account in this home.
        RefusedRequest: see there.
    """
    facts = home.facts()
    if facts is None or not facts.url:
        raise HomeError(f"there is no simulated account in {home.path}; start one with `serve`")
    address = urlsplit(facts.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=TIMEOUT)
    try:
        connection.request(
            method,
            f"/_simulator/{path}",
            body=None if body is None else json.dumps(body),
            headers={"Authorization": f"Bearer {facts.control_token}"},
        )
        answer = connection.getresponse()
        content: dict[str, Any] = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as failure:
        raise NotRunning(f"no simulator is running on {home.path} (nobody answers at {facts.url})") from failure
    finally:
        connection.close()
    if answer.status != 200:
        raise RefusedRequest(str(content.get("error", answer.reason)))
    return content
