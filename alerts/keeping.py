"""The machine's state in a rule's row: read from it, and written back for many rules at once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from billing.actions.bulk import Table, run, text, typed
from billing.modes import Mode
from billing.quiet import quiet_hours
from integrations.models import Delivery, DeliveryState

from .machine import Settings, State
from .models import Rule, RuleState

_KEEP: Final = """
UPDATE alerts_rule t SET state = r.state, since = r.since, stepped_at = r.stepped_at, cooling_from = r.cooling_from,
    cooling_key = r.cooling_key, last_value = r.last_value, memory = r.memory
FROM jsonb_to_recordset(%s::jsonb) AS r(id bigint, state text, since timestamptz, stepped_at timestamptz,
    cooling_from timestamptz, cooling_key text, last_value numeric, memory jsonb)
WHERE t.workspace_id = %s AND t.mode = %s AND t.id = r.id
"""
FINDINGS: Final = Table(
    "alerts_finding",
    (
        *typed("bigint", "rule_id"),
        *typed("timestamptz", "at", "recorded_at"),
        *text("outcome", "reason", "title", "dedupe_key"),
        *typed("jsonb", "data"),
        *typed("integer", "count"),
    ),
    keep=True,
)


@dataclass(frozen=True, slots=True)
class Kept:
    """What is to be written of a rule."""

    rule: Rule
    state: State
    stepped_at: datetime | None
    cooling_key: str

    @classmethod
    def after(cls, rule: Rule, state: State, stepped_at: datetime | None, said: str) -> Kept:
        """After some decisions; `said` is the key of the last message that began a cooldown, "" where none did.

        Where a cooldown began without a message, the rule is off: it has no key then.
        """
        same = state.cooling_from is not None and state.cooling_from == rule.cooling_from
        return cls(rule, state, stepped_at, said or (rule.cooling_key if same else ""))


def state_of(rule: Rule) -> State:
    """What a rule remembers."""
    memory: Mapping[str, Any] = rule.memory
    burst = memory.get("burst_from")
    return State(
        firing=rule.state == RuleState.FIRING,
        since=rule.since,
        told=memory.get("told", False),
        cooling_from=rule.cooling_from,
        epoch=memory.get("epoch", ""),
        subjects=frozenset(memory.get("subjects", ())),
        withheld=memory.get("withheld", ""),
        value=rule.last_value,
        burst_from=None if burst is None else datetime.fromisoformat(burst),
        burst_said=memory.get("burst_said", 0),
        burst_held=memory.get("burst_held", 0),
        burst_sums=memory.get("burst_sums", {}),
    )


def settings_of(rule: Rule, zone: ZoneInfo, *, channels: bool) -> Settings:
    """What its owner chose about speaking. One that is off is judged as if it could speak and were heard."""
    quiet = quiet_hours(rule.quiet_from, rule.quiet_until, zone)
    if not rule.enabled:
        return Settings(rule.cooldown, rule.hysteresis, quiet)
    return Settings(rule.cooldown, rule.hysteresis, quiet, rule.test_mode, rule.silenced_until, channels)


def keep(workspace_id: int, mode: Mode, rows: Iterable[Kept]) -> None:
    """Write the states that are not what the rows say already. One statement, or none."""
    moved = [document for kept in rows if (document := _document(kept)) != _document(_as_is(kept.rule))]
    if moved:
        run(_KEEP, (json.dumps(moved), workspace_id, str(mode)))


def without_undelivered(workspace_id: int, rules: Sequence[Rule], channels: Iterable[Any], now: datetime) -> set[int]:
    """The rules whose cooldown runs from a message that reached nobody. One query, none where no cooldown runs.

    A message counts as delivered once a channel took it, and while it is on its way for the first time: whoever was
    told a second ago by a message that is just being sent is not told again.
    """
    cooling = {
        rule.cooling_key: rule.pk
        for rule in rules
        if rule.cooling_key and rule.cooldown_until is not None and now < rule.cooldown_until
    }
    if not cooling:
        return set()
    rows = Delivery.objects.filter(
        workspace_id=workspace_id, channel__in=list(channels), dedupe_key__in=list(cooling)
    ).values_list("dedupe_key", "state", "reason")
    delivered = {
        key
        for key, state, reason in rows
        if state == DeliveryState.SENT or (state == DeliveryState.WAITING and not reason)
    }
    return {rule for key, rule in cooling.items() if key not in delivered}


def _as_is(rule: Rule) -> Kept:
    return Kept(rule, state_of(rule), rule.stepped_at, rule.cooling_key)


def _document(kept: Kept) -> dict[str, Any]:
    state = kept.state
    memory: dict[str, Any] = {
        "told": state.told,
        "epoch": state.epoch,
        "subjects": sorted(state.subjects),
        "withheld": state.withheld,
        "burst_from": _text(state.burst_from),
        "burst_said": state.burst_said,
        "burst_held": state.burst_held,
        "burst_sums": dict(state.burst_sums),
    }
    return {
        "id": kept.rule.pk,
        "state": str(RuleState.FIRING if state.firing else RuleState.NORMAL),
        "since": _text(state.since),
        "stepped_at": _text(kept.stepped_at),
        "cooling_from": _text(state.cooling_from),
        "cooling_key": kept.cooling_key if state.cooling_from is not None else "",
        "last_value": None if state.value is None else f"{state.value:.18f}",
        "memory": {name: value for name, value in memory.items() if value},
    }


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
