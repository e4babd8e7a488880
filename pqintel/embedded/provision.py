"""Makes `.venv` and installs the locked packages: the first step of every `make` target.

Runs on any Python before a package is installed, so it uses the standard library alone and imports nothing of ours:
`python3 -I pqintel/embedded/provision.py`. Does nothing, quickly, when the lock has not changed since the last time.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
ENVIRONMENT = PROJECT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
STAMP = ENVIRONMENT / ".installed"
INSTALLER_LOCK = PROJECT / "requirements-uv.txt"
LOCK = PROJECT / "requirements-dev.txt"


class SetupError(Exception):
    """What stands in the way, in one line."""


def main() -> int:
    """Make the environment what the lock says. Returns the exit code."""
    if sys.version_info < (3, 11):  # noqa: UP036 (this one file meets older ones, and has to say so)
        version = ".".join(map(str, sys.version_info[:3]))
        return fail(f"Python 3.11 or newer is needed; {sys.executable} is {version}. Try: make PYTHON=python3.11")
    try:
        provide()
    except SetupError as error:
        return fail(str(error))
    except KeyboardInterrupt:
        return fail("stopped while installing; the next start goes on")
    return 0


def fail(reason: str) -> int:
    """Tell the reason in one line."""
    print(f"pqintel: {reason}", file=sys.stderr)
    return 1


def provide() -> None:
    """Make, repair or update `.venv`; one process at a time. Raises SetupError."""
    lock = os.open(PROJECT, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not works(PYTHON):
            make_environment()
        wanted = fingerprint()
        if STAMP.exists() and STAMP.read_text() == wanted:
            return
        began = time.monotonic()
        print("Installing the locked packages …", flush=True)
        install()
        STAMP.write_text(wanted)
        print(f"Installed in {time.monotonic() - began:.0f} s.", flush=True)
    finally:
        os.close(lock)


def works(python: Path) -> bool:
    """Whether the environment's interpreter still runs: the one it was made from may have been removed."""
    if not python.exists():
        return False
    return subprocess.run([python, "-I", "-c", ""], capture_output=True).returncode == 0


def make_environment() -> None:
    """A new, empty `.venv` of the interpreter that runs this. Raises SetupError."""
    print(f"Making .venv (Python {sys.version.split()[0]}) …", flush=True)
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", ENVIRONMENT], capture_output=True, text=True, check=False
    )
    if made.returncode != 0:
        raise SetupError(f"`python3 -m venv` fails; on Debian: apt-get install python3-venv. {last_line(made)}")


def install() -> None:
    """The installer by pip, everything else by the installer; both only what the locks name by hash. SetupError."""
    STAMP.unlink(missing_ok=True)
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "-q", "--require-hashes"]
    run([*pip, "--requirement", str(INSTALLER_LOCK)], "uv")
    sync = [str(ENVIRONMENT / "bin" / "uv"), "pip", "sync", "--quiet", "--require-hashes"]
    run([*sync, "--python", str(PYTHON), str(LOCK)], "the packages")


def run(command: list[str], what: str) -> None:
    """Run an installer. Raises SetupError with the line that says most."""
    done = subprocess.run(command, cwd=PROJECT, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SetupError(f"installing {what} failed: {last_line(done)}")


def environment() -> dict[str, str]:
    """Our environment, without a cache where there is no home folder to keep it in."""
    variables = {**os.environ, "VIRTUAL_ENV": str(ENVIRONMENT)}
    home = Path(os.environ.get("XDG_CACHE_HOME") or os.environ.get("HOME") or "/nonexistent")
    if not os.access(home, os.W_OK) and "UV_CACHE_DIR" not in variables:
        variables["UV_NO_CACHE"] = "1"
    return variables


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    """The line of an installer's output that tells most: the last one that says error, or the last one."""
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    telling = [line for line in lines if "error" in line.lower()]
    return (telling or lines or [f"exit code {done.returncode}"])[-1]


def fingerprint() -> str:
    """What the environment was made for: its interpreter and both locks."""
    digest = hashlib.sha256()
    for file in (ENVIRONMENT / "pyvenv.cfg", INSTALLER_LOCK, LOCK):
        digest.update(file.read_bytes())
    return digest.hexdigest() + "\n"


if __name__ == "__main__":
    sys.exit(main())
