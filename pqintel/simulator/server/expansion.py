"""`expand[]`: ids become the objects they name, and fields appear that are never there unasked."""

from collections.abc import Callable, Iterable
from typing import Any

from pqintel.simulator.account import Account
from pqintel.simulator.render import Family, render_object
from pqintel.simulator.render.catalogue import render_currency_options, render_discount, render_tiers
from pqintel.simulator.render.checkout import render_line_items
from pqintel.simulator.render.customer import render_deleted_customer
from pqintel.simulator.render.payment import render_payment_method
from pqintel.simulator.render.shape import Json, embedded_list
from pqintel.simulator.server.refusals import bad_request
from pqintel.simulator.state import Discount

DEEPEST = 4


class Expansion:
    """Expands rendered objects of one account in one family, in place."""

    def __init__(self, account: Account, family: Family) -> None:
        self._account = account
        self._family = family
        self._fields: dict[tuple[str, str], Callable[[Json], object]] = {
            ("price", "tiers"): lambda price: render_tiers(account.prices[str(price["id"])]),
            ("plan", "tiers"): lambda plan: render_tiers(account.prices[str(plan["id"])]),
            ("invoice", "payments"): self._invoice_payments,
            ("checkout.session", "line_items"): self._line_items,
            ("subscription", "discounts"): lambda rendered: self._named(rendered, self._of_subscription(rendered)),
            ("subscription_item", "discounts"): lambda rendered: self._named(rendered, self._of_item(rendered)),
            ("invoice", "discounts"): lambda rendered: self._named(rendered, self._of_invoice(str(rendered["id"]))),
            ("line_item", "discounts"): lambda rendered: self._named(rendered, self._of_line(rendered)),
            ("payment_intent", "payment_method"): self._payment_method,
            ("charge", "payment_method"): self._payment_method,
        }

    def expand(self, rendered: Json, paths: Iterable[str]) -> Json:
        """Expand every path, e.g. `data.discounts.source.coupon` of a list, and return the same object.

        Raises:
            Refusal: 400 when a path is too deep or names something that cannot be expanded.
        """
        for path in paths:
            segments = path.split(".")
            depth = len(segments) - (segments[0] == "data")
            if depth > DEEPEST:
                raise bad_request(f"You cannot expand more than {DEEPEST} levels of a property ({path}).", "expand")
            self._walk(rendered, segments, path)
        return rendered

    def _walk(self, rendered: Json, segments: list[str], path: str) -> None:
        segment, rest = segments[0], segments[1:]
        if segment == "currency_options" and rendered.get("object") == "price":
            price = self._account.prices[str(rendered["id"])]
            rendered[segment] = render_currency_options(price, tiers=rest == ["tiers"])
            return
        value = self._value(rendered, segment, path)
        rendered[segment] = value
        if rest:
            for inner in value if isinstance(value, list) else [value]:
                if isinstance(inner, dict):
                    self._walk(inner, rest, path)

    def _value(self, rendered: Json, segment: str, path: str) -> object:
        special = self._fields.get((str(rendered.get("object")), segment))
        already = rendered.get(segment)
        if isinstance(already, dict) or (isinstance(already, list) and already and isinstance(already[0], dict)):
            return already
        if special is not None:
            return special(rendered)
        if isinstance(already, str):
            return self._object(already, path)
        if segment not in rendered or already is not None:
            raise bad_request(f"This property cannot be expanded ({path}).", "expand")
        return None

    def _object(self, named: str, path: str) -> Json:
        """Return the object that an id names."""
        for stored in self._account.stores.values():
            found = stored.get(named)
            if found is not None:
                deleted = getattr(found, "deleted", False)
                return render_deleted_customer(found) if deleted else render_object(found, self._family)
        raise bad_request(f"This property cannot be expanded ({path}).", "expand")

    def _invoice_payments(self, rendered: Json) -> object:
        if not self._family.invoice_parent:
            raise bad_request("This property cannot be expanded (payments).", "expand")
        invoice = self._account.invoices[str(rendered["id"])]
        payments = [render_object(payment, self._family) for payment in invoice.payments]
        return embedded_list(payments, f"/v1/invoice_payments?invoice={invoice.id}")

    def _line_items(self, rendered: Json) -> object:
        session = self._account.checkout_sessions[str(rendered["id"])]
        rows = render_line_items(session, self._family)
        return embedded_list(rows, f"/v1/checkout/sessions/{session.id}/line_items")

    def _payment_method(self, rendered: Json) -> object:
        stored = self._account.payment_intents if rendered["object"] == "payment_intent" else self._account.charges
        owner: Any = stored[str(rendered["id"])]
        return render_payment_method(owner.card, owner.customer, owner.livemode) if owner.card else None

    def _named(self, rendered: Json, discounts: Iterable[Discount]) -> object:
        """Return the discounts whose ids stand in `discounts`, whole, in their order."""
        if "discounts" not in rendered:
            raise bad_request("This property cannot be expanded (discounts).", "expand")
        by_id = {discount.id: render_discount(discount, self._family) for discount in discounts}
        ids = rendered["discounts"]
        return [by_id.get(str(each), each) for each in ids] if isinstance(ids, list) else ids

    def _of_subscription(self, rendered: Json) -> Iterable[Discount]:
        return self._account.subscriptions[str(rendered["id"])].discounts

    def _of_item(self, rendered: Json) -> Iterable[Discount]:
        subscription = self._account.subscriptions[str(rendered["subscription"])]
        return (discount for item in subscription.items for discount in item.discounts)

    def _of_invoice(self, invoice: str) -> list[Discount]:
        found = self._account.invoices[invoice]
        discounts = list(found.discounts)
        subscription = self._account.subscriptions.get(found.subscription or "")
        if subscription is not None:
            discounts += subscription.discounts
            discounts += (discount for item in subscription.items for discount in item.discounts)
        return discounts

    def _of_line(self, rendered: Json) -> Iterable[Discount]:
        return self._of_invoice(str(rendered["invoice"]))
