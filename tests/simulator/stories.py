"""What the stories of the simulated account share: a shop with a few prices, and short ways to tell what happened."""

from pqintel.simulator.account import Account, Settings
from pqintel.simulator.clock import DAY, HOUR

START = 1_735_689_600  # 2025-01-01 00:00 UTC
MONTHS = {month: START + days * DAY for month, days in ((1, 0), (2, 31), (3, 59), (4, 90), (5, 120), (6, 151))}
"""The first second of each month of 2025, by its number."""


def open_account(**settings):
    return Account("story", START, settings=Settings(**settings))


def priced(account, amount=None, **price):
    """A new price of a new product; returns its id."""
    return account.create_price(account.create_product("Plan").id, amount, **price).id


def subscribed(account, price, quantity=1, **subscription):
    """A new customer's subscription; returns its id."""
    customer = account.create_customer(name="Acme", email="billing@acme.example")
    return account.subscribe(customer.id, price, quantity=quantity, **subscription).id


def told(account, since=0, kinds=None):
    """(type, status) of the events from `since` on; the status is None where the object has none."""
    return [
        (event.type, getattr(event.after, "status", None))
        for event in account.events[since:]
        if kinds is None or event.kind in kinds
    ]


__all__ = ["DAY", "HOUR", "MONTHS", "START", "open_account", "priced", "subscribed", "told"]
