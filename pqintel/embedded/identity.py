"""As whom PostgreSQL runs. It refuses user 0, so root needs another identity for it.

An ordinary user is used as is. For root the first choice is a user namespace (`unshare --user`): the server sees
itself as `nobody`, while its files stay root's own and nothing is copied or chown-ed. Where the kernel forbids that, or
where root without its powers may not read the folder, the server runs as the real `nobody`, from a readable copy of
its programs and with its data under /var/tmp.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pqintel.embedded import EmbeddedError

NOBODY = "nobody"


@dataclass(frozen=True)
class Identity:
    """How to start a PostgreSQL program: what goes before it, as which user, from which folders."""

    programs: Path
    base: Path
    prefix: tuple[str, ...] = ()
    popen: dict[str, Any] = field(default_factory=dict)
    owner: pwd.struct_passwd | None = None

    def command(self, program: str, *arguments: str) -> list[str]:
        """The command line of one of PostgreSQL's programs."""
        return [*self.prefix, str(self.programs / program), *arguments]

    def hand_over(self, path: Path) -> Path:
        """Give `path` to the user the server runs as, where that is another one than ours."""
        if self.owner:
            os.chown(path, self.owner.pw_uid, self.owner.pw_gid)
        return path


def identity_for(programs: Path, base: Path, *, user_namespace: bool = True) -> Identity:
    """The identity for a server whose programs are in `programs` and whose files are in `base`.

    `user_namespace=False` skips the first choice for root. Raises EmbeddedError if root has neither.
    """
    if os.geteuid() != 0:
        return Identity(programs, base)
    nobody = _nobody()
    prefix = ("unshare", "--user", f"--map-user={nobody.pw_uid}", f"--map-group={nobody.pw_gid}")
    if user_namespace and _usable(prefix, programs, base):
        return Identity(programs, base, prefix)
    private = Path("/var/tmp") / f"pqintel-postgres-{hashlib.sha256(str(base).encode()).hexdigest()[:12]}"  # noqa: S108
    _claim(private, nobody)
    popen = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": [], "cwd": "/"}
    return Identity(_readable_copy(programs, private), private, (), popen, nobody)


def _nobody() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(NOBODY)
    except KeyError as error:
        raise EmbeddedError(
            "PostgreSQL does not run as root and there is no user 'nobody': start as an ordinary user."
        ) from error


def _usable(prefix: tuple[str, ...], programs: Path, base: Path) -> bool:
    """Whether a program in such a namespace may run the server's programs and write into its folder."""
    if not shutil.which(prefix[0]):
        return False
    probe = 'test -x "$1" && test -w "$2"'
    arguments = [*prefix, "sh", "-c", probe, "probe", str(programs / "postgres"), str(base)]
    return subprocess.run(arguments, capture_output=True, check=False).returncode == 0


def _claim(folder: Path, owner: pwd.struct_passwd) -> None:
    """Make `folder` in the world-writable /var/tmp ours, and refuse one that another user has put there."""
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if folder.is_symlink() or status.st_uid not in (0, owner.pw_uid):
        raise EmbeddedError(f"{folder} belongs to somebody else; remove it and start again.")
    os.chown(folder, owner.pw_uid, owner.pw_gid)


def _readable_copy(programs: Path, base: Path) -> Path:
    """Copy the installation (and the libraries that its wheel keeps beside it) to where `nobody` may read it."""
    package = programs.parent.parent
    target = base / "programs" / package.name
    if not (target / programs.relative_to(package)).is_dir():
        shutil.rmtree(base / "programs", ignore_errors=True)
        libraries = package.parent / f"{package.name}.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, base / "programs" / libraries.name)
        shutil.copytree(package, target, symlinks=True)
    for folder, _, _ in os.walk(base / "programs"):
        Path(folder).chmod(0o755)
    return target / programs.relative_to(package)
