"""Celery tasks: a lane in, scope entered, one call. Losing one costs a sweep's interval, never a step."""

from .running import run_cases, sweep_cases

__all__ = ["run_cases", "sweep_cases"]
