"""What Settings › Billing › Alerts shows, put together for its templates (docs/design.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from billing.actions.settings import settings_of
from billing.modes import Mode
from integrations.channels import Severity
from integrations.channels.report import Line, fates
from integrations.channels.roster import channels_of
from integrations.models import Channel
from pqintel.workspaces.models import Workspace

from . import roster
from .models import Finding, Outcome, Rule, RuleChannel, RuleKind, RuleState
from .rules import KINDS, summary_of
from .rules.writing import lasting

PAGE: Final = 30
"""Findings on one page."""
_TONES: Final = {Outcome.RECOVERED: "good", Outcome.SUPPRESSED: "warn"}
_FIRED: Final = {Severity.CRITICAL: "bad", Severity.WARNING: "warn", Severity.INFO: "accent"}


@dataclass(frozen=True)
class RuleLine:
    """A rule in words. `state` is what matters most: off, silenced, muted, without a channel, firing or normal."""

    rule: Rule
    kind: str
    summary: str
    state: str
    tone: str
    icon: str
    note: str
    channels: Sequence[Channel]
    everywhere: bool
    silenced: bool

    @property
    def cooldown(self) -> str:
        return lasting(self.rule.cooldown)


@dataclass(frozen=True)
class FindingLine:
    """Something that a rule noticed, and its deliveries."""

    finding: Finding
    outcome: str
    tone: str
    deliveries: Sequence[Line]


@dataclass(frozen=True)
class AlertsPage:
    """`older` is for `?before=`; `kinds` are those that can be added, with what they are about."""

    lines: Sequence[RuleLine]
    findings: Sequence[FindingLine]
    older: int | None
    any_channel: bool
    kinds: Sequence[tuple[str, str, str]]


def alerts_page(workspace: Workspace, mode: Mode, now: datetime, before: int | None = None) -> AlertsPage:
    """All rules and the newest findings. Eight queries, more where rules are given. In scope and a transaction."""
    rules = roster.rules_of(workspace.pk, mode, now)
    findings, older = finding_lines(workspace, mode, before)
    return AlertsPage(
        lines=_lines(workspace, mode, rules, now),
        findings=findings,
        older=older,
        any_channel=channels_of(workspace).exists(),
        kinds=[(kind.value, kind.label, KINDS[kind].about) for kind in RuleKind],
    )


def rule_line(workspace: Workspace, mode: Mode, rule: Rule, now: datetime) -> RuleLine:
    """One rule in words. Four queries. In scope."""
    return _lines(workspace, mode, [rule], now)[0]


def finding_lines(
    workspace: Workspace, mode: Mode, before: int | None = None, rule: Rule | None = None
) -> tuple[list[FindingLine], int | None]:
    """A page of findings, the newest first, and where the older ones begin. Two queries. In scope."""
    rows = Finding.objects.filter(workspace=workspace, mode=mode).select_related("rule").order_by("-id")
    if rule is not None:
        rows = rows.filter(rule=rule)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows[: PAGE + 1])
    shown = found[:PAGE]
    sent = fates(workspace, [finding.dedupe_key for finding in shown])
    lines = [
        FindingLine(
            finding=finding,
            outcome=Outcome(finding.outcome).label,
            tone=_tone(finding),
            deliveries=sent.get(finding.dedupe_key, []),
        )
        for finding in shown
    ]
    return lines, shown[-1].pk if len(found) > PAGE else None


def _tone(finding: Finding) -> str:
    if finding.outcome == Outcome.FIRED:
        return _FIRED[Severity(finding.rule.severity)]
    return _TONES.get(Outcome(finding.outcome), "")


def chosen_keys(rule: Rule) -> list[str]:
    """The keys of the channels that were chosen for a rule. One query. In scope."""
    rows = RuleChannel.objects.filter(workspace_id=rule.workspace_id, mode=rule.mode, rule=rule)
    return [str(key) for key in rows.values_list("channel_id", flat=True)]


def _lines(workspace: Workspace, mode: Mode, rules: Sequence[Rule], now: datetime) -> list[RuleLine]:
    channels = roster.chosen_channels(workspace.pk, mode, rules)
    chosen = set(
        RuleChannel.objects.filter(workspace=workspace, mode=mode, rule__in=rules).values_list("rule_id", flat=True)
    )
    reporting = settings_of(workspace.pk).reporting_currency
    return [_line(rule, channels[rule.pk], rule.pk not in chosen, reporting, now) for rule in rules]


def _line(rule: Rule, channels: Sequence[Channel], everywhere: bool, reporting: str | None, now: datetime) -> RuleLine:
    silenced = rule.silenced_at(now)
    state, tone, icon, note = _state(rule, silenced, nowhere=not channels and not everywhere)
    return RuleLine(
        rule=rule,
        kind=RuleKind(rule.kind).label,
        summary=summary_of(rule.kind, rule.params, reporting),
        state=state,
        tone=tone,
        icon=icon,
        note=note,
        channels=channels,
        everywhere=everywhere,
        silenced=silenced,
    )


def _state(rule: Rule, silenced: bool, *, nowhere: bool) -> tuple[str, str, str, str]:
    """A word, its tone and icon, and what else there is to say."""
    firing = rule.state == RuleState.FIRING
    also = "It is firing." if firing else ""
    if not rule.enabled:
        return "Off", "", "x", ""
    if silenced:
        return "Silenced", "warn", "circle-dashed", also
    if rule.test_mode:
        return "Muted", "warn", "circle-dashed", also
    if nowhere:
        return "No channel", "warn", "circle-dashed", also or "Nothing is sent."
    if firing:
        return "Firing", "bad", "triangle-alert", ""
    return "Normal", "good", "check", ""
