"""All writes of billing. Bulk first: a batch of many events costs about as many statements as one event."""

from .learn import Outcome, learn

__all__ = ["Outcome", "learn"]
