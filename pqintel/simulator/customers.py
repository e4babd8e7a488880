"""Customers, their cards, and how their next payments will end."""

from __future__ import annotations

from datetime import UTC, datetime
from string import ascii_uppercase, digits

from .catalogue import Catalogue
from .declines import DECLINES
from .ledger import RefusedError, verb
from .state import Address, Card, Customer, Metadata

_BRANDS = (("visa", "4242"), ("visa", "4444"), ("mastercard", "5454"), ("amex", "0005"), ("visa", "1881"))


class Customers(Catalogue):
    """The verbs of customers. `_declines` holds, per customer, what the next charges will answer."""

    def _open(self) -> None:
        super()._open()
        self._declines: dict[str, list[str]] = {}
        self._broken: dict[str, str] = {}
        self._invoices_numbered: dict[str, int] = {}

    @verb
    def create_customer(
        self,
        *,
        name: str | None = None,
        email: str | None = None,
        country: str | None = None,
        phone: str | None = None,
        description: str | None = None,
        address: Address | None = None,
        card: bool = True,
        card_expires: tuple[int, int] | None = None,
        metadata: Metadata | None = None,
    ) -> Customer:
        """Create a customer, with a saved card unless `card` is False; emits customer.created.

        `card_expires` is the year and month that the card is valid until; by chance, from the present year on, unless
        given.
        """
        if address is None and country is not None:
            address = Address(country=country)
        customer = self.put(
            Customer(
                id=self.ids.new("cus"),
                created=self.now,
                livemode=self.livemode,
                metadata=metadata or {},
                name=name,
                email=email,
                phone=phone,
                description=description,
                address=address,
                card=self._new_card(country, card_expires) if card else None,
                invoice_prefix="".join(self.random.choices(ascii_uppercase + digits, k=8)),
            )
        )
        self.emit("customer.created", customer)
        return customer

    @verb
    def update_customer(
        self,
        customer: str,
        *,
        name: str | None = None,
        email: str | None = None,
        description: str | None = None,
        address: Address | None = None,
        metadata: Metadata | None = None,
        balance: int | None = None,
    ) -> Customer:
        """Change what is given (`balance` in minor units, negative is credit); emits customer.updated."""
        old = self.customer(customer)
        return self.update(
            old,
            "customer.updated",
            name=old.name if name is None else name,
            email=old.email if email is None else email,
            description=old.description if description is None else description,
            address=old.address if address is None else address,
            metadata=old.metadata if metadata is None else metadata,
            balance=old.balance if balance is None else balance,
        )

    @verb
    def replace_card(self, customer: str, *, expires: tuple[int, int] | None = None) -> Customer:
        """Give the customer a new default card that works, valid until `expires` (year, month); emits customer.updated.

        Pays nothing by itself.
        """
        old = self.customer(customer)
        self._broken.pop(customer, None)
        self._declines.pop(customer, None)
        card = self._new_card(old.address.country if old.address else None, expires)
        return self.update(old, "customer.updated", card=card)

    @verb
    def remove_card(self, customer: str) -> Customer:
        """Leave the customer without a payment method; emits customer.updated."""
        return self.update(self.customer(customer), "customer.updated", card=None)

    def decline_next(self, customer: str, *codes: str) -> None:
        """Let the customer's next charges end with these decline codes, one each. Emits nothing.

        Raises RefusedError for an unknown code.
        """
        for code in codes:
            _known(code)
        self._declines.setdefault(customer, []).extend(codes)

    def break_card(self, customer: str, code: str) -> None:
        """Let every charge end with this decline code until `replace_card`. Emits nothing."""
        self._broken[customer] = _known(code)

    def mend_card(self, customer: str) -> None:
        """Let the charges of the same card succeed again (the account was topped up). Emits nothing."""
        self._broken.pop(customer, None)
        self._declines.pop(customer, None)

    def customer(self, customer: str) -> Customer:
        """Return the customer. Raises KeyError for an unknown one, RefusedError for a deleted one."""
        found = self.customers[customer]
        if found.deleted:
            raise RefusedError(f"customer {customer} is deleted")
        return found

    def _next_decline(self, customer: str) -> str | None:
        """Take the outcome of the customer's next charge: a decline code, or None for success."""
        waiting = self._declines.get(customer)
        if waiting:
            return waiting.pop(0)
        return self._broken.get(customer)

    def _new_card(self, country: str | None, expires: tuple[int, int] | None = None) -> Card:
        brand, last4 = self.random.choice(_BRANDS)
        month, years = self.random.randint(1, 12), self.random.randint(0, 6)
        today = datetime.fromtimestamp(self.now, UTC)
        year = today.year + years + (years == 0 and month < today.month)
        return Card(
            id=self.ids.new("pm"),
            brand=brand,
            last4=last4,
            exp_month=expires[1] if expires else month,
            exp_year=expires[0] if expires else year,
            country=country or self.country,
            fingerprint=self.ids.word(16),
        )

    def _next_invoice_number(self, customer: Customer) -> str:
        number = self._invoices_numbered.get(customer.id, 0) + 1
        self._invoices_numbered[customer.id] = number
        return f"{customer.invoice_prefix}-{number:04d}"


def _known(code: str) -> str:
    if code not in DECLINES:
        raise RefusedError(f"unknown decline code {code}")
    return code
