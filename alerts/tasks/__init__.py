"""Celery tasks of alerts and summaries: integers in, scope entered, one call. Losing one costs a beat."""

from .digests import send_digests, sweep_digests
from .evaluating import evaluate, forget_findings, sweep_rules

__all__ = ["evaluate", "forget_findings", "send_digests", "sweep_digests", "sweep_rules"]
