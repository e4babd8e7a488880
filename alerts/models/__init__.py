"""Tables of alerts and summaries."""

from .digest import Cadence, DigestChannel, DigestRun, DigestSettings, DigestState

__all__ = ["Cadence", "DigestChannel", "DigestRun", "DigestSettings", "DigestState"]
