"""API keys: which exist, what they may read, and how a request shows one."""

import base64
import binascii
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace

from pqintel.simulator.server import refusals

PERMISSIONS: tuple[str, ...] = (
    "rak_customer_read",
    "rak_product_read",
    "rak_plan_read",
    "rak_coupon_read",
    "rak_subscription_read",
    "rak_invoice_read",
    "rak_payment_intent_read",
    "rak_charge_read",
    "rak_checkout_session_read",
    "rak_event_read",
    "rak_webhook_read",
    "rak_accounts_kyc_basic_read",
)
"""Every scope that some endpoint here asks for. Prices belong to `rak_plan_read`, invoice payments to
`rak_invoice_read`, reading the account to `rak_accounts_kyc_basic_read`."""

USUAL_PERMISSIONS = frozenset(PERMISSIONS) - {"rak_accounts_kyc_basic_read"}
"""What a restricted key made for reading billing usually has: everything but the account itself."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key. `permissions` limits restricted keys only; a secret key may read everything."""

    value: str
    permissions: frozenset[str] = USUAL_PERMISSIONS
    revoked: bool = False

    @property
    def kind(self) -> str:
        """`sk`, `rk` or `pk`."""
        return self.value[:2]

    def may(self, permission: str) -> bool:
        """Whether the key has a scope."""
        return self.kind == "sk" or permission in self.permissions


class KeyRing:
    """The keys of one account. Thread-safe; changes hold from the next request on."""

    def __init__(self, keys: Iterable[ApiKey] = ()) -> None:
        self._lock = threading.Lock()
        self._keys = {key.value: key for key in keys}

    def add(self, value: str, permissions: Iterable[str] = USUAL_PERMISSIONS) -> ApiKey:
        """Give out a key, or change the permissions of one that exists; a revoked one comes back to life.

        Raises:
            ValueError: not the form of a Stripe key, or an unknown permission.
        """
        parts = value.split("_", 2)
        if len(parts) != 3 or parts[0] not in ("sk", "rk", "pk") or parts[1] not in ("live", "test"):
            raise ValueError("a key begins with sk_, rk_ or pk_ and then live_ or test_")
        granted = frozenset(permissions)
        if unknown := granted - set(PERMISSIONS):
            raise ValueError(f"unknown permissions: {', '.join(sorted(unknown))}")
        with self._lock:
            self._keys[value] = key = ApiKey(value, granted)
        return key

    def revoke(self, value: str) -> None:
        """Let every later request with this key be refused. Raises KeyError for a key that was never given out."""
        with self._lock:
            self._keys[value] = replace(self._keys[value], revoked=True)

    def all(self) -> tuple[ApiKey, ...]:
        """Return every key that was ever given out."""
        with self._lock:
            return tuple(self._keys.values())

    def authenticate(self, authorization: str | None) -> ApiKey:
        """Return the key behind an Authorization header (Bearer, or Basic with the key as user name).

        Raises:
            Refusal: 401 for a missing, unknown, revoked or publishable key.
        """
        value = _presented(authorization)
        with self._lock:
            key = self._keys.get(value)
        if key is None:
            raise refusals.unknown_key(value)
        if key.revoked:
            raise refusals.revoked_key(value)
        if key.kind == "pk":
            raise refusals.publishable_key()
        return key


def _presented(authorization: str | None) -> str:
    scheme, _, credentials = (authorization or "").partition(" ")
    value = credentials.strip()
    if scheme.lower() == "basic":
        try:
            value = base64.b64decode(value, validate=True).decode("utf-8").partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            value = ""
    elif scheme.lower() != "bearer":
        value = ""
    if not value:
        raise refusals.no_key()
    return value
