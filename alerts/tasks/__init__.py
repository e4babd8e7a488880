"""Celery tasks of alerts and summaries: integers in, scope entered, one call. Losing one costs a beat."""

from .digests import send_digests, sweep_digests
from .evaluating import evaluate, sweep_rules

__all__ = ["evaluate", "send_digests", "sweep_digests", "sweep_rules"]
