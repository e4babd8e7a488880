"""Discounts: which coupon reduces what until when, in all the places where Stripe has put that over the years.

Until 2025: `discount` with the whole coupon inside, later beside `discounts` (ids). From basil on `discounts` only;
from clover on an expanded discount names its coupon in `source.coupon`, by id unless expanded as well.
"""

from __future__ import annotations

from billing.snapshots import Discount, DiscountRef

from .catalogue import coupon
from .lesson import Lesson
from .part import Part


def refs(owner: Part) -> tuple[DiscountRef, ...]:
    """The discounts of a customer, subscription or item in the order in which they apply.

    By id alone where there is one: every payload family then shows the same state, and the terms are catalogue.
    """
    if not all(type(entry) in (str, dict) for entry in owner.entries("discounts")):
        raise owner.refusal("discounts", "holds something that is neither an id nor an object")
    embedded = iter(owner.parts("discounts"))
    named = tuple(
        DiscountRef(id=entry) if type(entry) is str else _ref(next(embedded)) for entry in owner.entries("discounts")
    )
    if not named and (single := owner.part("discount")) is not None:
        return (_ref(single),)
    return named


def around(owner: Part, owner_id: str, lesson: Lesson) -> None:
    """Teaches the terms that `owner`'s payload holds, and wants (by way of `owner_id`) those that it only names."""
    parts = owner.parts("discounts")
    if (single := owner.part("discount")) is not None:
        parts.append(single)
    for part in parts:
        discount(part, lesson)
    told = {part.text("id") for part in parts}
    for entry in owner.entries("discounts"):
        if type(entry) is str and entry not in told:
            lesson.want(f"discount:{entry}", owner_id)


def discount(part: Part, lesson: Lesson) -> None:
    """Teaches a discount and its coupon; wants the coupon's terms where only its id is given."""
    holder = part.part("source") or part
    name = holder.ref("coupon")
    if (terms := holder.part("coupon")) is not None:
        coupon(terms, lesson)
    elif name is not None:
        lesson.want("coupon", name)
    if (identity := part.ref("id")) is not None:
        lesson.entry(
            Discount(
                id=identity,
                coupon=holder.told("coupon", holder.ref),
                start=part.told("start", part.instant),
                end=part.told("end", part.instant),
            )
        )


def _ref(part: Part) -> DiscountRef:
    identity = part.ref("id")
    if identity is not None:
        return DiscountRef(id=identity)
    holder = part.part("source") or part
    return DiscountRef(id=None, coupon=holder.ref("coupon"), start=part.instant("start"), end=part.instant("end"))
