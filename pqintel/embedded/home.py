"""`PQ_HOME`: the one folder that holds everything an installation on one machine owns (default `.local`, mode 0700)."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any

from pqintel.embedded.files import private_directory, remembered, write_private

PROJECT = Path(__file__).resolve().parents[2]


class Home:
    """The folders, keys and remembered facts of one `PQ_HOME`."""

    def __init__(self, path: Path) -> None:
        """Make the folder (0700) if it is missing. Raises EmbeddedError if that is refused."""
        self.path = private_directory(path.resolve())
        self.logs = private_directory(self.path / "logs")

    @classmethod
    def from_environment(cls) -> Home:
        """The folder that the variable PQ_HOME names, or `.local` in the project's folder."""
        return cls(Path(os.environ.get("PQ_HOME") or PROJECT / ".local"))

    def log(self, name: str) -> Path:
        """The log file of the process of that name."""
        return self.logs / f"{name}.log"

    def secret_key(self) -> str:
        """Django's secret key, made on first use (0600)."""
        return remembered(self.path / "secret-key", lambda: secrets.token_urlsafe(50))

    def keys(self) -> str:
        """The vault's key ring, `id:64 hex`, made on first use (0600). Losing it loses every sealed credential."""
        return remembered(self.path / "keys", lambda: f"k1:{secrets.token_hex(32)}")

    def recall(self, name: str) -> dict[str, Any]:
        """What `remember` kept under this name; empty if nothing (or nothing readable) is there."""
        try:
            facts = json.loads((self.path / f"{name}.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return facts if isinstance(facts, dict) else {}

    def remember(self, name: str, facts: dict[str, Any]) -> None:
        """Keep facts for later starts (0600)."""
        write_private(self.path / f"{name}.json", json.dumps(facts, indent=1) + "\n")
