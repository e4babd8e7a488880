"""AES-256-GCM with a ring of keys: one writes, all read.

A sealed value is `version | length of key id | key id | nonce | ciphertext and tag`. The associated data binds it to
its place (table, column, workspace, row): a ciphertext copied elsewhere does not open.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

VERSION = 1
NONCE_BYTES = 12
KEY_HEX_DIGITS = 64
KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,40}")


class SealError(Exception):
    """A sealed value cannot be opened: its key is missing, or it was changed or moved."""


class Ring:
    """Keys by id. The first one seals; every one opens.

    Raises:
        ImproperlyConfigured: no key, an id twice or empty, or a key that is not 32 bytes (64 hex digits). AESGCM would
            take a 16-byte key and silently give AES-128.
    """

    def __init__(self, text: str) -> None:
        self._ciphers: dict[str, AESGCM] = {}
        self._keys: dict[str, bytes] = {}
        for entry in filter(None, (part.strip() for part in text.split(","))):
            key_id, _, digits = entry.partition(":")
            if not KEY_ID.fullmatch(key_id) or key_id in self._ciphers:  # not quoted: it may be a key without an id
                raise ImproperlyConfigured("PQ_KEYS: every key needs a short id of its own: id:64 hex digits, …")
            try:
                key = bytes.fromhex(digits)
            except ValueError:
                raise ImproperlyConfigured(f"PQ_KEYS: key {key_id!r} is not hexadecimal.") from None
            if len(digits) != KEY_HEX_DIGITS:
                raise ImproperlyConfigured(f"PQ_KEYS: key {key_id!r} must be 32 bytes, written as 64 hex digits.")
            self._keys[key_id], self._ciphers[key_id] = key, AESGCM(key)
        if not self._ciphers:
            raise ImproperlyConfigured("PQ_KEYS is empty: set at least one key, id:64 hex digits.")
        self.active = next(iter(self._ciphers))

    @property
    def head(self) -> bytes:
        """What every value begins with that the active key sealed."""
        return _head(self.active)

    @property
    def key_ids(self) -> tuple[str, ...]:
        return tuple(self._ciphers)

    def seal(self, plain: bytes, *place: object) -> bytes:
        """Seal with the active key, for one place."""
        return self.seal_with(self.active, plain, *place)

    def seal_with(self, key_id: str, plain: bytes, *place: object) -> bytes:
        """Seal with a key of choice; for canaries."""
        head, nonce = _head(key_id), os.urandom(NONCE_BYTES)
        return head + nonce + self._ciphers[key_id].encrypt(nonce, plain, _bind(head, place))

    def unseal(self, sealed: bytes, *place: object) -> bytes:
        """Open a sealed value at its place.

        Raises:
            SealError: unknown format or key, or the ciphertext does not belong to this place.
        """
        key_id = self.key_id(sealed)
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise SealError(f"Sealed with key {key_id!r}, which is not in PQ_KEYS.")
        end = 2 + len(key_id)
        nonce, body = sealed[end : end + NONCE_BYTES], sealed[end + NONCE_BYTES :]
        try:
            return cipher.decrypt(nonce, body, _bind(sealed[:end], place))
        except (InvalidTag, ValueError):
            raise SealError("The sealed value was changed, or belongs to another place.") from None

    def derive(self, *purpose: object) -> tuple[bytes, ...]:
        """A 32-byte secret for a purpose from each key, the active key's first (HKDF-SHA256; nothing is stored)."""
        info = _bind(b"derive", purpose)
        return tuple(HKDF(SHA256(), length=32, salt=None, info=info).derive(key) for key in self._keys.values())

    @staticmethod
    def key_id(sealed: bytes) -> str:
        """The id of the key a value was sealed with, without opening it."""
        if len(sealed) < 2 or sealed[0] != VERSION:
            raise SealError("Not a sealed value of a known version.")
        return sealed[2 : 2 + sealed[1]].decode("ascii", "replace")


def _head(key_id: str) -> bytes:
    return bytes([VERSION, len(key_id)]) + key_id.encode()


def _bind(head: bytes, place: tuple[object, ...]) -> bytes:
    parts = [str(part).encode() for part in place]
    return head + b"".join(len(part).to_bytes(4, "big") + part for part in parts)


@lru_cache(maxsize=4)
def _ring_of(text: str) -> Ring:
    return Ring(text)


def ring() -> Ring:
    """The ring of the settings; made once per value of PQ_KEYS."""
    return _ring_of(settings.PQ_KEYS)


def seal(plain: bytes, *place: object) -> bytes:
    """Seal bytes for a place such as (table, column, workspace id, row id)."""
    return ring().seal(plain, *place)


def unseal(sealed: bytes, *place: object) -> bytes:
    """Open what `seal` made for the same place. Raises SealError."""
    return ring().unseal(sealed, *place)
