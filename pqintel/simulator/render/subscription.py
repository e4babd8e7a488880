"""Subscriptions and their items."""

from pqintel.simulator.render.catalogue import render_discount, render_plan, render_price
from pqintel.simulator.render.families import Family
from pqintel.simulator.render.shape import Json, embedded_list, head, tax_rate
from pqintel.simulator.state import Discount, Subscription, SubscriptionItem


def render_subscription(subscription: Subscription, family: Family) -> Json:
    """Return a subscription with its first ten items."""
    items = render_items(subscription, family)
    pause = subscription.pause_collection
    rendered: Json = {
        **head(subscription),
        "application_fee_percent": None,
        "automatic_tax": _automatic_tax(family),
        "billing_cycle_anchor": subscription.billing_cycle_anchor,
        "billing_thresholds": None,
        "cancel_at": subscription.cancel_at,
        "cancel_at_period_end": subscription.cancel_at_period_end,
        "canceled_at": subscription.canceled_at,
        "collection_method": subscription.collection_method,
        "customer": subscription.customer,
        "days_until_due": subscription.days_until_due,
        "default_payment_method": subscription.default_payment_method,
        "default_source": None,
        "default_tax_rates": [tax_rate(rate, subscription.livemode) for rate in subscription.default_tax_rates],
        "ended_at": subscription.ended_at,
        "items": embedded_list(items, f"/v1/subscription_items?subscription={subscription.id}"),
        "latest_invoice": subscription.latest_invoice,
        "next_pending_invoice_item_invoice": None,
        "pause_collection": pause and {"behavior": pause.behavior, "resumes_at": pause.resumes_at},
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": None,
        **_single_plan(subscription, family),
        "schedule": subscription.schedule,
        "start_date": subscription.start_date,
        "status": subscription.status,
        "transfer_data": None,
        "trial_end": subscription.trial_end,
        "trial_start": subscription.trial_start,
        **_discounts(subscription.discounts, family),
    }
    if not family.item_periods:
        rendered["current_period_end"] = subscription.current_period_end
        rendered["current_period_start"] = subscription.current_period_start
    if not family.prices:
        rendered["tax_percent"] = None
    if family.subscription_currency:
        rendered |= _since_2022(subscription)
    if family.billing_mode:
        rendered |= _since_basil(subscription)
    if family.status_details:
        rendered["status_details"] = _status_details(subscription)
    return rendered


def render_items(subscription: Subscription, family: Family) -> list[Json]:
    """Return all items of a subscription."""
    return [_item(item, subscription, family) for item in subscription.items]


def _item(item: SubscriptionItem, subscription: Subscription, family: Family) -> Json:
    rendered = head(item)
    del rendered["livemode"]
    rendered |= {
        "billing_thresholds": None,
        "plan": render_plan(item.price, family),
        "subscription": item.subscription,
        "tax_rates": [tax_rate(rate, subscription.livemode) for rate in item.tax_rates],
    }
    if item.quantity is not None:  # metered items have no quantity at all, not even null
        rendered["quantity"] = item.quantity
    if family.prices:
        rendered["price"] = render_price(item.price, family)
    if family.subscription_discounts:
        rendered["discounts"] = [discount.id for discount in item.discounts]
    if family.item_periods:
        rendered["current_period_end"] = item.current_period_end
        rendered["current_period_start"] = item.current_period_start
    return rendered


def _single_plan(subscription: Subscription, family: Family) -> Json:
    """A subscription with one item repeats its plan and quantity at the top, in every version."""
    if len(subscription.items) != 1:
        return {"plan": None, "quantity": None}
    item = subscription.items[0]
    return {"plan": render_plan(item.price, family), "quantity": item.quantity}


def _discounts(discounts: tuple[Discount, ...], family: Family) -> Json:
    rendered: Json = {}
    if family.embedded_discount:
        rendered["discount"] = render_discount(discounts[0], family) if discounts else None
    if family.subscription_discounts:
        rendered["discounts"] = [discount.id for discount in discounts]
    return rendered


def _automatic_tax(family: Family) -> Json:
    if family.subscription_currency:
        return {"disabled_reason": None, "enabled": False, "liability": None}
    return {"enabled": False}


def _since_2022(subscription: Subscription) -> Json:
    return {
        "application": None,
        "cancellation_details": {
            "comment": subscription.cancellation_comment,
            "feedback": subscription.cancellation_feedback,
            "reason": subscription.cancellation_reason,
        },
        "currency": subscription.currency,
        "description": subscription.description,
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "on_behalf_of": None,
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "test_clock": None,
        "trial_settings": {"end_behavior": {"missing_payment_method": subscription.trial_end_behavior}},
    }


def _since_basil(subscription: Subscription) -> Json:
    mode: Json = {"flexible": None, "type": subscription.billing_mode}
    if subscription.billing_mode == "flexible":
        mode = {
            "flexible": {"proration_discounts": "included"},
            "type": "flexible",
            "updated_at": subscription.created,
        }
    return {"billing_cycle_anchor_config": None, "billing_mode": mode}


def _status_details(subscription: Subscription) -> Json | None:
    if subscription.status != "paused":
        return None
    trial_ended = subscription.trial_end is not None and subscription.trial_end_behavior == "pause"
    return {
        "paused": {
            "subscription": {"type": "trial_end_without_payment_method" if trial_ended else "final_payment_failure"},
            "transitioned_at": subscription.trial_end if trial_ended else subscription.current_period_start,
            "type": "subscription",
        }
    }
