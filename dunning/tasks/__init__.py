"""Celery tasks: a lane in, scope entered, one call. Losing one costs a sweep's interval, never a step or a letter."""

from .cards import look_at_cards, sweep_cards
from .cleaning import forget_letters
from .opening import open_cases, sweep_put_off
from .running import run_cases, sweep_cases
from .writing import send_letters, sweep_letters

__all__ = [
    "forget_letters",
    "look_at_cards",
    "open_cases",
    "run_cases",
    "send_letters",
    "sweep_cards",
    "sweep_cases",
    "sweep_letters",
    "sweep_put_off",
]
