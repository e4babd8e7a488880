"""The form of one summary."""

from __future__ import annotations

from typing import Any, Final

from django import forms

from alerts.models import Cadence, DigestSettings
from integrations.channels.gone import ask_where, check_where, everywhere_field
from integrations.channels.roster import channels_of
from integrations.models import Channel

HOURS: Final = [(hour, f"{hour:02}:00") for hour in range(24)]
WEEKDAYS: Final = list(enumerate(("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")))


class DigestForm(forms.Form):
    """Whether, when and where a summary is sent. Field names carry the cadence, so that two forms share a page."""

    enabled = forms.BooleanField(required=False)
    weekday = forms.TypedChoiceField(coerce=int, choices=WEEKDAYS, label="On")
    hour = forms.TypedChoiceField(coerce=int, choices=HOURS, label="At")
    channels: Any = forms.ModelMultipleChoiceField(
        queryset=Channel.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="To",
        help_text="None chosen: to every channel.",
    )
    everywhere = everywhere_field()

    def __init__(self, settings: DigestSettings, chosen: list[Channel], data: Any = None) -> None:
        """`settings` as they are, with the channels that were `chosen`, removed ones too; `data` is what was posted."""
        left = [channel for channel in chosen if channel.removed_at is None]
        initial = {
            "enabled": settings.enabled,
            "weekday": settings.weekday,
            "hour": settings.hour,
            "channels": [channel.pk for channel in left],
        }
        super().__init__(data, initial=initial, prefix=settings.cadence)
        self.fields["enabled"].label = f"Send the {settings.cadence} summary"
        self.fields["hour"].help_text = f"In {settings.workspace.timezone}."
        self.fields["channels"].queryset = channels_of(settings.workspace).defer("secret")  # type: ignore[attr-defined]
        if settings.cadence == Cadence.DAILY:
            del self.fields["weekday"]
        self.gone = bool(chosen) and not left
        self.nothing_to_choose = self.gone and not channels_of(settings.workspace).exists()
        ask_where(self, gone=self.gone and not self.nothing_to_choose)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        check_where(self)
        return given

    @property
    def changes(self) -> dict[str, Any]:
        """What was chosen, as `choosing.choose` takes it."""
        given = self.cleaned_data
        return {
            "enabled": given["enabled"],
            "hour": given["hour"],
            "weekday": given.get("weekday", 0),
            "channels": None if self.nothing_to_choose else list(given["channels"]),
        }
