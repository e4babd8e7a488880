"""Comparing what is known here with what Stripe says, object by object; reporting what differs, and repairing it."""

from .report import ReconciliationStatus, status

__all__ = ["ReconciliationStatus", "status"]
