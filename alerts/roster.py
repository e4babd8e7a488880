"""The rules of a workspace and mode: given at first, added, changed, silenced, removed. In the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Any, Final

from django.db import transaction
from django.db.models import Max

from billing.modes import Mode
from integrations.models import Channel

from .defaults import DEFAULTS, EDITION
from .models import Rule, RuleChannel, RuleKind, RuleState, Watch

MOST_RULES: Final = 50


class CannotAdd(Exception):  # noqa: N818 - it names the outcome
    """There is no room for another rule; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A rule as somebody asks for it. `channels` are keys; none = every channel of the workspace; None = as it is.

    Quiet hours are local times of the workspace, both or none.
    """

    name: str
    params: Mapping[str, Any]
    severity: str
    cooldown_seconds: int
    hysteresis: int
    test_mode: bool
    quiet_from: time | None = None
    quiet_until: time | None = None
    channels: Collection[str] | None = field(default_factory=tuple)


def watch_of(workspace_id: int, mode: Mode, now: datetime) -> Watch:
    """The locked row of a workspace and mode: who has it, judges or changes rules. The first time, rules are given.

    Must run in scope and a transaction.
    """
    rows = Watch.objects.select_for_update().filter(workspace_id=workspace_id, mode=mode)
    watch = rows.first()
    if watch is None:
        Watch.objects.bulk_create([Watch(workspace_id=workspace_id, mode=mode)], ignore_conflicts=True)
        watch = rows.get()
    if watch.defaults < EDITION:
        _give(watch, now)
    return watch


def rules_of(workspace_id: int, mode: Mode, now: datetime) -> list[Rule]:
    """All rules that were not removed, by number. Gives the default ones where nobody has asked before."""
    if not Watch.objects.filter(workspace_id=workspace_id, mode=mode, defaults__gte=EDITION).exists():
        with transaction.atomic():
            watch_of(workspace_id, mode, now)
    return list(_rules(workspace_id, mode).order_by("number"))


def judged_rules(workspace_id: int, mode: Mode, kinds: Iterable[str] | None = None) -> list[Rule]:
    """The rules that are to be judged, by number; those of some kinds, if any are named.

    Those that are off too: what they would have said is written down as skipped.
    """
    rows = _rules(workspace_id, mode)
    return list((rows if kinds is None else rows.filter(kind__in=list(kinds))).order_by("number"))


def chosen_channels(workspace_id: int, mode: Mode, rules: Sequence[Rule]) -> dict[int, list[Channel]]:
    """Where each rule speaks: the chosen channels that are still there, or all of them where none was chosen.

    A rule whose chosen channels were all removed speaks nowhere. Two queries, by the key of the rule.
    """
    channels = list(
        Channel.objects.filter(workspace_id=workspace_id, removed_at=None).defer("secret").order_by("number")
    )
    chosen: dict[int, set[Any]] = {}
    rows = RuleChannel.objects.filter(workspace_id=workspace_id, mode=mode, rule__in=[rule.pk for rule in rules])
    for rule_id, channel_id in rows.values_list("rule_id", "channel_id"):
        chosen.setdefault(rule_id, set()).add(channel_id)
    return {
        rule.pk: [channel for channel in channels if rule.pk not in chosen or channel.pk in chosen[rule.pk]]
        for rule in rules
    }


def add(workspace_id: int, mode: Mode, kind: RuleKind, wanted: Wanted, *, by: str, now: datetime) -> Rule:
    """Add a rule. What was so before now is not its affair.

    Raises:
        CannotAdd: there are too many.
    """
    watch_of(workspace_id, mode, now)
    if _rules(workspace_id, mode).count() >= MOST_RULES:
        raise CannotAdd(f"There are {MOST_RULES} rules already. Remove one that is not needed.")
    rule = Rule(
        workspace_id=workspace_id,
        mode=mode,
        number=_last_number(workspace_id, mode) + 1,
        kind=kind,
        created_at=now,
        stepped_at=now,
    )
    _set(rule, wanted, by, now)
    rule.save()
    _choose(rule, wanted)
    _wake(rule, now)
    return rule


def change(rule: Rule, wanted: Wanted, *, by: str, now: datetime) -> Rule:
    """Change a rule. With other parameters it begins anew: normal, and judged from now on."""
    row = _locked(rule, now)
    if row.params != wanted.params:
        row.state, row.since, row.stepped_at, row.last_value, row.memory = RuleState.NORMAL, None, now, None, {}
    _set(row, wanted, by, now)
    row.save()
    _choose(row, wanted)
    _wake(row, now)
    return row


def enable(rule: Rule, enabled: bool, *, by: str, now: datetime) -> None:
    """Turn a rule on or off. What happens while it is off is not its affair: it begins anew."""
    row = _locked(rule, now)
    if row.enabled == enabled:
        return
    row.enabled, row.changed_by, row.changed_at = enabled, by, now
    row.state, row.since, row.stepped_at, row.last_value, row.memory = RuleState.NORMAL, None, now, None, {}
    if not row.cooling_key:  # the cooldown of something that it would have said while it was off
        row.cooling_from = None
    row.save()
    _wake(row, now)


def mute(rule: Rule, muted: bool, *, by: str, now: datetime) -> None:
    """Send nothing of a rule, or send things again. What still holds then is told."""
    row = _locked(rule, now)
    row.test_mode, row.changed_by, row.changed_at = muted, by, now
    row.save(update_fields=["test_mode", "changed_by", "changed_at"])
    _wake(row, now)


def silence(rule: Rule, until: datetime | None, *, by: str, now: datetime) -> None:
    """Say nothing until then; None ends a silence. What still holds then is told."""
    row = _locked(rule, now)
    row.silenced_until, row.silenced_by = until, by if until else ""
    row.save(update_fields=["silenced_until", "silenced_by"])
    _wake(row, now)


def remove(rule: Rule, *, by: str, now: datetime) -> None:
    """Remove a rule; what it found stays history."""
    row = _locked(rule, now)
    row.removed_at, row.enabled, row.changed_by, row.changed_at = now, False, by, now
    row.save(update_fields=["removed_at", "enabled", "changed_by", "changed_at"])


def _rules(workspace_id: int, mode: Mode) -> Any:
    return Rule.objects.filter(workspace_id=workspace_id, mode=mode, removed_at=None)


def _locked(rule: Rule, now: datetime) -> Rule:
    """The rule as it is once nobody else judges or changes it."""
    watch_of(rule.workspace_id, Mode(rule.mode), now)
    row: Rule = _rules(rule.workspace_id, Mode(rule.mode)).get(pk=rule.pk)
    return row


def _set(row: Rule, wanted: Wanted, by: str, now: datetime) -> None:
    row.name, row.params, row.severity = wanted.name, dict(wanted.params), wanted.severity
    row.cooldown_seconds, row.hysteresis, row.test_mode = wanted.cooldown_seconds, wanted.hysteresis, wanted.test_mode
    row.quiet_from, row.quiet_until = wanted.quiet_from, wanted.quiet_until
    row.changed_by, row.changed_at = by, now


def _choose(row: Rule, wanted: Wanted) -> None:
    if wanted.channels is None:
        return
    RuleChannel.objects.filter(workspace_id=row.workspace_id, mode=row.mode, rule=row).delete()
    found = Channel.objects.filter(workspace_id=row.workspace_id, removed_at=None, pk__in=list(wanted.channels))
    RuleChannel.objects.bulk_create(
        RuleChannel(workspace_id=row.workspace_id, mode=row.mode, rule=row, channel_id=key)
        for key in found.values_list("pk", flat=True)
    )


def _wake(row: Rule, now: datetime) -> None:
    """Have the next beat judge: something else may hold now."""
    Watch.objects.filter(workspace_id=row.workspace_id, mode=row.mode).update(next_at=now)


def _last_number(workspace_id: int, mode: Mode) -> int:
    rows = Rule.objects.filter(workspace_id=workspace_id, mode=mode)
    return int(rows.aggregate(last=Max("number"))["last"] or 0)


def _give(watch: Watch, now: datetime) -> None:
    """Give the default rules that are newer than what a workspace has been given."""
    new = [
        default
        for default in DEFAULTS
        if default.edition > watch.defaults and not (default.live_only and watch.mode != Mode.LIVE)
    ]
    last = _last_number(watch.workspace_id, Mode(watch.mode))
    Rule.objects.bulk_create(
        Rule(
            workspace_id=watch.workspace_id,
            mode=watch.mode,
            number=number,
            kind=default.kind,
            name=default.name,
            params=dict(default.params),
            severity=default.severity,
            cooldown_seconds=int(default.cooldown.total_seconds()),
            hysteresis=default.hysteresis,
            created_at=now,
            changed_at=now,
            stepped_at=now,
        )
        for number, default in enumerate(new, last + 1)
    )
    watch.defaults = EDITION
    watch.save(update_fields=["defaults"])
