"""Secrets at rest: AES-256-GCM under a key ring, bound to the row they belong to."""

from .cipher import Ring, SealError, ring, seal, unseal
from .fields import SealedBytesField, SealedTextField
from .secret import Secret

__all__ = ["Ring", "SealError", "SealedBytesField", "SealedTextField", "Secret", "ring", "seal", "unseal"]
