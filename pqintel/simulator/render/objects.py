"""From any canonical object to the JSON of a payload family."""

from pqintel.simulator.render.catalogue import (
    render_coupon,
    render_discount,
    render_price,
    render_product,
)
from pqintel.simulator.render.checkout import render_checkout_session
from pqintel.simulator.render.customer import render_customer
from pqintel.simulator.render.families import NEWEST, Family
from pqintel.simulator.render.invoice import render_invoice, render_invoice_payment
from pqintel.simulator.render.payment import render_charge, render_payment_intent
from pqintel.simulator.render.shape import Json
from pqintel.simulator.render.subscription import render_subscription
from pqintel.simulator.state import (
    Anything,
    Charge,
    CheckoutSession,
    Coupon,
    Customer,
    Discount,
    Invoice,
    InvoicePayment,
    PaymentIntent,
    Price,
    Product,
    Subscription,
)


def render_object(state: Anything, family: Family = NEWEST) -> Json:
    """Return the object as an event or an unexpanded read of this family shows it.

    The result is fresh at every level that a caller may want to change.
    """
    match state:
        case Subscription():
            return render_subscription(state, family)
        case Invoice():
            return render_invoice(state, family)
        case PaymentIntent():
            return render_payment_intent(state, family)
        case Charge():
            return render_charge(state, family)
        case Customer():
            return render_customer(state, family)
        case CheckoutSession():
            return render_checkout_session(state, family)
        case InvoicePayment():
            return render_invoice_payment(state)
        case Price():
            return render_price(state, family)
        case Product():
            return render_product(state, family)
        case Coupon():
            return render_coupon(state)
        case Discount():
            return render_discount(state, family)
