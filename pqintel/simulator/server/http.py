"""The wire: HTTP/1.1 with kept-alive connections on loopback, one thread per connection."""

import json
import socket
import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from pqintel.simulator.server.api import Api, Reply

HOST = "127.0.0.1"
_LONGEST_BODY = 1_000_000


class Control(Protocol):
    """The surface under `/_simulator/`, beside the Stripe API."""

    def answer(self, method: str, target: str, token: str | None, body: bytes) -> tuple[int, Mapping[str, object]]: ...


class SimulatorServer:
    """Serves an `Api` on 127.0.0.1 from threads of this process.

    Args:
        api: what answers `/v1/…`.
        port: 0 takes any free port.
        control: what answers `/_simulator/…`; None leaves it unknown.

    Raises:
        OSError: the port is taken.
    """

    def __init__(self, api: Api, *, port: int = 0, control: Control | None = None) -> None:
        self.api = api
        self._server = _Server((HOST, port), api, control)
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Base URL without a final slash, e.g. for `STRIPE_API_BASE`."""
        return f"http://{HOST}:{self._server.server_address[1]}"

    def start(self) -> "SimulatorServer":
        """Begin to serve in the background and return this server."""
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="simulator-api", daemon=True
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop serving, hang up on kept-alive connections and free the port. May be called twice."""
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._thread = None
        self._server.server_close()
        self._server.hang_up()

    def __enter__(self) -> "SimulatorServer":
        return self.start()

    def __exit__(self, *failure: object) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], api: Api, control: Control | None) -> None:
        self.api = api
        self.control = control
        self._lock = threading.Lock()
        self._open: set[Any] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up in the middle is no news; anything else is printed by the base class."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def hang_up(self) -> None:
        with self._lock:
            left, self._open = self._open, set()
        for connection in left:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # the client was faster


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "nginx"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1  # an answer leaves as one packet
    server: _Server

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True

    def _answer(self) -> None:
        length = self.headers.get("Content-Length") or "0"
        if not length.isdigit() or int(length) > _LONGEST_BODY:
            self.close_connection = True
            self._send(Reply(413, {}, b""))
            return
        body = self.rfile.read(int(length))
        if self.server.control is not None and self.path.startswith("/_simulator/"):
            token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            status, answer = self.server.control.answer(self.command, self.path, token, body)
            self._send(Reply(status, {"Content-Type": "application/json"}, json.dumps(answer).encode()))
        else:
            self._send(self.server.api.answer(self.command, self.path, self.headers))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _answer

    def _send(self, reply: Reply) -> None:
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: keys and ids have no business in a log."""
