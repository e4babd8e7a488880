"""Forms of the Plans page. What was typed stays; what is wrong is said at its field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError

from billing.models import Customer, MappingKind, OverrideEffect
from billing.modes import Mode
from pqintel.workspaces.models import Workspace

from .gates import gates_in, gates_text
from .tiers import Gate, TierTerms

Choices = list[tuple[str, str]]
ADD_ON, UNMAPPED = "-add-on", "-unmapped"
"""No keys of tiers: slugs of tiers begin with a letter or digit."""


class GatesField(forms.CharField):
    """Features, one a line. Cleans to gates by name."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.Textarea(attrs={"rows": 6, "autocapitalize": "off", "spellcheck": "false"})
        help_text = "One a line: <code>api_access = on</code>, <code>exports = off</code>, <code>projects = 50</code>, "
        help_text += "<code>projects = unlimited</code>."
        super().__init__(
            label="Features", required=False, max_length=10_000, widget=widget, help_text=help_text, **kwargs
        )

    def clean(self, value: Any) -> dict[str, Gate]:
        gates, problems = gates_in(super().clean(value))
        if problems:
            raise ValidationError(problems)
        return gates


def seats_field(**kwargs: Any) -> forms.IntegerField:
    return forms.IntegerField(label="Seats", required=False, min_value=0, max_value=1_000_000_000, **kwargs)


class TierForm(forms.Form):
    """A tier; a new one where `tier` is None. `taken` are the keys there are."""

    key = forms.SlugField(label="Key", max_length=40, help_text="How programs name it. It stays as it is.")
    name = forms.CharField(label="Name", max_length=60)
    rank = forms.IntegerField(
        label="Rank", min_value=-1_000_000, max_value=1_000_000, help_text="Of two tiers the higher rank is the better."
    )
    seat_limit = seats_field(help_text="Empty = unlimited.")
    seats_by_quantity = forms.BooleanField(label="Seats are the quantity bought, up to this limit", required=False)
    features = GatesField()

    def __init__(self, tier: TierTerms | None, taken: Sequence[str], data: Mapping[str, Any] | None = None) -> None:
        initial: dict[str, Any] = {"rank": 40}
        if tier is not None:
            initial = {
                "name": tier.name,
                "rank": tier.rank,
                "seat_limit": tier.seat_limit,
                "seats_by_quantity": tier.seats_by_quantity,
                "features": gates_text(tier.features),
            }
        super().__init__(data, initial=initial)
        self._taken = taken
        if tier is not None:
            del self.fields["key"]

    def clean_key(self) -> str:
        key: str = self.cleaned_data["key"].lower()
        if key in self._taken:
            raise ValidationError(f"There is a tier {key} already.")
        if not key[0].isalnum():
            raise ValidationError("Begin with a letter or a digit.")
        return key


class MappingForm(forms.Form):
    """Which tier a price gives, and for which prices that is said. `by` are the ways that this price can be named."""

    kind = forms.ChoiceField(label="Applies to", widget=forms.RadioSelect)
    tier = forms.ChoiceField(label="Tier")

    def __init__(
        self, by: Choices, tiers: Choices, initial: Mapping[str, str], data: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(data, initial=dict(initial))
        _choose(self, "kind", by)
        others = [(ADD_ON, "No tier: an add-on"), (UNMAPPED, "Not mapped here")]
        _choose(self, "tier", [*tiers, *others])

    @property
    def kind_given(self) -> MappingKind:
        return MappingKind(self.cleaned_data["kind"])


class PolicyForm(forms.Form):
    """What becomes of those who do not pay."""

    free_tier = forms.ChoiceField(
        label="Who does not pay falls to",
        required=False,
        help_text="After a cancellation, or while a subscription is unpaid or paused.",
    )
    past_due_days = forms.IntegerField(
        label="Days of grace while a payment is overdue",
        required=False,
        min_value=0,
        max_value=365,
        help_text="Empty = for as long as Stripe tries to collect.",
    )

    def __init__(self, tiers: Choices, initial: Mapping[str, Any], data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, initial=dict(initial))
        _choose(self, "free_tier", [("", "No access"), *tiers])


class OverrideForm(forms.Form):
    """Access by decision of a person."""

    customer = forms.CharField(
        label="Customer", max_length=255, help_text="Stripe’s id (cus_…) or the exact email address."
    )
    effect = forms.ChoiceField(
        label="Effect",
        widget=forms.RadioSelect,
        initial=OverrideEffect.AT_LEAST,
        choices=[
            (OverrideEffect.AT_LEAST, "At least this: what they pay for counts where it is better"),
            (OverrideEffect.EXACTLY, "Exactly this, whatever they pay for"),
        ],
    )
    tier = forms.ChoiceField(label="Tier", required=False)
    seats = seats_field(help_text="Empty = as the tier says.")
    features = GatesField()
    expires_on = forms.DateField(
        label="Last day",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="Empty = until somebody revokes it.",
    )
    reason = forms.CharField(label="Reason", max_length=500, help_text="History keeps it, with your name.")

    def __init__(
        self, workspace: Workspace, mode: Mode, tiers: Choices, now: datetime, data: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(data)
        self._workspace, self._mode, self._now = workspace, mode, now
        _choose(self, "tier", [("", "No tier"), *tiers])

    def clean_customer(self) -> str:
        given: str = self.cleaned_data["customer"]
        rows = Customer.objects.filter(workspace=self._workspace, mode=self._mode)
        found = list(rows.filter(stripe_id=given).values_list("stripe_id", flat=True)[:1])
        found = found or list(rows.filter(email=given).values_list("stripe_id", flat=True)[:2])
        if not found:
            raise ValidationError(f"No customer “{given}” is known in {self._mode} mode.")
        if len(found) > 1:
            raise ValidationError("Several customers have this address. Give the id.")
        return str(found[0])

    def clean_expires_on(self) -> date | None:
        """Cleans to the last day; `expires_at` is its end in the workspace's time zone."""
        day: date | None = self.cleaned_data["expires_on"]
        if day is not None and day < self._now.astimezone(ZoneInfo(self._workspace.timezone)).date():
            raise ValidationError("This day is over. Choose today or a later one.")
        if day is not None and day.year > 2999:
            raise ValidationError("That far ahead, leave it empty.")
        return day

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        adds_nothing = not given.get("tier") and given.get("seats") is None and not given.get("features")
        if given.get("effect") == OverrideEffect.AT_LEAST and adds_nothing and not self.errors:
            self.add_error("tier", "This would add nothing. Choose a tier, seats or features.")
        return given

    @property
    def expires_at(self) -> datetime | None:
        day: date | None = self.cleaned_data["expires_on"]
        if day is None:
            return None
        end = datetime.combine(day, datetime.max.time(), ZoneInfo(self._workspace.timezone)).replace(microsecond=0)
        return end.astimezone(UTC)


def _choose(form: forms.Form, name: str, choices: Choices) -> None:
    form.fields[name].choices = choices  # type: ignore[attr-defined]  # of a choice field
