"""The page of summaries: for who may choose and who may look, with and without anything sent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django import forms

from alerts.models import Cadence

from .channels import line
from .shell import NOW, USER, Page, nav

MESSAGE = {
    "heading": "Northwind, Wed 25 Nov 2026: MRR $12,500.00 (+$120.00)",
    "lines": ["Sent late: it was due on Thu 26 Nov at 08:00 (Europe/Berlin).", "2 events are set aside."],
    "fields": [
        ("MRR, all in USD", "$12,500.00 (+$120.00), +0.97%"),
        ("New", "+$150.00 (3)"),
        ("Voluntary churn", "−$30.00 (1)"),
        ("Active subscribers", "1,204 (+2)"),
        ("Failed payments", "€30.00 (1 invoice), $98.00 (2 invoices)"),
        ("In EUR", "MRR €4,060.00 (+€10.00); new +€10.00; contraction −€5.00; 302 subscribers"),
    ],
    "link": {"url": "https://pq.example.com/w/northwind/live/", "label": "Open the dashboard"},
}


class DailyForm(forms.Form):
    """As alerts.digest.forms has it."""

    enabled = forms.BooleanField(required=False, label="Send the daily summary")
    hour = forms.ChoiceField(label="At", choices=[("8", "08:00")], help_text="In Europe/Berlin.")
    channels = forms.MultipleChoiceField(
        required=False,
        label="To",
        choices=[("1", "Operations"), ("2", "Finance and everybody who wants to know")],
        widget=forms.CheckboxSelectMultiple,
        help_text="None chosen: to every channel.",
    )


class WeeklyForm(DailyForm):
    enabled = forms.BooleanField(required=False, label="Send the weekly summary")
    weekday = forms.ChoiceField(label="On", choices=[("0", "Monday")])


def digest(**changes: Any) -> dict[str, Any]:
    wrong = DailyForm({"hour": "99"}, prefix="daily")
    cards = [
        {
            "cadence": cadence,
            "settings": {"enabled": on},
            "chosen": [{"name": "Operations"}],
            "form": form,
            "next_at": NOW + timedelta(hours=3) if on else None,
            "weekday": "Monday",
            "hour": "08:00",
        }
        for cadence, on, form in (
            (Cadence.DAILY, True, wrong),
            (Cadence.WEEKLY, False, WeeklyForm(prefix="weekly")),
        )
    ]
    return {
        "cards": cards,
        "cadence": Cadence.DAILY,
        "preview": MESSAGE,
        "runs": [],
        "older": None,
        "connected": True,
        "any_channel": True,
        **changes,
    }


def run(days: str, state: str, tone: str, reason: str = "", deliveries: tuple[Any, ...] = ()) -> dict[str, Any]:
    decided = {"get_cadence_display": "Daily", "reason": reason, "decided_at": NOW - timedelta(days=1)}
    return {"run": decided, "days": days, "state": state, "tone": tone, "deliveries": deliveries}


RUNS = [
    run("Wed 25 Nov 2026", "Sent", "good", deliveries=(line("", "Sent", "good", "ok"), line("", "Waiting", "", ""))),
    run("Tue 24 Nov 2026", "Sent late", "good", deliveries=(line("", "Held", "warn", "The channel is broken."),)),
    run("Mon 23 Nov 2026", "Skipped", "warn", "Too old: it was due more than three days before it could be sent."),
]


def pages() -> Iterator[tuple[str, Page]]:
    yield "digest", page("live", digest(runs=RUNS, older=7))
    yield "digest-viewer", page("test", digest(runs=RUNS[2:], connected=False), may_all=False)
    yield "digest-new", page("live", digest(any_channel=False))


def page(mode: str, shown: dict[str, Any], *, may_all: bool = True) -> Page:
    return Page("alerts/digest.html", {"nav": nav(mode, "digest", may_all=may_all), "digest": shown, "user": USER})
