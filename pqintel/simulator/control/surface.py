"""The control surface: `/_simulator/…`, beside the Stripe API, for whoever holds the control token.

GET  /_simulator/status                 what it is and how far it is
GET  /_simulator/metrics[?at=<unix>]    the account's true metrics, by the simulator's own code
POST /_simulator/deliver                {"url", "rate", "concurrency", "listed_url", "enabled_events", "again"}
POST /_simulator/endpoint               {"listed_url", "enabled_events", "status", "registered"}
GET  /_simulator/keys                   every key and what it may
POST /_simulator/keys                   {"create": "rk", "permissions": [...]} | {"revoke": key}
                                        | {"limit": key, "permissions": [...]}
GET  /_simulator/faults                 the knobs as they stand
POST /_simulator/faults                 {"limit_next": 3, …}, see `Weather`
"""

import hmac
import json
from collections.abc import Callable, Mapping
from random import SystemRandom
from typing import Any
from urllib.parse import urlsplit

from pqintel.simulator.account import Account
from pqintel.simulator.control.courier import Courier
from pqintel.simulator.control.home import Home
from pqintel.simulator.server.fake_keys import fake_key
from pqintel.simulator.server.faults import Faults
from pqintel.simulator.server.keys import USUAL_PERMISSIONS, ApiKey, KeyRing
from pqintel.simulator.server.params import Params
from pqintel.simulator.server.refusals import Refusal
from pqintel.simulator.truth import Truth

Answer = tuple[int, Mapping[str, object]]
DELIVER = {"url", "rate", "concurrency", "listed_url", "enabled_events", "again"}
ENDPOINT = {"listed_url", "enabled_events", "status", "registered"}


class Surface:
    """Answers control requests. Everything it changes is remembered across restarts, faults excepted."""

    def __init__(
        self,
        home: Home,
        token: str,
        *,
        account: Account,
        courier: Courier,
        keys: KeyRing,
        faults: Faults,
        truth: Truth,
        status: Callable[[], Mapping[str, object]],
    ) -> None:
        self._home = home
        self._token = token
        self._account = account
        self._courier = courier
        self._keys = keys
        self._faults = faults
        self._truth = truth
        self._status = status

    def answer(self, method: str, target: str, token: str | None, body: bytes) -> Answer:
        """Answer one request: 200, 400 for what makes no sense, 401, 404, 405."""
        if not hmac.compare_digest((token or "").encode(), self._token.encode()):
            return 401, {"error": "the control token of simulator.json is needed"}
        parts = urlsplit(target)
        action = (method, parts.path.removeprefix("/_simulator/").rstrip("/"))
        actions: dict[tuple[str, str], Callable[[dict[str, Any], Params], Mapping[str, object]]] = {
            ("GET", "status"): lambda *_: self._status(),
            ("GET", "metrics"): self._metrics,
            ("POST", "deliver"): self._deliver,
            ("POST", "endpoint"): self._endpoint,
            ("GET", "keys"): lambda *_: self._all_keys(),
            ("POST", "keys"): self._change_keys,
            ("GET", "faults"): lambda *_: self._faults.as_dict(),
            ("POST", "faults"): self._change_faults,
        }
        if action not in actions:
            known = action[1] in {path for _, path in actions}
            return (405 if known else 404), {"error": f"no {method} {parts.path}"}
        try:
            wanted = json.loads(body) if method == "POST" else {}
            if not isinstance(wanted, dict):
                raise ValueError("an object is expected")
            return 200, actions[action](wanted, Params(parts.query))
        except (ValueError, KeyError, Refusal) as failure:
            return 400, {"error": str(failure)}

    def _metrics(self, wanted: dict[str, Any], params: Params) -> Mapping[str, object]:
        at = params.number("at")
        with self._account.lock:
            moment = self._account.now if at is None else at
            return {"at": moment, "currencies": self._truth.as_dict(moment)}

    def _deliver(self, wanted: dict[str, Any], params: Params) -> Mapping[str, object]:
        _only(wanted, DELIVER)
        again = wanted.pop("again", False)
        if not isinstance(wanted.get("url"), str) or not isinstance(again, bool):
            raise ValueError("url is where to deliver, again is true or false")
        self._courier.send_to(wanted, again=again)
        return self._status()

    def _endpoint(self, wanted: dict[str, Any], params: Params) -> Mapping[str, object]:
        _only(wanted, ENDPOINT)
        self._courier.send_to(wanted)
        return self._status()

    def _all_keys(self) -> Mapping[str, object]:
        return {"keys": [_shown(key) for key in self._keys.all()]}

    def _change_keys(self, wanted: dict[str, Any], params: Params) -> Mapping[str, object]:
        permissions = wanted.get("permissions", sorted(USUAL_PERMISSIONS))
        if not isinstance(permissions, list):
            raise ValueError("permissions is a list")
        match wanted:
            case {"create": "sk" | "rk" | "pk" as kind}:
                value = fake_key(kind, self._account.livemode, SystemRandom())
                self._keys.add(value, permissions)
            case {"revoke": str(value)}:
                self._keys.revoke(value)
            case {"limit": str(value)} if value in {key.value for key in self._keys.all()}:
                self._keys.add(value, permissions)
            case _:
                raise ValueError("create (sk, rk or pk), revoke or limit is expected, with a key that exists")
        self._home.keep_keys(self._keys.all())
        return next(_shown(key) for key in self._keys.all() if key.value == value)

    def _change_faults(self, wanted: dict[str, Any], params: Params) -> Mapping[str, object]:
        self._faults.change(**wanted)
        return self._faults.as_dict()


def _shown(key: ApiKey) -> dict[str, object]:
    return {"key": key.value, "permissions": sorted(key.permissions), "revoked": key.revoked}


def _only(wanted: Mapping[str, object], known: set[str]) -> None:
    if unknown := wanted.keys() - known:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
