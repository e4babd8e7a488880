"""Forms of integrations. What is typed into them is a secret: it is judged, sealed, and never rendered again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.views.decorators.debug import sensitive_variables

from billing.modes import Mode
from pqintel.vault import Secret

from .stripe.connections import FIELDS
from .stripe.quarantine import LONGEST_REASON
from .stripe.verification import formats


class StripeCredentialsForm(forms.Form):
    """The three values of one mode. What is left empty stays what is `stored`; together they must be complete.

    `stored` holds what is stored by field name; None where nothing is.
    """

    publishable_key = forms.CharField(required=False)
    secret_key = forms.CharField(
        required=False, help_text="A restricted key is best: it can only read what it is given."
    )
    webhook_secret = forms.CharField(
        required=False, help_text="Stripe shows it on the endpoint's page, and “stripe listen” prints one."
    )

    def __init__(self, mode: Mode, stored: Mapping[str, Secret | None], data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, auto_id=f"{mode}_%s")
        self._mode, self._stored = mode, stored
        for name in FIELDS:
            field = self.fields[name]
            field.label = formats.LABELS[name]
            field.widget = forms.PasswordInput(
                render_value=False,
                attrs={
                    "autocomplete": "off",
                    "autocapitalize": "off",
                    "spellcheck": "false",
                    "placeholder": formats.EXAMPLES[name].format(mode=mode),
                },
            )

    @sensitive_variables()
    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        stored = {name: secret.reveal() for name, secret in self._stored.items() if secret is not None}
        values = {name: given.get(name) or stored.get(name) for name in FIELDS}
        problems = formats.format_problems(self._mode, values) | formats.mode_problems(self._mode, values)
        for name, problem in problems.items():
            self.add_error(name, problem)
        self._keep_in_browser(name for name in FIELDS if given.get(name) and name not in problems)
        return given

    def _keep_in_browser(self, names: Iterable[str]) -> None:
        """Have htmx leave these inputs as they are when the form comes back: what was typed is not lost, nor echoed."""
        for name in names:
            self.fields[name].widget.attrs["hx-preserve"] = "true"

    @property
    def given(self) -> dict[str, Secret]:
        """What was typed, of a valid form."""
        return {name: Secret(self.cleaned_data[name]) for name in FIELDS if self.cleaned_data.get(name)}


class QuarantineForm(forms.Form):
    """What is to become of quarantined events: those chosen, those of one reason, or all.

    A dismissal is for chosen events only, and needs a reason that history keeps.
    """

    ACTIONS = (
        ("replay", "Replay those chosen"),
        ("replay_reason", "Replay all of a reason"),
        ("replay_all", "Replay all"),
        ("dismiss", "Dismiss those chosen"),
    )

    action = forms.ChoiceField(choices=ACTIONS)
    same = forms.CharField(required=False, strip=False)
    reason = forms.CharField(
        required=False,
        max_length=LONGEST_REASON,
        label="Reason, to dismiss",
        help_text="Why nothing is lost by giving these events up. History keeps it.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, auto_id="quarantine_%s")
        given: list[str] = data.getlist("event") if data is not None else []
        self.chosen = [event for event in given if "\0" not in event]  # which no id has, and no database can look for

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        action = given.get("action")
        if action in ("replay", "dismiss") and not self.chosen:
            self.add_error(None, "Choose at least one event.")
        if action == "replay_reason" and not given.get("same"):
            self.add_error(None, "Choose a reason.")
        if action == "dismiss" and "reason" in given and not given["reason"]:
            self.add_error("reason", "Say why these events can be given up.")
        return given
