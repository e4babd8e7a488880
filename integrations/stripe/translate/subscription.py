"""Subscriptions and their items."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Final

from billing.snapshots import UNKNOWN, Fact, ItemState, Kind, SubscriptionState, Unknown

from . import discounts
from .catalogue import price
from .lesson import Lesson
from .part import Part

_ENDED: Final = ("canceled", "incomplete_expired")


def state(subscription: Part) -> SubscriptionState:
    items = subscription.parts("items")
    pause = subscription.part("pause_collection")
    mode = subscription.part("billing_mode")
    return SubscriptionState(
        id=subscription.need("id", subscription.ref),
        customer=subscription.need("customer", subscription.ref),
        status=_status(subscription),
        created=subscription.need("created", subscription.instant),
        currency=_currency(subscription, items),
        items=_items(subscription, items),
        discounts=discounts.refs(subscription),
        cancel_at_period_end=subscription.flag("cancel_at_period_end") is True,
        cancel_at=subscription.instant("cancel_at"),
        canceled_at=subscription.instant("canceled_at"),
        ended_at=subscription.instant("ended_at"),
        cancellation_reason=_cancellation_reason(subscription),
        trial_start=subscription.instant("trial_start"),
        trial_end=subscription.instant("trial_end"),
        pause_behavior=pause.text("behavior") if pause else None,
        pause_resumes_at=pause.instant("resumes_at") if pause else None,
        current_period_start=_period(subscription, items, "current_period_start", max),
        current_period_end=_period(subscription, items, "current_period_end", min),
        collection_method=subscription.told("collection_method", subscription.text),
        latest_invoice=subscription.ref("latest_invoice"),
        billing_mode=(mode.text("type") if mode else None) or "classic",
        items_cut=True if subscription.cut_off("items") else UNKNOWN,
    )


def around(subscription: Part, lesson: Lesson) -> None:
    """The terms inside: prices or plans, products, discounts; and what is cut off or only named."""
    identity = subscription.need("id", subscription.ref)
    currency = subscription.currency("currency")
    items = subscription.parts("items")
    for holder in items or [subscription]:
        _terms(holder, currency, lesson)
        discounts.around(holder, identity, lesson)
    if items:
        discounts.around(subscription, identity, lesson)
    if subscription.cut_off("items"):
        lesson.want("subscription", identity)


def trial_will_end(subscription: Part, lesson: Lesson) -> None:
    lesson.facts.append(
        Fact(
            kind="subscription.trial_will_end",
            object_kind=Kind.SUBSCRIPTION,
            object_id=subscription.need("id", subscription.ref),
            customer=subscription.ref("customer"),
            detail={"trial_end": subscription.instant("trial_end")},
        )
    )


def _status(subscription: Part) -> str:
    status = subscription.need("status", subscription.text)
    return "canceled" if subscription.flag("deleted") and status not in _ENDED else status


def _items(subscription: Part, items: list[Part]) -> tuple[ItemState, ...]:
    """In the order of their ids, so that no order of Stripe's looks like a change."""
    default_tax = _inclusive_percent(subscription, "default_tax_rates")
    if items:
        return tuple(sorted((_item(item, default_tax) for item in items), key=lambda item: item.id))
    if subscription.fields.get("plan") is None:
        return ()
    only = _item(subscription, default_tax)  # before there were items, the plan stood on the subscription itself
    return (replace(only, discounts=()),)


def _item(item: Part, default_tax: Decimal) -> ItemState:
    own_rates = item.fields.get("tax_rates")
    return ItemState(
        id=item.need("id", item.ref),
        price=item.ref("price") or item.need("plan", item.ref),
        quantity=item.count("quantity"),
        discounts=discounts.refs(item),
        inclusive_tax_percent=_inclusive_percent(item, "tax_rates") if own_rates else default_tax,
    )


def _inclusive_percent(owner: Part, key: str) -> Decimal:
    """The sum of the rates that are contained in the price."""
    percents = (rate.decimal("percentage") or Decimal(0) for rate in owner.parts(key) if rate.flag("inclusive"))
    return sum(percents, Decimal(0))


def _currency(subscription: Part, items: list[Part]) -> str | None | Unknown:
    """Older shapes tell the currency only with the price."""
    if "currency" in subscription.fields:
        return subscription.currency("currency")
    for holder in items or [subscription]:
        terms = holder.part("price") or holder.part("plan")
        if terms is not None:
            return terms.told("currency", terms.currency)
    return UNKNOWN


def _period(subscription: Part, items: list[Part], key: str, choose: Callable[[Iterable[int]], int]) -> int | None:
    """On the subscription until 2025-02, on the items since: they may differ."""
    if (whole := subscription.instant(key)) is not None:
        return whole
    return choose(ends) if (ends := [end for item in items if (end := item.instant(key)) is not None]) else None


def _cancellation_reason(subscription: Part) -> str | None | Unknown:
    details = subscription.part("cancellation_details")
    if details is not None:
        return details.text("reason")
    return None if "cancellation_details" in subscription.fields else UNKNOWN


def _terms(holder: Part, currency: str | None, lesson: Lesson) -> None:
    plan = holder.part("plan")
    terms = holder.part("price") or plan
    if terms is not None:
        price(terms, lesson, plan=plan, billed_in=currency)
