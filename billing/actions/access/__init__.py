"""Writing who may use what: with every batch (`refresh`), and when people change the rules (`recompute`)."""

from .refresh import Batch, recompute, refresh

__all__ = ["Batch", "recompute", "refresh"]
