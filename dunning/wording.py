"""How customers, plans and amounts of cases are called: looked up once for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from billing.models import Subscription
from billing.modes import Mode
from billing.money import Money
from billing.names import customer_labels, plan_names
from pqintel.ui import figures
from pqintel.workspaces.models import Workspace

from .models import Case

MOST_LISTED: Final = 20
"""So many invoices are named one by one, wherever several are; of the others, how many and how much."""


@dataclass(frozen=True, slots=True)
class Words:
    """Names for what cases are about, in one workspace. `customers` and `plans` are by Stripe's id of customer and
    subscription; what is not known is called by its id, or not at all."""

    workspace: Workspace
    customers: Mapping[str, str]
    plans: Mapping[str, str]

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.workspace.timezone)

    def customer(self, case: Case) -> str:
        return self.customers.get(case.customer, case.customer)

    def plan(self, case: Case) -> str:
        return self.plans.get(case.subscription or "", "")

    def day(self, at: datetime) -> str:
        """ "March 1, 2026", in the workspace's time zone."""
        local = at.astimezone(self.zone)
        return f"{local:%B} {local.day}, {local.year}"


def words_for(workspace_id: int, mode: Mode, cases: Sequence[Case]) -> Words:
    """The names for some cases. Five queries at most, in scope."""
    ids = {case.subscription for case in cases if case.subscription}
    rows = Subscription.objects.filter(workspace_id=workspace_id, mode=mode, stripe_id__in=ids)
    items = {row.stripe_id: [item["price"] for item in row.items] for row in rows.only("stripe_id", "items")}
    names = plan_names(workspace_id, mode, {price for prices in items.values() for price in prices})
    return Words(
        workspace=Workspace.objects.get(pk=workspace_id),
        customers=customer_labels(workspace_id, mode, (case.customer for case in cases)),
        plans={stripe_id: listed(names[price].name for price in prices) for stripe_id, prices in items.items()},
    )


def amounts(owed: Iterable[Money]) -> str:
    """Sums in words, one for each currency: "$49.00 and €20.00"."""
    sums: dict[str, Money] = {}
    for money in owed:
        sums[money.currency] = sums[money.currency] + money if money.currency in sums else money
    return listed(figures.money(money) for _, money in sorted(sums.items()))


def and_more(count: int, owed: Iterable[Money]) -> str:
    """The line that stands for those that are not listed: "and 12 more, $588.00 in total"."""
    return f"and {count:,} more, {amounts(owed)} in total"


def listed(some: Iterable[str], most: int | None = None) -> str:
    """ "a", "a and b", "a, b and c"; each once, in the order given; of more than `most`: "a, b and 7 more"."""
    names = list(dict.fromkeys(some)) or [""]
    if most is not None and len(names) > most:
        names = [*names[:most], f"{len(names) - most:,} more"]
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
