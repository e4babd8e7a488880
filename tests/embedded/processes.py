"""Which processes belong to a folder: by command line, environment (PQ_HOME) or working folder. Linux only."""

import os
import time
from pathlib import Path


def processes_of(folder: Path) -> dict[int, str]:
    """The living processes (no zombies) that mention the folder, except ourselves: pid -> command line."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            environment = (entry / "environ").read_bytes().decode(errors="replace")
            working = str((entry / "cwd").readlink())
        except OSError:
            continue
        if command and any(str(folder) in text for text in (command, environment, working)):
            found[int(entry.name)] = command
    return found


def until_gone(folder: Path) -> dict[int, str]:
    """What still runs for the folder once it has had time to end: empty if all is well."""
    for _ in range(200):
        if not processes_of(folder):
            return {}
        time.sleep(0.05)
    return processes_of(folder)
