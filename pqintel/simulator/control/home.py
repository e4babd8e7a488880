"""What the simulator keeps in its home folder, so that a restart is the same account at the same address.

simulator.json      address, keys, secrets, and what the history was made from (0600)
keys.json           the API keys and what each may, once one was made, limited or revoked (0600)
destination.json    where to deliver, and how the endpoint is registered
acknowledged.log    ids of the events that were answered 2xx, one a line, only ever appended to
life.log            how far the company's life was lived, see `life`
lock                held while a simulator runs on this home
"""

import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from random import SystemRandom
from typing import IO, Any

from pqintel.simulator.server.fake_keys import fake_key, fake_signing_secret
from pqintel.simulator.server.keys import ApiKey

FACTS = "simulator.json"
KEYS = "keys.json"
DESTINATION = "destination.json"
ACKNOWLEDGED = "acknowledged.log"
LIFE = "life.log"


class HomeError(Exception):
    """The home folder cannot be used as asked; the message says why, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The lasting facts of one simulated account. Times are Unix seconds; `history` is a fingerprint of what the
    history told, so that a newer simulator can say that it tells another one."""

    seed: int
    history_days: int
    history_end: int
    customers: int
    family: str
    livemode: bool
    url: str = ""
    port: int = 0
    account: str = ""
    history: str = ""
    publishable_key: str
    secret_key: str
    restricted_key: str
    webhook_secret: str
    control_token: str


class Home:
    """One home folder, made with 0700 when it is not there.

    Raises:
        HomeError: it cannot be made or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as failure:
            raise HomeError(f"cannot use {path}: {failure.strerror}") from failure

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the home for one running simulator. Raises HomeError when another one runs on it."""
        with open(self.path / "lock", "w", encoding="ascii") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as failure:
                raise HomeError(f"a simulator is already running on {self.path}") from failure
            yield

    def facts(self) -> Facts | None:
        """Return what is known, None before the first start. Raises HomeError for a file that makes no sense."""
        found = self.read(FACTS)
        if found is None:
            return None
        known = {field.name for field in fields(Facts)}
        try:
            return Facts(**{name: value for name, value in found.items() if name in known})
        except TypeError as failure:
            raise HomeError(f"{self.path / FACTS} is not a simulator's: {failure}") from failure

    def begin(
        self, *, seed: int, history_days: int, customers: int, family: str, livemode: bool, now: float | None = None
    ) -> Facts:
        """Write down the facts of a new account whose history ends now, with fresh keys."""
        chance = SystemRandom()
        publishable, secret, restricted = (fake_key(prefix, livemode, chance) for prefix in ("pk", "sk", "rk"))
        facts = Facts(
            seed=seed,
            history_days=history_days,
            history_end=int(time.time() if now is None else now),
            customers=customers,
            family=family,
            livemode=livemode,
            publishable_key=publishable,
            secret_key=secret,
            restricted_key=restricted,
            webhook_secret=fake_signing_secret(chance),
            control_token=secrets.token_hex(24),
        )
        self.write(FACTS, asdict(facts))
        return facts

    def update(self, facts: Facts, **changes: Any) -> Facts:
        """Change and write down facts."""
        changed = replace(facts, **changes)
        if changed != facts or self.read(FACTS) is None:
            self.write(FACTS, asdict(changed))
        return changed

    def keys(self, facts: Facts) -> list[ApiKey]:
        """Return all keys as they were left; at first the three of `facts`."""
        kept = self.read(KEYS)
        if kept is None:
            return [ApiKey(value) for value in (facts.secret_key, facts.restricted_key, facts.publishable_key)]
        return [ApiKey(value, frozenset(key["permissions"]), key["revoked"]) for value, key in kept.items()]

    def keep_keys(self, keys: Iterable[ApiKey]) -> None:
        """Write down all keys."""
        self.write(
            KEYS,
            {key.value: {"permissions": sorted(key.permissions), "revoked": key.revoked} for key in keys},
        )

    def read(self, name: str) -> dict[str, Any] | None:
        """Return a JSON file's object, None when there is none. Raises HomeError when it is damaged."""
        try:
            found = json.loads((self.path / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as failure:
            raise HomeError(f"cannot read {self.path / name}: {failure}") from failure
        if not isinstance(found, dict):
            raise HomeError(f"{self.path / name} does not hold an object")
        return found

    def write(self, name: str, content: dict[str, Any]) -> None:
        """Replace a JSON file in one step, readable by its owner alone. Raises HomeError."""
        target, draft = self.path / name, self.path / f".{name}.new"
        try:
            with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                json.dump(content, file, indent=2)
                file.write("\n")
            draft.replace(target)
        except OSError as failure:
            raise HomeError(f"cannot write {target}: {failure.strerror}") from failure

    def lines(self, name: str) -> list[str]:
        """Return the whole lines of a log; a last line that a crash cut off does not count."""
        try:
            text = (self.path / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        return text.split("\n")[:-1]

    def append_to(self, name: str) -> IO[str]:
        """Open a log for appending; each line is out of the process as soon as it is written.

        A line that a crash cut off is taken away first, so that the next one does not join it.
        """
        path = self.path / name
        whole = "".join(f"{line}\n" for line in self.lines(name))
        if path.exists() and path.stat().st_size != len(whole.encode()):
            path.write_text(whole, encoding="utf-8")
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return open(descriptor, "a", encoding="utf-8", buffering=1)
