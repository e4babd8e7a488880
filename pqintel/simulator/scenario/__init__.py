"""Histories for the account: a year of a plausible company, its live continuation, and random short lives."""

from .company import Company
from .lifecycle import random_lifecycle
from .trickle import Trickle
from .year import saas_year

__all__ = ["Company", "Trickle", "random_lifecycle", "saas_year"]
