"""What a subscription was before the first that is known of it. Pure. Rules: metrics.md, "Before the connection"."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from billing.snapshots import SubscriptionState

_GOES_ON = frozenset({"active", "past_due", "trialing"})


def estimated_past(
    first: SubscriptionState, known_since: int, *, at_request: bool = False
) -> list[tuple[int, int, SubscriptionState]]:
    """The time from its creation to `known_since` (unix seconds, excluded) in pieces, each with the state assumed.

    With the terms of the first state that is known: a trial where its dates say so, else active. A canceled
    subscription was so until it ended, or until its end was asked for (`at_request`). What is unpaid, paused or
    incomplete leaves no past: nothing says when it paid.
    """
    if first.status in _GOES_ON:
        end = known_since
    elif first.status == "canceled":
        ended = first.ended_at if first.ended_at is not None else first.canceled_at
        end = known_since if ended is None else min(ended, known_since)
    else:
        return []
    if at_request and first.canceled_at is not None:
        end = min(end, first.canceled_at)
    trial_end = first.trial_end if first.trial_end is not None else first.created
    trial_start = first.trial_start if first.trial_start is not None else first.created
    turns = sorted({first.created, end, *(turn for turn in (trial_start, trial_end) if first.created < turn < end)})
    return [
        (begins, ends, replace(first, status="trialing" if trial_start <= begins < trial_end else "active"))
        for begins, ends in pairwise(turns)
        if ends <= end
    ]
