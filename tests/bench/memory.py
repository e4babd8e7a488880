"""What the processes of the web server and the worker keep in memory, after they have worked."""

from __future__ import annotations

import os
from pathlib import Path

from pqintel.embedded.supervisor import Program


def members(program: Program) -> list[int]:
    """The process ids of a program: itself and what it has forked (they share its process group)."""
    assert program.handle is not None
    group = program.handle.pid
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.getpgid(int(entry.name)) == group:
                    found.append(int(entry.name))
            except ProcessLookupError:
                continue
    return sorted(found)


def rss_and_pss(pid: int) -> tuple[float, float]:
    """Resident and proportional set size of a process, in MiB; pages shared with others count in part in the latter."""
    sizes = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, value, *_ = line.split()
        sizes[name] = int(value) / 1024
    return sizes["Rss:"], sizes["Pss:"]
