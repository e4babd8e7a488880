"""One kept-alive HTTP/1.1 connection that only posts: small enough to let one process send thousands a second.

`http.client` spends most of its time parsing response headers into a message object; a sender of webhooks needs the
status line and the length of what follows, nothing else.
"""

import select
import socket
import ssl
from urllib.parse import urlsplit

AGENT = "Stripe/1.0 (+https://stripe.com/docs/webhooks)"


class NoAnswer(Exception):  # noqa: N818 - says what happened: there was no answer
    """The peer could not be reached, hung up, took too long, or did not speak HTTP."""


class Connection:
    """A connection to one URL. Not thread-safe: every sender owns its own."""

    def __init__(self, url: str, timeout: float) -> None:
        """Prepare a connection; nothing is opened before the first `post`.

        Args:
            url: absolute http or https URL, the query included.
            timeout: seconds for connecting and for each read.

        Raises:
            ValueError: the URL is not http(s) or has no host.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"not a URL that events can be delivered to: {url}")
        self._timeout = timeout
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._host = parts.hostname
        self._port = parts.port or (443 if self._tls else 80)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._head = (
            f"POST {target} HTTP/1.1\r\nHost: {parts.netloc.rpartition('@')[2]}\r\nUser-Agent: {AGENT}\r\n"
            "Accept: */*; q=0.5, application/xml\r\nCache-Control: no-cache\r\n"
            "Content-Type: application/json; charset=utf-8\r\n"
        ).encode("ascii")
        self._socket: socket.socket | None = None
        self._buffer = b""

    def post(self, body: bytes, signature: str) -> int:
        """Send one event and return the status code of the answer.

        A kept-alive connection that the peer has closed meanwhile is reopened before anything is sent on it.

        Raises:
            NoAnswer: see there.
        """
        head = b"Content-Length: %d\r\nStripe-Signature: %s\r\n\r\n" % (len(body), signature.encode("ascii"))
        try:
            return self._exchange(self._head + head + body)
        except NoAnswer:
            self.close()
            raise
        except (OSError, ValueError) as failure:
            self.close()
            raise NoAnswer(str(failure) or type(failure).__name__) from failure

    def close(self) -> None:
        """Close the socket; the next `post` opens a new one."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._buffer = None, b""

    def _exchange(self, request: bytes) -> int:
        if self._socket is not None and self._stale():
            self.close()
        if self._socket is None:
            self._socket = self._connect()
        self._socket.sendall(request)
        while True:
            status, headers = self._read_head()
            if status >= 200:  # 1xx only announces the real answer
                break
        keep = self._read_body(status, headers)
        if not keep:
            self.close()
        return status

    def _connect(self) -> socket.socket:
        opened = socket.create_connection((self._host, self._port), timeout=self._timeout)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls:
            return self._tls.wrap_socket(opened, server_hostname=self._host)
        return opened

    def _stale(self) -> bool:
        """An idle connection has nothing to read, unless the peer hung up or talks out of turn."""
        assert self._socket is not None
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(0))

    def _receive(self) -> bool:
        assert self._socket is not None
        chunk = self._socket.recv(65536)
        self._buffer += chunk
        return bool(chunk)

    def _read_until(self, mark: bytes) -> bytes:
        while (at := self._buffer.find(mark)) < 0:
            if len(self._buffer) > 1_000_000 or not self._receive():
                raise NoAnswer("the connection was closed in the middle of an answer")
        found, self._buffer = self._buffer[:at], self._buffer[at + len(mark) :]
        return found

    def _read_head(self) -> tuple[int, dict[bytes, bytes]]:
        lines = self._read_until(b"\r\n\r\n").split(b"\r\n")
        status = lines[0].split(b" ", 2)
        if not status[0].startswith(b"HTTP/1.") or len(status) < 2 or not status[1].isdigit():
            raise NoAnswer("the peer does not speak HTTP/1")
        fields = (line.partition(b":") for line in lines[1:])
        headers = {name.strip().lower(): value.strip().lower() for name, _, value in fields}
        if status[0] == b"HTTP/1.0":
            headers.setdefault(b"connection", b"close")
        return int(status[1]), headers

    def _read_body(self, status: int, headers: dict[bytes, bytes]) -> bool:
        """Read past the body and tell whether the connection may be used again."""
        keep = headers.get(b"connection") != b"close"
        if status in (204, 304):
            return keep
        if b"chunked" in headers.get(b"transfer-encoding", b""):
            while size := int(self._read_until(b"\r\n").split(b";")[0], 16):
                self._skip(size + 2)
            while self._read_until(b"\r\n"):  # trailers, up to the empty line
                continue
            return keep
        length = headers.get(b"content-length")
        if length is None:
            while self._receive():
                self._buffer = b""
            return False
        self._skip(int(length))
        return keep

    def _skip(self, size: int) -> None:
        while len(self._buffer) < size:
            if not self._receive():
                raise NoAnswer("the connection was closed in the middle of an answer")
        self._buffer = self._buffer[size:]
