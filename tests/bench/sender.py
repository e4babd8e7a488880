"""The load generator, a process of its own: `python -m tests.bench.sender JOB`. Standard library only, one thread.

It shares two cores with what it measures, so it does as little as it can: every request lies ready in memory, signed,
and an answer is looked at only as far as its status and its end.
"""

from __future__ import annotations

import pickle
import select
import socket
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

AGENT = "Stripe/1.0 (+https://stripe.com/docs/webhooks)"


@dataclass
class Job:
    """What to send where. `rate` is requests per second, evenly spaced; None sends as fast as answers come."""

    port: int
    requests: list[bytes]
    connections: int = 16
    rate: float | None = None


@dataclass
class Sent:
    """What came of it: for each request, in order, when it was due (unix seconds), how long it took, its status."""

    began: float
    ended: float
    due: list[float]
    seconds: list[float]
    status: list[int]


@dataclass
class _Line:
    """One kept-alive connection, and the request on it (-1: none)."""

    socket: socket.socket
    request: int = -1
    buffer: bytes = field(default=b"")


def http_request(path: str, body: bytes, signature: str) -> bytes:
    """The bytes of one delivery."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: {AGENT}\r\nAccept: */*; q=0.5, application/xml\r\n"
        f"Cache-Control: no-cache\r\nContent-Type: application/json; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nStripe-Signature: {signature}\r\n\r\n"
    )
    return head.encode() + body


def send(job: Job) -> Sent:
    """Send every request once, each over the first connection that is free."""
    count = len(job.requests)
    due, seconds, status = [0.0] * count, [0.0] * count, [0] * count
    poll = select.epoll()
    lines: dict[int, _Line] = {}
    free: deque[_Line] = deque()
    for _ in range(min(job.connections, count)):
        line = _Line(_connect(job.port))
        lines[line.socket.fileno()] = line
        poll.register(line.socket, select.EPOLLIN)
        free.append(line)
    began = time.time()
    following, answered = 0, 0
    while answered < count:
        now = time.time()
        while free and following < count and (job.rate is None or now >= began + following / job.rate):
            line = free.popleft()
            due[following] = now if job.rate is None else began + following / job.rate
            line.request = following
            line.socket.sendall(job.requests[following])
            following += 1
        wait = 1.0
        if job.rate is not None and free and following < count:
            wait = max(0.0, began + following / job.rate - time.time())
        for descriptor, _ in poll.poll(wait):
            line = lines[descriptor]
            code = _read(line)
            if code:
                seconds[line.request] = time.time() - due[line.request]
                status[line.request] = code
                line.request = -1
                answered += 1
                free.append(line)
    ended = time.time()
    for line in lines.values():
        line.socket.close()
    return Sent(began, ended, due, seconds, status)


def _connect(port: int) -> socket.socket:
    opened = socket.create_connection(("127.0.0.1", port), timeout=30)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return opened


def _read(line: _Line) -> int:
    """The status once the whole answer is there, else 0. Raises ConnectionError when the server hangs up."""
    chunk = line.socket.recv(65536)
    if not chunk:
        raise ConnectionError("the server closed a kept-alive connection")
    line.buffer += chunk
    head, mark, rest = line.buffer.partition(b"\r\n\r\n")
    if not mark:
        return 0
    at = head.lower().find(b"content-length:")
    length = int(head[at + 15 :].split(b"\r\n", 1)[0])
    if len(rest) < length:
        return 0
    line.buffer = rest[length:]
    return int(head[9:12])


def main() -> None:
    """Read the job from the named file, tell "ready", wait for a line on stdin, send, leave the result in the file."""
    path = Path(sys.argv[1])
    job = pickle.loads(path.read_bytes())
    print("ready", flush=True)
    sys.stdin.readline()
    path.write_bytes(pickle.dumps(vars(send(job))))


if __name__ == "__main__":
    main()
