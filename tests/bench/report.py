"""Figures beside their floors and targets: as a table for people, as JSON for comparing runs."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pqintel.embedded.home import PROJECT

RESULTS = PROJECT / "bench-results"


@dataclass(frozen=True)
class Figure:
    """One measured number. `floor` is what the same costs without the product, measured in the same run.

    `least` and `most` are targets for `value`, `least_share` one for value / floor; None where nothing is promised.
    """

    name: str
    value: float
    unit: str
    floor: float | None = None
    floor_is: str = ""
    least: float | None = None
    most: float | None = None
    least_share: float | None = None

    @property
    def share(self) -> float | None:
        return self.value / self.floor if self.floor else None

    @property
    def target(self) -> str:
        if self.least is not None:
            return f"≥ {self.least:g}"
        if self.most is not None:
            return f"≤ {self.most:g}"
        return f"≥ {self.least_share:g} × floor" if self.least_share is not None else ""

    @property
    def met(self) -> bool:
        share = self.share
        return (
            (self.least is None or self.value >= self.least)
            and (self.most is None or self.value <= self.most)
            and (self.least_share is None or (share is not None and share >= self.least_share))
        )


class Report:
    """Collects figures under headings, in order."""

    def __init__(self) -> None:
        self.sections: dict[str, list[Figure]] = {}
        self.conditions: dict[str, Any] = {}

    def add(self, section: str, *figures: Figure) -> None:
        self.sections.setdefault(section, []).extend(figures)

    @property
    def missed(self) -> list[Figure]:
        return [figure for figures in self.sections.values() for figure in figures if not figure.met]

    def table(self) -> str:
        rows = [("", "measured", "floor", "share", "target", "")]
        for section, figures in self.sections.items():
            rows.append((section, "", "", "", "", ""))
            rows += [_cells(figure) for figure in figures]
        widths = [max(len(row[column]) for row in rows) for column in range(6)]
        lines = []
        for row in rows:
            cells = [
                row[0].ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(row[1:4], widths[1:4], strict=True)),
            ]
            lines.append("  ".join([*cells, row[4].ljust(widths[4]), row[5]]).rstrip())
        return "\n".join(lines)

    def write(self) -> Path:
        """Keep the figures as JSON in `bench-results/`; returns the file."""
        RESULTS.mkdir(exist_ok=True)
        now = datetime.now(UTC)
        document = {
            "at": now.isoformat(timespec="seconds"),
            "commit": _commit(),
            "machine": {
                "cpus": len(os.sched_getaffinity(0)),
                "processor": _processor(),
                "python": platform.python_version(),
            },
            **self.conditions,
            "missed": [figure.name for figure in self.missed],
            "sections": {
                section: [{**asdict(figure), "share": figure.share, "met": figure.met} for figure in figures]
                for section, figures in self.sections.items()
            },
        }
        path = RESULTS / f"{now:%Y%m%dT%H%M%SZ}.json"
        path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        return path


def _cells(figure: Figure) -> tuple[str, str, str, str, str, str]:
    floor = "" if figure.floor is None else f"{_short(figure.floor)} {figure.floor_is}".strip()
    share = "" if figure.share is None else f"{figure.share:.2f}"
    verdict = "" if not figure.target else "met" if figure.met else "MISSED"
    return (f"  {figure.name}", f"{_short(figure.value)} {figure.unit}", floor, share, figure.target, verdict)


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _commit() -> str:
    said = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    return said.stdout.strip()


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()
