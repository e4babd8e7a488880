"""The simulator's own metrics, by its own code from its own journal; it shares nothing with the product."""

from .metrics import CurrencyMetrics, PlanMetrics, Truth
from .movements import Movement
from .rates import Rate, monthly_rates

__all__ = ["CurrencyMetrics", "Movement", "PlanMetrics", "Rate", "Truth", "monthly_rates"]
