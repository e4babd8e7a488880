"""Setting up: what stands in the way is one line, and a failed installation is not taken for a good one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pqintel.embedded.home import PROJECT

SCRIPT = Path("pqintel/embedded/provision.py")
OLD = "import runpy, sys; sys.version_info = (3, 9, 2, 'final', 0); runpy.run_path(sys.argv[1], run_name='__main__')"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of nothing but the script and two locks."""
    (tmp_path / SCRIPT).parent.mkdir(parents=True)
    shutil.copy(PROJECT / SCRIPT, tmp_path / SCRIPT)
    (tmp_path / "requirements-uv.txt").write_text("nowhere==1 --hash=sha256:" + "0" * 64 + "\n")
    (tmp_path / "requirements-dev.txt").write_text("")
    return tmp_path


def provision(project: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(project)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_an_old_python_is_told_so() -> None:
    done = provision(PROJECT, sys.executable, "-I", "-c", OLD, str(PROJECT / SCRIPT))
    assert done.returncode == 1
    assert done.stderr == (
        f"pqintel: Python 3.11 or newer is needed; {sys.executable} is 3.9.2. Try: make PYTHON=python3.11\n"
    )


def test_a_failed_installation_is_one_line_and_no_success(project: Path) -> None:
    for making in (True, False):
        done = provision(project, sys.executable, "-I", str(project / SCRIPT))
        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        assert line.startswith("pqintel: installing uv failed: ERROR: No matching distribution found for nowhere==1")
        assert ("Making .venv" in done.stdout) is making
        assert not (project / ".venv" / ".installed").exists()


def test_what_is_installed_is_not_installed_again() -> None:
    if not (PROJECT / ".venv" / ".installed").exists():
        pytest.skip("this environment was not made by `make`")
    done = provision(PROJECT, sys.executable, "-I", str(PROJECT / SCRIPT))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
