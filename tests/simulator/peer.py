"""A receiver of webhooks on loopback that answers as told and keeps what it got."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Peer:
    """What arrived, in order of arrival: (event id, body, signature header, connection number)."""

    def __init__(self, answer: Callable[[str, int], int], wait: float) -> None:
        self.url = ""
        self.arrived: list[tuple[str, bytes, str, int]] = []
        self._answer = answer
        self._wait = wait
        self._lock = threading.Lock()

    @property
    def ids(self) -> list[str]:
        return [event_id for event_id, *_ in self.arrived]

    def take(self, body: bytes, signature: str, connection: int) -> int:
        event_id = body.decode().split('"')[3]
        time.sleep(self._wait)
        with self._lock:
            seen = self.ids.count(event_id)
            self.arrived.append((event_id, body, signature, connection))
        return self._answer(event_id, seen)


@contextmanager
def peer(
    answer: Callable[[str, int], int] = lambda event_id, seen: 200,
    *,
    wait: float = 0.0,
    chunked: bool = False,
    close_after_each: bool = False,
) -> Iterator[Peer]:
    """Run a receiver. `answer` gets an event's id and how often it came before, and returns the status; 0 hangs up.

    `close_after_each` hangs up after every answer without announcing it, as a server does with an idle connection.
    """
    receiver = Peer(answer, wait)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = receiver.take(body, self.headers["Stripe-Signature"], self.client_address[1])
            if status == 0:
                self.close_connection = True
                return
            self.send_response(status)
            if status in (204, 304):
                self.end_headers()
            elif chunked:
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.wfile.write(b"5\r\nthank\r\n4;x=y\r\nyou!\r\n0\r\n\r\n")
            else:
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")
            self.close_connection = close_after_each

        def log_request(self, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/webhooks/stripe/tok/?x=1"
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
