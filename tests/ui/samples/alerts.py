"""Alerts: the rules in every state, one of each that looks different, their forms, and what they found."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import time, timedelta
from types import SimpleNamespace
from typing import Any

from django.utils.datastructures import MultiValueDict

from alerts.forms import RuleForm, SilenceForm, form_of
from alerts.models import Outcome, RuleKind
from alerts.preview import Preview, Said
from alerts.rules import KINDS
from integrations.models import Channel

from .channels import line
from .shell import NOW, USER, Page, nav

OPS = Channel(number=1, name="Operations")
FINANCE = Channel(number=2, name="Finance and everybody who wants to know")


def rule(number: int, name: str, summary: str, state: str, tone: str, icon: str, **more: Any) -> SimpleNamespace:
    """A rule in words; `more` is of the row."""
    row = {
        "number": number,
        "name": name,
        "enabled": state != "Off",
        "since": NOW - timedelta(minutes=12),
        "silenced_until": NOW + timedelta(hours=7),
        "silenced_by": "ada@northwind.example",
        "test_mode": state == "Muted",
        "cooldown_seconds": 3600,
        "hysteresis": 20,
        "quiet_from": time(22) if state == "Silenced" else None,
        "quiet_until": time(7) if state == "Silenced" else None,
        "get_severity_display": "Critical",
        "removed_at": None,
        **more,
    }
    return SimpleNamespace(
        rule=SimpleNamespace(**row),
        kind="MRR drops",
        summary=summary,
        state=state,
        tone=tone,
        icon=icon,
        note="It is firing." if state == "Silenced" else "",
        channels=[OPS, FINANCE] if number % 2 else [],
        everywhere=number == 2,
        silenced=state == "Silenced",
        cooldown="1 hour",
    )


FAILED = rule(1, "Payment failed", "Every payment that fails", "Normal", "good", "check", cooldown_seconds=0)
DROP = rule(
    2,
    "MRR down more than 10 % in a day",
    "MRR down by more than 10 % since the day began",
    "Firing",
    "bad",
    "triangle-alert",
)
QUIET = rule(
    3, "More than 5 failures an hour", "More than 5 payments failed within an hour", "Silenced", "warn", "circle-dashed"
)
MUTED = rule(4, "Churn warning", "More than 10 % of subscribers lost within 30 days", "Muted", "warn", "circle-dashed")
OFF = rule(5, "Checkout completed", "Checkout: completed", "Off", "", "x", hysteresis=0)


def finding(
    title: str, outcome: str, tone: str, reason: str = "", count: int = 1, *deliveries: Any, **of_rule: Any
) -> dict[str, Any]:
    about = {"name": "Payment failed", "number": 1, "removed_at": None, **of_rule}
    row = {"title": title, "reason": reason, "count": count, "at": NOW - timedelta(minutes=9), "rule": about}
    return {"finding": row, "outcome": outcome, "tone": tone, "deliveries": deliveries}


GROUPED = "Grouped: told in one message with the others of that minute."
TOO_OLD = "Too old: it was learnt more than three days after it happened."
SENT, BROKEN = line("", "Sent", "good", "ok"), line("", "Failed", "bad", "Slack: channel_is_archived")
RECOVERED = "Recovered: MRR is no longer down by more than 10 % since the day began"
FINDINGS = [
    finding("Payment of $49.00 failed: Ada GmbH", "Fired", "bad", "", 1, SENT, BROKEN),
    finding("Payment of $49.00 failed: Grace Ltd", "Suppressed", "warn", GROUPED, 12),
    finding(RECOVERED, "Recovered", "good", "", 1, line("", "Waiting", "", "")),
    finding("Payment of €9.00 failed: Alan AG", "Skipped", "", TOO_OLD, removed_at=NOW),
    finding("Checkout completed: Edsger BV", "Skipped", "", "The rule is off.", name="Checkout completed", number=5),
]


def shown(**changes: Any) -> dict[str, Any]:
    return {
        "lines": [FAILED, DROP, QUIET, MUTED, OFF],
        "findings": FINDINGS,
        "older": 7,
        "any_channel": True,
        "kinds": [(kind.value, kind.label, KINDS[kind].about) for kind in RuleKind],
        **changes,
    }


def wrong(kind: RuleKind) -> RuleForm:
    """A form with everything wrong."""
    typed = {
        "name": "",
        "severity": "loud",
        "cooldown": "-1",
        "hysteresis": "x",
        "threshold": "abc",
        "minimums": "a lot",
    }
    form = form_of(kind, [OPS, FINANCE], MultiValueDict({name: [value] for name, value in typed.items()}))
    form.speaking.is_valid()
    form.params.is_valid()
    form.speaking.add_error(None, "There are 50 rules already. Remove one that is not needed.")
    return form


def _said(hours: int, title: str) -> Said:
    return Said(NOW - timedelta(hours=hours), Outcome.FIRED, title)


PREVIEWS = {
    "preview": Preview(
        since=NOW - timedelta(days=9),
        until=NOW,
        said=(
            *(_said(200 - 8 * n, "Payment of $49.00 failed: Lovelace and Daughters Ltd") for n in range(23)),
            Said(NOW, Outcome.RECOVERED, "Recovered: MRR is no longer down by more than 10 % since the day began"),
        ),
        withheld={"Cooldown: the last message was delivered not long ago.": 12},
        cut_short=True,
        estimated_before=(NOW - timedelta(days=3)).date(),
    ),
    "never": Preview(
        NOW - timedelta(days=30), NOW, (), {}, cut_short=False, estimated_before=None, unjudged="No rate of EUR."
    ),
}


def pages() -> Iterator[tuple[str, Page]]:
    """One page a state."""
    yield "alerts", page("live", "rules", alerts=shown())
    yield "alerts-viewer", page("test", "rules", may_all=False, alerts=shown(any_channel=False))
    yield "alerts-none", page("live", "rules", alerts=shown(lines=[], findings=[], older=None))
    for name, one in {"firing": DROP, "silenced": QUIET, "muted": MUTED, "off": OFF}.items():
        context = {"line": one, "silence_form": SilenceForm(), "findings": FINDINGS, "older": None}
        yield f"alert-{name}", page("live", "rule", **context)
    yield (
        "alert-viewer",
        page("test", "rule", may_all=False, line=QUIET, silence_form=SilenceForm(), findings=[], older=None),
    )
    for kind in (RuleKind.MRR_DROP, RuleKind.EVENT):
        about = {"rule": None, "kind": kind, "about": KINDS[kind].about}
        yield f"alert-add-{kind}", page("live", "rule_form", form=form_of(kind, [OPS, FINANCE], None), **about)
        yield f"alert-add-{kind}-wrong", page("live", "rule_form", form=wrong(kind), **about)
        for name, preview in PREVIEWS.items():
            form = form_of(kind, [OPS, FINANCE], None)
            yield f"alert-add-{kind}-{name}", page("live", "rule_form", form=form, preview=preview, **about)


def page(mode: str, template: str, *, may_all: bool = True, **context: Any) -> Page:
    shell = {"nav": nav(mode, "alerts", may_all=may_all), "user": USER, "first_page": True}
    return Page(f"alerts/{template}.html", {**shell, **context})
