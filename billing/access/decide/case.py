"""One customer's subscriptions, overrides and holds: what they give at any instant, and what brought that about."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from ..rules import Resolution, Rules
from ..tiers import TierTerms, better_features, more_seats
from .terms import GIVING, Given, Hold, Override, Reason, Step

DAY: Final = 86_400
_FALLEN: Final = {
    **dict.fromkeys(GIVING, Reason.PAUSED),  # its collection is paused
    "unpaid": Reason.UNPAID,
    "paused": Reason.PAUSED,
    "incomplete": Reason.INCOMPLETE,
    "incomplete_expired": Reason.ENDED,
    "canceled": Reason.ENDED,
}


class Found(NamedTuple):
    """What may be used at an instant, and what it rests on."""

    given: Given
    reason: Reason
    subscription: str | None
    unmapped: tuple[str, ...]
    override: Override | None
    rules: tuple[tuple[int, str], ...]  # (changed at, name) of what somebody decided and this rests on


class Case:
    """One customer's subscriptions, overrides and holds under the rules."""

    def __init__(
        self, lives: Mapping[str, list[Step]], overrides: Sequence[Override], rules: Rules, holds: Sequence[Hold]
    ) -> None:
        self.lives, self.overrides, self.rules, self.holds = lives, overrides, rules, holds
        self._seconds = {stripe_id: [step.second for step in life] for stripe_id, life in lives.items()}
        self._graces = dict(self._grace_ends())

    def boundaries(self) -> list[int]:
        """Every instant at which something may change, in order."""
        steps = {second for seconds in self._seconds.values() for second in seconds}
        return sorted(steps | self.own_boundaries())

    def own_boundaries(self) -> set[int]:
        """Those at which it changes without any event."""
        starts = {override.starts for override in self.overrides}
        ends = {override.ends for override in self.overrides if override.ends is not None}
        holds = {second for hold in self.holds for second in (hold.starts, hold.ends) if second is not None}
        return starts | ends | holds | {end for end, _ in self._graces.values()}

    def cause(self, second: int) -> str:
        """What happened at a boundary: an event's id, "dunning:…" or "override:…"."""
        found = self.at(second)
        override = found.override
        if override is not None and override.starts == second:
            return f"override:{override.id}"
        deciding = [found.subscription] if found.subscription else []
        for stripe_id in [*deciding, *self.lives]:
            for step in self.lives[stripe_id]:
                if step.second == second:
                    return step.event_id
        for _, (end, event_id) in sorted(self._graces.items()):
            if end == second:
                return event_id
        for hold in self.holds:
            if second in (hold.starts, hold.ends):
                return f"dunning:{hold.invoice}"
        over = next((o for o in reversed(self.overrides) if second in (o.ends, o.starts)), None)
        return f"override:{over.id}" if over else ""

    def at(self, second: int) -> Found:
        """What may be used at an instant."""
        now = {stripe_id: step for stripe_id in self.lives if (step := self._step(stripe_id, second)) is not None}
        paid = self._paid(now, second)
        override = next((o for o in reversed(self.overrides) if _holds(o, second)), None)
        return paid if override is None else self._overridden(paid, override)

    def _step(self, stripe_id: str, second: int) -> Step | None:
        index = bisect_right(self._seconds[stripe_id], second)
        return self.lives[stripe_id][index - 1] if index else None

    def _grace_ends(self) -> Iterable[tuple[tuple[str, int], tuple[int, str]]]:
        """By (subscription, second of the step): when a `past_due` step's grace ends, and the event that began it."""
        days = self.rules.past_due_days
        if days is None:
            return
        for stripe_id, life in self.lives.items():
            began: Step | None = None
            for step in life:
                began = (began or step) if step.status == "past_due" else None
                if began is not None:
                    yield (stripe_id, step.second), (began.second + days * DAY, began.event_id)

    def _paid(self, now: Mapping[str, Step], second: int) -> Found:
        giving, fallen = [], []
        held = {hold.subscription: hold for hold in self.holds if _holds(hold, second)}
        for stripe_id, step in now.items():
            grace = self._graces.get((stripe_id, step.second))
            hold = held.get(stripe_id)
            if step.gives and hold is not None:
                fallen.append((hold.starts, stripe_id, Reason.DUNNING))
            elif step.gives and (grace is None or second < grace[0]):
                giving.append((stripe_id, step))
            else:
                reason = Reason.GRACE_OVER if step.gives else _FALLEN.get(step.status, Reason.UNKNOWN)
                fallen.append((step.second, stripe_id, reason))
        lines = [(stripe_id, step, *item) for stripe_id, step in giving for item in step.items]
        resolved = {price: self.rules.resolve(price) for _, _, price, _ in lines}
        unmapped = tuple(sorted(price for price, what in resolved.items() if not what.mapped))
        best = self._best(lines, resolved)
        if best is not None:
            stripe_id, step, tier = best
            bought = self._bought(lines, resolved)
            told = [what for _, _, price, _ in lines if (what := resolved[price]).tier == tier.key]
            return Found(
                Given(tier.key, better_features(*(t.features for t, _ in bought)), _seats(bought)),
                Reason(step.status),
                stripe_id,
                unmapped,
                None,
                (*_touched(told), *_tier_touched(tier)),
            )
        if giving:
            reason, stripe_id = (Reason.UNMAPPED if unmapped else Reason.ADD_ON), giving[0][0]
        else:
            _, stripe_id, reason = max(fallen, default=(0, "", Reason.NO_SUBSCRIPTION))
        told = list(resolved.values())
        hold = held.get(stripe_id) if reason is Reason.DUNNING else None
        fallback = self.rules.fallback if hold is None or hold.falls_to_free else None
        return self._fallen(reason, stripe_id or None, unmapped, _touched(told), fallback)

    def _best(
        self, lines: Sequence[tuple[str, Step, str, int]], resolved: Mapping[str, Resolution]
    ) -> tuple[str, Step, TierTerms] | None:
        """The line with the highest tier; of equals the subscription with the smallest id."""
        best: tuple[str, Step, TierTerms] | None = None
        for stripe_id, step, price, _ in lines:
            tier = self.rules.tiers.get(resolved[price].tier or "")
            if tier is not None and (best is None or _height(tier) > _height(best[2])):
                best = stripe_id, step, tier
        return best

    def _bought(
        self, lines: Sequence[tuple[str, Step, str, int]], resolved: Mapping[str, Resolution]
    ) -> list[tuple[TierTerms, int]]:
        """Every tier that is paid for, with the quantity bought of it."""
        bought: dict[str, int] = {}
        for _, _, price, quantity in lines:
            if key := resolved[price].tier:
                bought[key] = bought.get(key, 0) + quantity
        return [(self.rules.tiers[key], quantity) for key, quantity in sorted(bought.items())]

    def _fallen(
        self,
        reason: Reason,
        stripe_id: str | None,
        unmapped: tuple[str, ...],
        touched: Iterable[tuple[int, str]],
        tier: TierTerms | None,
    ) -> Found:
        changed = self.rules.policy_changed_at
        rules = (*touched, *([(changed, "policy")] if changed else []), *_tier_touched(tier))
        return Found(given_by(tier), reason, stripe_id, unmapped, None, rules)

    def _overridden(self, paid: Found, override: Override) -> Found:
        tier = self.rules.tiers.get(override.tier or "")
        if override.exactly:
            given = Given(
                tier.key if tier else None,
                dict(sorted({**(tier.features if tier else {}), **override.features}.items())),
                override.seats if override.seats is not None else given_by(tier).seats,
            )
        else:
            has = self.rules.tiers.get(paid.given.tier or "")
            higher = tier if tier and (has is None or _height(tier) > _height(has)) else has
            given = Given(
                higher.key if higher else None,
                better_features(paid.given.features, tier.features if tier else {}, override.features),
                more_seats(
                    paid.given.seats, tier.seat_limit if tier else 0, 0 if override.seats is None else override.seats
                ),
            )
        decides = override.exactly or given.tier != paid.given.tier
        reason = Reason.OVERRIDE if decides else paid.reason
        return paid._replace(given=given, reason=reason, override=override, rules=(*paid.rules, *_tier_touched(tier)))


def given_by(tier: TierTerms | None) -> Given:
    """What a tier gives by itself; None = no access."""
    if tier is None:
        return Given(None, {}, 0)
    return Given(tier.key, dict(sorted(tier.features.items())), tier.seat_limit)


def _seats(held: Sequence[tuple[TierTerms, int]]) -> int | None:
    """Seats that tiers include do not add up; seats bought by quantity do, each tier's up to its limit."""
    included = [tier.seat_limit for tier, _ in held if not tier.seats_by_quantity]
    bought = [
        quantity if tier.seat_limit is None else min(quantity, tier.seat_limit)
        for tier, quantity in held
        if tier.seats_by_quantity
    ]
    return more_seats(*included, sum(bought))


def _height(tier: TierTerms) -> tuple[int, str]:
    return tier.rank, tier.key


def _holds(decided: Override | Hold, second: int) -> bool:
    return decided.starts <= second and (decided.ends is None or second < decided.ends)


def _touched(told: Iterable[Resolution]) -> list[tuple[int, str]]:
    return [what.touched for what in told if what.touched[0]]


def _tier_touched(tier: TierTerms | None) -> list[tuple[int, str]]:
    return [(tier.changed_at, f"tier:{tier.key}")] if tier is not None and tier.changed_at else []
