"""Celery tasks of alerts and summaries: integers in, scope entered, one call. Losing one costs a beat."""

from .digests import send_digests, sweep_digests

__all__ = ["send_digests", "sweep_digests"]
