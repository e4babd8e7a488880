"""What a customer may use, since when and because of what: a function of their subscriptions' versions. Pure.

The rules, in the order in which they apply:

* a subscription that is `active`, `trialing` or `past_due` gives the tiers of its prices; `past_due` for as long as the
  policy says. Collection paused with `void` gives nothing: to Stripe that means that the service is not provided, while
  its other two ways of pausing mean that it goes on;
* every other status gives the free tier of the policy, or nothing;
* of several subscriptions and items the better counts: the highest tier, each feature at its best. Seats that a tier
  includes do not add up, seats bought by quantity do; the larger of the two counts;
* a price that nobody has mapped gives nothing, and is named;
* a subscription that dunning holds back gives nothing from then on, until its invoice is paid (of one that was written
  off: until a later one is); others still do;
* an override adds to this, or stands instead of it.

Since the versions are the same whatever order events arrived in, so is the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ..rules import Rules
from .case import Case, given_by
from .terms import PAID_FOR, Decision, Given, Hold, Override, Reason, Step

__all__ = ["PAID_FOR", "Decision", "Given", "Hold", "Override", "Reason", "Step", "decide", "given_by"]


def decide(
    subscriptions: Mapping[str, Sequence[Step]],
    overrides: Sequence[Override],
    rules: Rules,
    now: int,
    holds: Sequence[Hold] = (),
) -> Decision | None:
    """A customer's access at `now` (unix seconds), or at the newest second that anything is known of, if that is later.

    Args:
        subscriptions: the steps of each, in order of time.
        overrides: all the customer ever had.
        holds: all there ever were on these subscriptions.

    Returns:
        None for a customer who never had a subscription nor an override.
    """
    lives = {stripe_id: _changes(steps) for stripe_id, steps in sorted(subscriptions.items()) if steps}
    ordered = sorted(overrides, key=lambda o: (o.starts, o.id))
    case = Case(lives, ordered, rules, sorted((h for h in holds if h.subscription in lives), key=Hold.place))
    every = case.boundaries()
    if not every:
        return None
    # What was told or decided has happened, though its second may lie a little ahead of `now`: Stripe's clock may be
    # ahead, and so may another machine's, and who asks may have waited for the lane since. A decision as of before that
    # would leave out what is decided already, and nothing would bring it up again.
    told = [life[-1].second for life in lives.values()]
    at = max([now, *told, *(override.decided for override in ordered), *(hold.decided for hold in case.holds)])
    past = [second for second in every if second <= at]
    if not past:
        return None
    found = case.at(at)
    began = past[-1]
    for second in reversed(past):
        if case.at(second).given != found.given:
            break
        began = second
    since, cause = began, case.cause(began)
    if found.rules and (latest := max(found.rules))[0] > since:
        since, cause = latest
    until = min((second for second in case.own_boundaries() if second > at), default=None)
    return Decision(
        found.given,
        found.reason,
        since,
        cause,
        found.subscription,
        found.unmapped,
        found.override is not None,
        until,
    )


def _changes(steps: Iterable[Step]) -> list[Step]:
    """One step per second, the last one of it, and only those that differ from the one before."""
    last_of_second = {step.second: step for step in steps}
    kept: list[Step] = []
    for step in last_of_second.values():
        if not kept or kept[-1][2:] != step[2:]:
            kept.append(step)
    return kept
