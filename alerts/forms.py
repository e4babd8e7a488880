"""The form of a rule: what all kinds share, beside the form of its kind. Both are judged together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django import forms

from billing.modes import Mode
from integrations.channels.gone import ask_where, check_where, everywhere_field
from integrations.models import Channel

from .models import Rule, RuleKind
from .models.rules import SEVERITIES
from .roster import Wanted
from .rules import HAPPENINGS, KINDS, THRESHOLDS
from .rules.base import ParamsForm
from .rules.fields import WholeField

LONGEST_COOLDOWN: Final = 7 * 1440
SILENCES: Final = {
    "1": "an hour",
    "8": "8 hours",
    "24": "a day",
    "72": "3 days",
    "168": "a week",
}
"""Hours, and how they are offered."""


def _time(label: str, help_text: str = "") -> forms.TimeField:
    widget = forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    errors = {"invalid": "This is no time of the day. Write it like 22:00."}
    return forms.TimeField(label=label, required=False, widget=widget, help_text=help_text, error_messages=errors)


class SpeakingForm(forms.Form):
    """When and where a rule speaks."""

    name = forms.CharField(max_length=80, help_text="How this rule is called here.")
    severity = forms.ChoiceField(choices=SEVERITIES, initial="warning")
    cooldown = WholeField(
        label="Cooldown (minutes)",
        min_value=0,
        max_value=LONGEST_COOLDOWN,
        initial=60,
        help_text="So long nothing more is said after a message that was delivered.",
    )
    hysteresis = WholeField(
        label="Recovers below (percent of the threshold less)",
        min_value=0,
        max_value=100,
        initial=0,
        help_text="0: as soon as the threshold is not passed any more. 20: when a fifth less is reached.",
    )
    quiet_from = _time("Quiet from")
    quiet_until = _time(
        "Quiet until",
        "In the workspace’s time zone; nothing is said then, and what holds or waits is told afterwards. Empty: never.",
    )
    channels = forms.MultipleChoiceField(
        required=False, widget=forms.CheckboxSelectMultiple, help_text="None chosen: every channel of the workspace."
    )
    everywhere = everywhere_field()
    test_mode = forms.BooleanField(
        required=False, label="Mute", help_text="Nothing is sent; what would be said stands in the history."
    )

    def __init__(
        self, kind: RuleKind, channels: Sequence[Channel], *args: Any, gone: bool = False, **options: Any
    ) -> None:
        """`channels` are those to choose from; `gone`: those that were chosen have all been removed."""
        super().__init__(*args, **options)
        if kind in HAPPENINGS or not THRESHOLDS[kind].graded:
            del self.fields["hysteresis"]
        if kind in HAPPENINGS:
            self.fields["cooldown"].initial = 0
        if channels:
            choices = [(str(channel.pk), channel.name) for channel in channels]
            self.fields["channels"].choices = choices  # type: ignore[attr-defined]  # a choice field, as declared
        else:
            del self.fields["channels"]
        ask_where(self, gone=gone)

    def clean_name(self) -> str:
        return " ".join(str(self.cleaned_data["name"]).split())

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        check_where(self)
        begin, end = given.get("quiet_from"), given.get("quiet_until")
        if not {"quiet_from", "quiet_until"} & set(self.errors):
            if (begin is None) != (end is None):
                self.add_error("quiet_from" if begin is None else "quiet_until", "Give both times, or none.")
            elif begin is not None and begin == end:
                self.add_error("quiet_until", "These are no hours at all. Choose another time, or leave both empty.")
        return given


@dataclass(frozen=True)
class RuleForm:
    """Both forms of one rule."""

    kind: RuleKind
    speaking: SpeakingForm
    params: ParamsForm

    def is_valid_in(self, workspace_id: int, mode: Mode) -> bool:
        """Judges both, so that every wrong value gets its own error. Two queries at most. Must run in scope."""
        both = [self.speaking.is_valid(), self.params.is_valid()]
        if self.params.is_valid():
            self.params.check_in(workspace_id, mode)
        return all(both) and not self.params.errors

    @property
    def wanted(self) -> Wanted:
        """The rule that a valid form asks for."""
        given = self.speaking.cleaned_data
        return Wanted(
            name=given["name"],
            params=self.params.params,
            severity=given["severity"],
            cooldown_seconds=given["cooldown"] * 60,
            hysteresis=given.get("hysteresis", 0),
            test_mode=given["test_mode"],
            quiet_from=given["quiet_from"],
            quiet_until=given["quiet_until"],
            channels=tuple(given["channels"]) if "channels" in self.speaking.fields else None,
        )


def form_of(
    kind: RuleKind,
    channels: Sequence[Channel],
    data: Mapping[str, Any] | None,
    rule: Rule | None = None,
    chosen: Sequence[str] = (),
) -> RuleForm:
    """The form of a new rule, or of one that is there with the keys of its chosen channels."""
    look = KINDS[kind].form
    if rule is None:
        return RuleForm(kind, SpeakingForm(kind, channels, data, initial={"name": kind.label}), look(data))
    speaking = {
        "name": rule.name,
        "severity": rule.severity,
        "cooldown": rule.cooldown_seconds // 60,
        "hysteresis": rule.hysteresis,
        "quiet_from": rule.quiet_from,
        "quiet_until": rule.quiet_until,
        "channels": list(chosen),
        "test_mode": rule.test_mode,
    }
    gone = bool(chosen) and not set(chosen) & {str(channel.pk) for channel in channels}
    return RuleForm(
        kind,
        SpeakingForm(kind, channels, data, initial=speaking, gone=gone),
        look(data, initial=look.initial_of(rule.params)),
    )


class SilenceForm(forms.Form):
    """For how long nothing is to be said."""

    hours = forms.ChoiceField(label="Say nothing for", choices=list(SILENCES.items()))

    @property
    def time(self) -> timedelta:
        return timedelta(hours=int(self.cleaned_data["hours"]))
