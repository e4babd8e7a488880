"""Asks for known vulnerabilities of the locked packages (pip-audit). Being unable to ask is told, and is no failure."""

import json
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
COMMAND = ["pip_audit", "--require-hashes", "--disable-pip", "--progress-spinner", "off", "--format", "json"]
SECONDS = 120


def main() -> int:
    """1 if a locked package has a known vulnerability, else 0."""
    command = [sys.executable, "-m", *COMMAND, "--requirement", str(PROJECT / "requirements-dev.txt")]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        packages = json.loads(asked.stdout)["dependencies"]
    except subprocess.TimeoutExpired:
        return skipped(f"no answer within {SECONDS} s")
    except (json.JSONDecodeError, KeyError):
        return skipped((asked.stderr.strip().splitlines() or ["no answer"])[-1])
    known = [(p["name"], p["version"], v["id"]) for p in packages for v in p.get("vulns", [])]
    for name, version, identifier in known:
        print(f"{name} {version}: {identifier}")
    unanswered = [p for p in packages if "skip_reason" in p]
    if len(unanswered) == len(packages):
        return skipped("the service has no answer for any package")
    print(f"{len(packages) - len(unanswered)} packages asked for, {len(unanswered)} without an answer.")
    return 1 if known else 0


def skipped(reason: str) -> int:
    """Say in one line why nothing was checked."""
    print(f"Skipped: {reason}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
