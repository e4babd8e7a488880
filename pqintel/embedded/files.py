"""Files and folders that only their owner may read, and locks between processes that share a folder."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pqintel.embedded import EmbeddedError


def private_directory(path: Path) -> Path:
    """Make `path` (with its parents) a folder of mode 0700 and return it. Raises EmbeddedError if that is refused."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.stat().st_uid == os.geteuid():
            path.chmod(0o700)
    except OSError as error:
        raise EmbeddedError(f"Cannot use the folder {path}: {error.strerror}.") from error
    return path


def write_private(path: Path, text: str) -> None:
    """Replace `path` by a file of mode 0600 with this text, in one step: a reader sees the old text or the new one."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def remembered(path: Path, make: Callable[[], str]) -> str:
    """The text kept in `path`; on first use `make()` writes it (mode 0600). Empty files count as absent."""
    try:
        text = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        text = ""
    if not text:
        text = make()
        write_private(path, text + "\n")
    return text


class FileLock:
    """An advisory lock on a file, shared or exclusive, released by the kernel however the process ends."""

    def __init__(self, path: Path) -> None:
        """Open the lock file (mode 0600); nothing is locked yet."""
        self._descriptor: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def acquire(self, *, shared: bool = False, wait: bool = True) -> bool:
        """Take the lock, or change the one held. Returns False when `wait` is off and somebody else holds it."""
        assert self._descriptor is not None, "the lock was released"
        operation = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
        try:
            fcntl.flock(self._descriptor, operation)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        """Give the lock back and close its file. Calling it twice does no harm."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock file `path` exclusively for the length of the block, waiting for it if need be."""
    lock = FileLock(path)
    try:
        lock.acquire()
        yield
    finally:
        lock.release()
