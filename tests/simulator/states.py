"""One of everything, as canonical states written out by hand, for tests that look at shapes only."""

from decimal import Decimal

from pqintel.simulator.events import SimEvent
from pqintel.simulator.state import (
    Address,
    Anything,
    Card,
    Charge,
    CheckoutSession,
    Coupon,
    Customer,
    Discount,
    Invoice,
    InvoiceLine,
    InvoicePayment,
    PaymentError,
    PaymentIntent,
    Price,
    Product,
    Subscription,
    SubscriptionItem,
    TaxAmount,
    TaxRate,
    Tier,
)

START, END = 1_700_000_000, 1_702_592_000

PRODUCT = Product(id="prod_Team", created=START, name="Team", updated=START, default_price="price_Team")
PRICE = Price(
    id="price_Team",
    created=START,
    product="prod_Team",
    currency="usd",
    unit_amount=Decimal(2990),
    lookup_key="team",
    metadata={"tier": "team"},
)
TIERED = Price(
    id="price_Tiered",
    created=START,
    product="prod_Team",
    currency="usd",
    billing_scheme="tiered",
    tiers_mode="graduated",
    tiers=(
        Tier(up_to=5, unit_amount=Decimal(700)),
        Tier(up_to=None, unit_amount=Decimal("612.5"), flat_amount=Decimal(100)),
    ),
)
METERED = Price(
    id="price_Metered",
    created=START,
    product="prod_Team",
    currency="usd",
    unit_amount=Decimal("0.5"),
    usage_type="metered",
    meter="mtr_Calls",
    transform_divide_by=10,
    transform_round="up",
)
COUPON = Coupon(
    id="WELCOME25", created=START, name="Welcome", percent_off=Decimal(25), duration="repeating", duration_in_months=3
)
DISCOUNT = Discount(
    id="di_Welcome", coupon=COUPON, customer="cus_Ada", start=START, end=END + 5_184_000, subscription="sub_Ada"
)
VAT = TaxRate(id="txr_Vat", percentage=Decimal(19), country="DE")
CARD = Card(id="pm_Visa", fingerprint="Fp1")
CUSTOMER = Customer(
    id="cus_Ada",
    created=START,
    name="Ada",
    email="ada@example.com",
    currency="usd",
    address=Address(country="DE", city="Berlin"),
    card=CARD,
    invoice_prefix="ADA00001",
    metadata={"workspace": "ada"},
)
ITEM = SubscriptionItem(
    id="si_Ada",
    created=START,
    subscription="sub_Ada",
    price=PRICE,
    quantity=2,
    current_period_start=START,
    current_period_end=END,
)
SUBSCRIPTION = Subscription(
    id="sub_Ada",
    created=START,
    customer="cus_Ada",
    currency="usd",
    status="active",
    items=(ITEM,),
    start_date=START,
    billing_cycle_anchor=START,
    discounts=(DISCOUNT,),
    default_tax_rates=(VAT,),
    latest_invoice="in_0123456789abcdefghijklmn",
    metadata={"seats": "2"},
)
TAX = TaxAmount(rate=VAT, amount=852, taxable=4485)
LINE = InvoiceLine(
    id="il_Ada",
    created=START,
    invoice="in_0123456789abcdefghijklmn",
    type="subscription",
    amount=5980,
    currency="usd",
    description="2 × Team (at $29.90 / month)",
    price=PRICE,
    quantity=2,
    period_start=START,
    period_end=END,
    subscription="sub_Ada",
    subscription_item="si_Ada",
    discount_amounts=(("di_Welcome", 1495),),
    taxes=(TAX,),
)
PRORATION = InvoiceLine(
    id="il_Unused",
    created=START,
    invoice="in_0123456789abcdefghijklmn",
    type="invoiceitem",
    amount=-1000,
    currency="usd",
    description="Unused time on Team",
    price=PRICE,
    quantity=1,
    period_start=START,
    period_end=END,
    proration=True,
    subscription="sub_Ada",
    invoice_item="ii_Unused",
    discountable=False,
)
PAYMENT = InvoicePayment(
    id="inpay_Ada",
    created=START,
    invoice="in_0123456789abcdefghijklmn",
    payment_intent="pi_Ada",
    amount_requested=5337,
    amount_paid=5337,
    currency="usd",
    status="paid",
    paid_at=START + 5,
)
INVOICE = Invoice(
    id="in_0123456789abcdefghijklmn",
    created=START,
    customer="cus_Ada",
    customer_email="ada@example.com",
    currency="usd",
    status="paid",
    billing_reason="subscription_create",
    number="ADA00001-0001",
    subscription="sub_Ada",
    subscription_metadata={"seats": "2"},
    lines=(LINE,),
    discounts=(DISCOUNT,),
    total_discount_amounts=(("di_Welcome", 1495),),
    total_taxes=(TAX,),
    subtotal=5980,
    total=5337,
    total_excluding_tax=4485,
    amount_due=5337,
    amount_paid=5337,
    attempt_count=1,
    attempted=True,
    period_start=START,
    period_end=START,
    finalized_at=START,
    paid_at=START + 5,
    payment_intent="pi_Ada",
    charge="ch_Second",
    payments=(PAYMENT,),
)
DECLINED = Charge(
    id="ch_First",
    created=START + 1,
    amount=5337,
    currency="usd",
    customer="cus_Ada",
    invoice="in_0123456789abcdefghijklmn",
    payment_intent="pi_Ada",
    status="failed",
    card=CARD,
    failure_code="card_declined",
    failure_message="Your card has insufficient funds.",
    decline_code="insufficient_funds",
    advice_code="try_again_later",
    network_status="declined_by_network",
    outcome_type="issuer_declined",
    seller_message="The bank returned the decline code `insufficient_funds`.",
)
CHARGE = Charge(
    id="ch_Second",
    created=START + 5,
    amount=5337,
    currency="usd",
    customer="cus_Ada",
    invoice="in_0123456789abcdefghijklmn",
    payment_intent="pi_Ada",
    status="succeeded",
    card=CARD,
)
ERROR = PaymentError(
    code="card_declined",
    decline_code="insufficient_funds",
    message="Your card has insufficient funds.",
    advice_code="try_again_later",
    charge="ch_First",
    card=CARD,
)
FAILED_INTENT = PaymentIntent(
    id="pi_Ada",
    created=START,
    amount=5337,
    currency="usd",
    customer="cus_Ada",
    invoice="in_0123456789abcdefghijklmn",
    status="requires_payment_method",
    charges=(DECLINED,),
    last_payment_error=ERROR,
)
INTENT = PaymentIntent(
    id="pi_Ada",
    created=START,
    amount=5337,
    amount_received=5337,
    currency="usd",
    customer="cus_Ada",
    invoice="in_0123456789abcdefghijklmn",
    status="succeeded",
    card=CARD,
    charges=(DECLINED, CHARGE),
)
SESSION = CheckoutSession(
    id="cs_test_Ada",
    created=START,
    mode="subscription",
    status="complete",
    payment_status="paid",
    customer="cus_Ada",
    customer_email="ada@example.com",
    customer_name="Ada",
    customer_country="DE",
    client_reference_id="workspace-7",
    subscription="sub_Ada",
    invoice="in_0123456789abcdefghijklmn",
    currency="usd",
    amount_subtotal=5980,
    amount_total=5980,
    lines=((PRICE, 2),),
    expires_at=START + 86_400,
)


def event(type_: str, after: Anything, before: Anything | None = None, sequence: int = 1) -> SimEvent:
    """Return an event about a state, as the account would emit it."""
    return SimEvent(
        id=f"evt_{sequence:08}",
        sequence=sequence,
        type=type_,
        created=START + 5,
        kind=after.kind,
        before=before,
        after=after,
        request="req_1",
        idempotency_key="0d2a",
        livemode=False,
    )
