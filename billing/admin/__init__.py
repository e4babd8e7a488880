"""Staff pages for billing records: to look at. State comes from events alone, so nobody edits it.

Exchange rates are no records but reference data of all workspaces: staff enter what no bank publishes.
"""

from . import access, catalogue, history, numbers, objects

__all__ = ["access", "catalogue", "history", "numbers", "objects"]
