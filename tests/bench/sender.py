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

    port: int
    poll: select.epoll
    request: int = -1
    buffer: bytes = b""
    socket: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> int:
        """Connect (again: a server that renews its processes hangs up now and then); returns the descriptor."""
        self.buffer = b""
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.poll.register(self.socket, select.EPOLLIN)
        return self.socket.fileno()

    def answer(self) -> int:
        """The status once a whole answer is there, 0 while it is not, -1 when the server has hung up."""
        try:
            chunk = self.socket.recv(65536)
        except ConnectionResetError:
            chunk = b""
        if not chunk:
            self.socket.close()
            return -1
        self.buffer += chunk
        head, mark, rest = self.buffer.partition(b"\r\n\r\n")
        if not mark:
            return 0
        at = head.lower().find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0])
        if len(rest) < length:
            return 0
        self.buffer = rest[length:]
        return int(head[9:12])


def http_request(path: str, body: bytes, signature: str) -> bytes:
    """The bytes of one delivery."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: {AGENT}\r\nAccept: */*; q=0.5, application/xml\r\n"
        f"Cache-Control: no-cache\r\nContent-Type: application/json; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nStripe-Signature: {signature}\r\n\r\n"
    )
    return head.encode() + body


def send(job: Job) -> Sent:
    """Send every request until it is answered, each over the first connection that is free."""
    count = len(job.requests)
    due, seconds, status = [0.0] * count, [0.0] * count, [0] * count
    poll = select.epoll()
    lines: dict[int, _Line] = {}
    free: deque[_Line] = deque()
    for _ in range(min(job.connections, count)):
        line = _Line(job.port, poll)
        lines[line.socket.fileno()] = line
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
            code = line.answer()
            if code > 0:
                seconds[line.request] = time.time() - due[line.request]
                status[line.request] = code
                line.request = -1
                answered += 1
                free.append(line)
            elif code < 0:
                del lines[descriptor]
                lines[line.open()] = line
                if line.request >= 0:  # as Stripe does: what was not acknowledged comes again
                    line.socket.sendall(job.requests[line.request])
    ended = time.time()
    for line in lines.values():
        line.socket.close()
    return Sent(began, ended, due, seconds, status)


def main() -> None:
    """Read the job from the named file, tell "ready", wait for a line on stdin, send, leave the result in the file."""
    path = Path(sys.argv[1])
    job = pickle.loads(path.read_bytes())
    print("ready", flush=True)
    sys.stdin.readline()
    path.write_bytes(pickle.dumps(vars(send(job))))


if __name__ == "__main__":
    main()
