"""What single days did, from spans alone: the pure part of the movements."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

from billing.models import OPEN_END, MovementKind
from billing.movements import Line, Worth, exact, movements

MARCH = 1_772_323_200  # 2026-03-01T00:00:00Z
DAY = 86_400
UTC_ZONE = ZoneInfo("UTC")
THIRD, SIXTH = Decimal("16.666666666666666667"), Decimal("8.333333333333333333")


def worth(monthly: Decimal, starts: int, ends: int = OPEN_END, price: str = "price_1") -> Worth:
    return Worth(
        "sub_1", "usd", price, exact(monthly), trial=False, involuntary=False,
        starts=MARCH + starts * DAY, ends=ends if ends == OPEN_END else MARCH + ends * DAY,
    )  # fmt: skip


def in_usd(*spans: Worth) -> dict[date, Line]:
    told = movements(spans, UTC_ZONE)
    return {key.day: line for key, line in told.items() if (key.currency, key.price) == ("usd", "")}


def test_what_is_split_moves_nothing_and_leaves_nothing_behind() -> None:
    split = (worth(THIRD, 0, 5), worth(SIXTH, 5, 9, "price_2"), worth(SIXTH, 5, 9, "price_3"))
    told = in_usd(*split)
    assert [(day.day, line.kind) for day, line in sorted(told.items())] == [
        (1, MovementKind.NEW),
        (10, MovementKind.CHURN),
    ]
    assert sum(line.amount for line in told.values()) == 0


def test_who_returns_after_a_split_is_not_expanded() -> None:
    told = in_usd(worth(THIRD, 0, 5), worth(SIXTH, 5, 9), worth(SIXTH, 5, 9, "price_2"), worth(Decimal(50), 20))
    assert told[date(2026, 3, 21)] == Line(MovementKind.REACTIVATION, exact(Decimal(50)), 0, 1)
