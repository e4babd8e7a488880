"""Free TCP ports on loopback, remembered between starts so that an address that was printed once stays true."""

from __future__ import annotations

import socket
from pathlib import Path

from pqintel.embedded.files import write_private

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
    return port


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now. Connections that are closing do not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def remembered_port(path: Path) -> int:
    """The port kept in `path` if it is free; otherwise a new free one, which `path` then keeps."""
    try:
        port = int(path.read_text())
    except (FileNotFoundError, ValueError):
        port = 0
    if not (0 < port < 65536 and is_free(port)):
        port = free_port()
        write_private(path, f"{port}\n")
    return port
