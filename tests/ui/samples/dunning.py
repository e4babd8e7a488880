"""Unpaid invoices: the list, cases in the states that look different, the policy for who may change it and who may
look, and what came back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import time, timedelta
from types import SimpleNamespace
from typing import Any

from django.http import QueryDict

from billing.money import Money
from billing.statuses import Status
from dunning.cards.page import CardsPage
from dunning.cards.page import Line as CardLine
from dunning.case_page import CasePage, Coming, Fate, Line
from dunning.forms import CardNoticeForm, ExclusionForm, PolicyForm, ReasonForm
from dunning.listing import STATES, CaseForm, CaseRow
from dunning.models import Case, CaseEntry, CaseState, EntryKind, Exclusion, Policy
from dunning.recovery import Outcome, Recovered

from .billing import usd
from .records import LONG
from .shell import NOW, USER, WORKSPACE, Page, nav

DAY = timedelta(days=1)


def rows() -> list[CaseRow]:
    def one(state: CaseState, name: str = "Ada Lovelace", **more: Any) -> CaseRow:
        plain: dict[str, Any] = {
            "invoice": "in_1",
            "label": "YO6A2VE0-0006",
            "customer": "cus_1",
            "amount": usd("49"),
            "attempts": 2,
            "opened_at": NOW - 4 * DAY,
            "closed_at": None,
            "paused": False,
            "reason": "",
            "next_step": "Second reminder",
            "next_step_at": NOW + 3 * DAY,
        }
        return CaseRow(status=STATES[state], customer_label=name, **{**plain, **more})

    return [
        one(CaseState.OPEN, next_step="First reminder", attempts=1),
        one(CaseState.ESCALATED, LONG, amount=usd("16500.50"), attempts=1204),
        one(CaseState.FINAL, paused=True),
        one(CaseState.DOWNGRADED, next_step="", next_step_at=None, amount=Money(5000, "jpy")),
        one(CaseState.RECOVERED, closed_at=NOW - DAY, next_step="", next_step_at=None),
    ]


def listing(query: str = "", **changes: Any) -> dict[str, Any]:
    form = CaseForm(QueryDict(query))
    wanted = form.filter()
    return {
        "name": "cases",
        "title": "Unpaid invoices",
        "form": form,
        "wanted": wanted,
        "narrowed": wanted.narrows,
        "rows": rows(),
        "notices": (),
        "sorts": {"opened": {"url": "?sort=opened", "direction": "descending"}},
        "next_url": "?after=1",
        "previous_url": None,
        "first_url": None,
        **changes,
    }


def case(state: CaseState = CaseState.ESCALATED, **more: Any) -> Case:
    plain: dict[str, Any] = {
        "invoice": "in_1QxYz12345678901234567890",
        "number": "YO6A2VE0-0006",
        "customer": "cus_1",
        "amount": 4900,
        "currency": "usd",
        "attempts": 3,
        "opened_at": NOW - 6 * DAY,
        "next_attempt_at": NOW + DAY,
    }
    return Case(state=state, **{**plain, **more})


def shown(one: Case, **changes: Any) -> dict[str, Any]:
    def line(text: str, days: float, *fates: Fate, by: str = "") -> Line:
        return Line(CaseEntry(kind=EntryKind.LETTER, text=text, at=NOW - days * DAY, by=by), fates)

    lines = [
        line("Paused.", 0.1, by="grace@northwind.example"),
        line(
            "The team was told.",
            1,
            Fate(Status("Sent", "good"), "Operations", ""),
            Fate(Status("Held", "warn"), "Finance and everybody who wants to know", "The channel is broken."),
        ),
        line("Second reminder: skipped, a letter went out less than a day before.", 2),
        line(
            "First reminder, together with YO6A2VE0-0007.",
            3,
            Fate(Status("Held", "warn"), "ada@engines.example", "Letters to customers were not answered yet", 7),
        ),
        line("The payment failed.", 6),
    ]
    page: dict[str, Any] = {
        "case": one,
        "status": STATES[CaseState(one.state)],
        "customer_label": "Ada Lovelace",
        "plan": "Scale",
        "owed": usd("49"),
        "reason": "Insufficient funds: may succeed later",
        "enabled": True,
        "held": False,
        "lines": lines,
        "coming": [Coming("Final warning", NOW + 4 * DAY), Coming("Access falls", NOW + 8 * DAY)],
        "others": [],
        "payment_url": "https://invoice.stripe.com/i/acct_1/test_1",
    }
    return {
        "page": CasePage(**{**page, **changes}),
        "resolve_form": ReasonForm(prefix="resolve_form"),
        "exclude_form": ReasonForm(prefix="exclude_form"),
    }


class SampleExclusionForm(ExclusionForm):
    """Asks no database."""

    def _customer(self, text: str) -> str:
        self.add_error("customer", "No customer “nobody” is known in test mode.")
        return ""


def cards() -> CardsPage:
    def one(name: str, status: Status, detail: str = "", letter: int | None = None, **more: Any) -> CardLine:
        plain: dict[str, Any] = {"card": "Visa •••• 4242", "expires": "December 2026", "at": None, **more}
        return CardLine("cus_1", name, status=status, detail=detail, letter=letter, **plain)

    return CardsPage(
        on=True,
        days=30,
        read_at=NOW - DAY / 4,
        due_at=NOW + DAY,
        month="January 2027",
        count=31,
        lines=[
            one("Ada Lovelace", Status("Sent", "good"), letter=1, at=NOW - DAY),
            one(LONG, Status("Skipped"), "Another card pays by now", 2, card="American Express •••• 0005", at=NOW),
            one("Grace Hopper", Status("Held", "warn"), "Letters to customers were not answered yet", 3, at=NOW),
            one("Alan Turing", Status("Not now"), "An invoice is unpaid: the letters about that go first"),
            one("Edsger Dijkstra", Status("Planned", "accent"), expires="January 2027", at=NOW + 5 * DAY),
        ],
    )


def policy(data: dict[str, Any] | None = None, chosen: tuple[int, ...] = (), **changes: Any) -> dict[str, Any]:
    terms = Policy(
        channels=list(chosen),
        quiet_from=time(21),
        quiet_until=time(8),
        escalate_amounts={"usd": 50_000},
        changed_at=NOW - DAY,
        changed_by="ada",
    )
    channels: Any = [SimpleNamespace(number=1, name="Operations"), SimpleNamespace(number=2, name=LONG)]
    tiers = [("growth", "Growth"), ("scale", "Scale")]
    workspace: Any = WORKSPACE
    reason = "Pays by bank transfer, always late, always pays"
    excluded = Exclusion(pk=1, kind="customer", value="cus_1", reason=reason, created_at=NOW - DAY, created_by="ada")
    tier = Exclusion(pk=2, kind="tier", value="enterprise", reason="Invoiced by hand", created_at=NOW, created_by="ada")
    wrong = {"kind": "customer", "customer": "nobody", "reason": ""} if data else None
    mode: Any = "test"
    return {
        "form": PolicyForm(terms, channels, data),
        "policy": terms,
        "amounts": ["USD 500.00"],
        "exclusions": [(excluded, LONG), (tier, "Enterprise")],
        "cards": CardsPage(on=False, days=30),
        "card_form": CardNoticeForm(terms),
        "exclusion_form": SampleExclusionForm(workspace, mode, tiers, wrong),
        "letters_wanted": True,
        "has_channels": True,
        "running": 12,
        **changes,
    }


WRONG = {
    "first_days": "7",
    "second_days": "3",
    "final_days": "1000",
    "quiet_from": "9 pm",
    "escalate_attempts": "0",
    "escalate_amounts": "many dollars\nJPY 1.5",
    "channels": ["7"],
    "grace_days": "",
    "falls_to": "elsewhere",
}


def outcome(label: str, back: str = "1204.50", lost: str = "98", open_: str = "49", **more: Any) -> Outcome:
    plain: dict[str, Any] = {"recovered": 24, "lost": 2, "open": 1, "aside": 3, "days": 4.25, "churned": 1}
    amounts = {"recovered_amount": usd(back), "lost_amount": usd(lost), "open_amount": usd(open_)}
    return Outcome(label=label, churned_amount=usd("49"), **amounts, **{**plain, **more})


def recovery() -> dict[str, Any]:
    months = (outcome("November 2026"), outcome("October 2026", "0", "0", "0", recovered=0, days=None))
    steps = (outcome("Before any letter"), outcome("After the first reminder"), outcome("After access fell"))
    declines = (outcome("Needs another payment method"), outcome("May succeed later"))
    return {"currencies": [Recovered("usd", outcome("All"), months, steps, declines)]}


def pages() -> Iterator[tuple[str, Page]]:
    """One page a state."""

    def page(template: str, mode: str, section: str, context: dict[str, Any], *, may_all: bool = True) -> Page:
        return Page(f"dunning/{template}.html", {"nav": nav(mode, section, may_all=may_all), "user": USER, **context})

    yield "cases", page("cases", "live", "cases", {"list": listing()})
    yield "cases-test", page("cases", "test", "cases", {"list": listing(previous_url="?before=1", first_url="?")})
    yield "cases-empty", page("cases", "test", "cases", {"list": listing(rows=[], next_url=None)})
    nothing = listing("q=nobody&status=lost", rows=[], next_url=None)
    yield "cases-nothing", page("cases", "live", "cases", {"list": nothing})
    other = case(number="YO6A2VE0-0007")
    yield "case", page("case", "live", "cases", shown(case(), others=[other]))
    many = shown(case(), others=[other] * 20, more="and 1,234 more, €119.00 and $1,501.00 in total", cut=True)
    yield "case-many", page("case", "live", "cases", many)
    paused = case(CaseState.FINAL, paused_at=NOW - DAY)
    yield "case-paused", page("case", "test", "cases", shown(paused, enabled=False))
    wrong = {**shown(case()), "resolve_form": ReasonForm({}, prefix="resolve_form")}
    yield "case-wrong", page("case", "live", "cases", wrong)
    closed = case(CaseState.RECOVERED, closed_at=NOW - DAY, reason="The invoice was paid.", next_attempt_at=None)
    yield "case-closed", page("case", "live", "cases", shown(closed, coming=[], owed=None), may_all=False)
    lost = case(CaseState.LOST, closed_at=NOW - DAY, reason="The invoice was written off.", next_attempt_at=None)
    yield "case-held", page("case", "live", "cases", shown(lost, coming=[], owed=None, held=True))
    yield "dunning", page("policy", "live", "dunning", policy(letters_wanted=None))
    yield "dunning-nowhere", page("policy", "live", "dunning", policy(chosen=(7,)))
    yield "dunning-wrong", page("policy", "test", "dunning", policy(WRONG))
    yield (
        "dunning-looking",
        page("policy", "live", "dunning", policy(letters_wanted=False, exclusions=[]), may_all=False),
    )
    on = Policy(card_notice=True)
    yield (
        "dunning-cards",
        page("policy", "live", "dunning", policy(cards=cards(), card_form=CardNoticeForm(on))),
    )
    failure = "The key lacks a permission: rak_charge_read. Edit the key at Stripe, and set it to Read."
    reading = CardsPage(on=True, days=30, failure=failure)
    wrong_days = CardNoticeForm(on, {"card_notice": "on", "card_notice_days": "400"})
    yield "dunning-cards-failing", page("policy", "test", "dunning", policy(cards=reading, card_form=wrong_days))
    yield (
        "dunning-cards-reading",
        page("policy", "test", "dunning", policy(cards=CardsPage(on=True, days=30)), may_all=False),
    )
    none = CardsPage(on=True, days=30, read_at=NOW - DAY)
    yield "dunning-cards-none", page("policy", "live", "dunning", policy(cards=none, card_form=CardNoticeForm(on)))
    yield "recovery", page("recovery", "live", "cases", recovery())
    yield "recovery-empty", page("recovery", "test", "cases", {"currencies": []})
