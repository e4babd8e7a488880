"""Forms of dunning. What was typed stays; what is wrong is said at its field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import time
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError

from billing.models import Customer
from billing.modes import Mode
from billing.money import Money, exponent
from integrations.channels.gone import ask_where, check_where, everywhere_field
from integrations.models import Channel
from pqintel.workspaces.models import Workspace

from .models import CARD_DAYS, FALLS_TO, MOST_DAYS, Exclusion, ExclusionKind, Policy

Choices = list[tuple[str, str]]
_MOST_ATTEMPTS: Final = 50
_MOST: Final = 10**12
_TIME_ERROR: Final = {"invalid": "This is not a time of day. Write it as 22:00."}


class ReasonForm(forms.Form):
    """Why somebody ends a case."""

    reason = forms.CharField(label="Reason", max_length=500, help_text="The timeline keeps it, with your name.")


class AmountsField(forms.CharField):
    """Amounts in several currencies, one a line: "USD 500.00". Cleans to minor units by currency."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.Textarea(attrs={"rows": 3, "autocapitalize": "off", "spellcheck": "false"})
        super().__init__(required=False, max_length=2_000, widget=widget, **kwargs)

    def clean(self, value: Any) -> dict[str, int]:
        found: dict[str, int] = {}
        problems = []
        for line in filter(None, (line.strip() for line in super().clean(value).splitlines())):
            try:
                currency, minor = _amount(line)
                if currency in found:
                    raise ValidationError(f"{currency.upper()} stands there twice.")
                found[currency] = minor
            except ValidationError as problem:
                problems += problem.messages
        if problems:
            raise ValidationError(problems)
        return found


def _amount(line: str) -> tuple[str, int]:
    currency, _, number = line.partition(" ")
    code = currency.lower()
    if len(code) != 3 or not code.isascii() or not code.isalpha():
        raise ValidationError(f"“{line}” has no currency. Write it as USD 500.00.")
    try:
        amount = Decimal(number.strip())
    except InvalidOperation:
        raise ValidationError(f"“{line}” has no amount. Write it as USD 500.00.") from None
    if not amount.is_finite() or amount < 0:
        raise ValidationError(f"“{line}”: an amount is zero or more.")
    if amount > _MOST:  # before it is scaled, which fails for the largest numbers
        raise ValidationError(f"“{line}” is more than anybody owes.")
    minor = amount.scaleb(exponent(code))
    if minor != minor.to_integral_value():
        raise ValidationError(f"{code.upper()} has {exponent(code) or 'no'} decimal places.")
    return code, int(minor)


def amounts_text(amounts: Mapping[str, int]) -> str:
    """The text that `AmountsField` makes the same amounts of."""
    return "\n".join(f"{code.upper()} {Money(minor, code).plain()}" for code, minor in sorted(amounts.items()))


def _days(label: str, help_text: str = "", *, required: bool = False) -> forms.IntegerField:
    return forms.IntegerField(
        label=label, required=required, min_value=0, max_value=MOST_DAYS, help_text=help_text, widget=_number()
    )


def _attempts(label: str, help_text: str) -> forms.IntegerField:
    return forms.IntegerField(
        label=label, required=False, min_value=1, max_value=_MOST_ATTEMPTS, help_text=help_text, widget=_number()
    )


def _number() -> forms.NumberInput:
    return forms.NumberInput(attrs={"inputmode": "numeric"})


def _time(label: str, help_text: str = "") -> forms.TimeField:
    widget = forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    return forms.TimeField(label=label, required=False, widget=widget, help_text=help_text, error_messages=_TIME_ERROR)


class PolicyForm(forms.Form):
    """The terms that new cases begin with. `gone`: the channels that were chosen have all been removed."""

    enabled = forms.BooleanField(
        label="Dun unpaid invoices",
        required=False,
        help_text="Not the first payment of a subscription: until it has succeeded nobody is a customer yet.",
    )
    at_once = forms.BooleanField(
        label="Write at once when only the customer can help",
        required=False,
        help_text="Another card is needed, or the bank asks for a confirmation (3-D Secure).",
    )
    first_days = _days("First reminder after days", "From the first failed attempt. Empty = none.")
    second_days = _days("Second reminder after days", "Empty = none.")
    final_days = _days("Final warning after days", "Empty = none.")
    quiet_from = _time("No letters from")
    quiet_until = _time("Letters again from", "Those of the night wait until then. Both empty = at any hour.")
    escalate_attempts = _attempts("Tell the team at attempt", "Empty = not by the number of attempts.")
    escalate_amounts = AmountsField(
        label="Tell the team at once above",
        help_text="One currency a line: <code>USD 500.00</code>. Empty = whatever the amount.",
    )
    channels = forms.MultipleChoiceField(
        label="Channels", required=False, widget=forms.CheckboxSelectMultiple, help_text="None chosen = all of them."
    )
    everywhere = everywhere_field()
    retry_watch = forms.BooleanField(
        label="Watch Stripe’s retries",
        required=False,
        help_text="After each attempt that Stripe announces, the invoice is read again. Nothing is ever charged.",
    )
    grace_days = _days("Days of grace", "From the first failed attempt until access may fall.", required=True)
    downgrade_attempts = _attempts(
        "Failed attempts until access falls", "Or as soon as Stripe announces no further one. Empty = only then."
    )
    falls_to = forms.ChoiceField(label="Access falls to")

    def __init__(self, policy: Policy, channels: Sequence[Channel], data: Mapping[str, Any] | None = None) -> None:
        ours = ("escalate_amounts", "everywhere")
        initial = {name: getattr(policy, name) for name in self.base_fields if name not in ours}
        initial["escalate_amounts"] = amounts_text(policy.escalate_amounts)
        initial["channels"] = [str(number) for number in policy.channels]
        super().__init__(data, initial=initial)
        _choose(self, "falls_to", FALLS_TO)
        _choose(self, "channels", [(str(channel.number), channel.name) for channel in channels])
        if not channels:
            del self.fields["channels"]
        self.gone = bool(policy.channels) and not {channel.number for channel in channels} & set(policy.channels)
        ask_where(self, gone=self.gone)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        check_where(self)
        self._check_reminders(given)
        start, end = given.get("quiet_from"), given.get("quiet_until")
        if not {"quiet_from", "quiet_until"} & set(self.errors):
            self._check_quiet(start, end)
        return given

    def _check_reminders(self, given: Mapping[str, Any]) -> None:
        before, name_before = None, ""
        for name in ("first_days", "second_days", "final_days"):
            days = given.get(name)
            if days is None:
                continue
            if before is not None and days <= before:
                self.add_error(name, f"This has to come after the {name_before}: later than day {before}.")
            before, name_before = days, str(self.fields[name].label).removesuffix(" after days").lower()

    def _check_quiet(self, start: time | None, end: time | None) -> None:
        if (start is None) != (end is None):
            empty = "quiet_from" if start is None else "quiet_until"
            self.add_error(empty, "Give both times, or none.")
        elif start is not None and start == end:
            self.add_error("quiet_until", "These are no hours at all. Choose another time, or leave both empty.")

    @property
    def changes(self) -> dict[str, Any]:
        """The fields of a `Policy`. Without its channels where there are none to choose: what was chosen stays."""
        given = {name: value for name, value in self.cleaned_data.items() if name != "everywhere"}
        if "channels" in given:
            given["channels"] = [int(number) for number in given["channels"]]
        return given


class CardNoticeForm(forms.Form):
    """Whether customers are told that their card expires, and when."""

    card_notice = forms.BooleanField(
        label="Write to customers whose card expires soon",
        required=False,
        help_text="Once for each card, in the morning. Not to those who have another card by then, whose subscription "
        "ends, or who are left alone.",
    )
    card_notice_days = forms.IntegerField(
        label="How many days before",
        min_value=CARD_DAYS[0],
        max_value=CARD_DAYS[1],
        help_text="A card is valid until the last day of its month; from there the days count back.",
        widget=_number(),
    )

    def __init__(self, policy: Policy, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, initial={name: getattr(policy, name) for name in self.base_fields})


class ExclusionForm(forms.Form):
    """Somebody who is not to be dunned."""

    kind = forms.ChoiceField(label="Who", choices=ExclusionKind.choices, widget=forms.RadioSelect)
    customer = forms.CharField(
        label="Customer", required=False, max_length=255, help_text="Stripe’s id (cus_…) or the exact email address."
    )
    tier = forms.ChoiceField(label="Tier", required=False)
    reason = forms.CharField(label="Reason", max_length=500)

    def __init__(self, workspace: Workspace, mode: Mode, tiers: Choices, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, initial={"kind": ExclusionKind.CUSTOMER})
        self._workspace, self._mode = workspace, mode
        _choose(self, "tier", [("", "Choose a tier"), *tiers])

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        kind = given.get("kind")
        if kind == ExclusionKind.CUSTOMER and "customer" not in self.errors:
            given["value"] = self._customer(given.get("customer", ""))
        elif kind == ExclusionKind.TIER and "tier" not in self.errors:
            if not given.get("tier"):
                self.add_error("tier", "Choose a tier.")
            given["value"] = given.get("tier", "")
        if not self.errors and self._is_there(given):
            self.add_error(kind, "This is excluded already.")
        return given

    def _customer(self, text: str) -> str:
        if not text:
            self.add_error("customer", "Name the customer.")
            return ""
        rows = Customer.objects.filter(workspace=self._workspace, mode=self._mode)
        found = list(rows.filter(stripe_id=text).values_list("stripe_id", flat=True)[:1])
        found = found or list(rows.filter(email=text).values_list("stripe_id", flat=True)[:2])
        if not found:
            self.add_error("customer", f"No customer “{text}” is known in {self._mode} mode.")
        elif len(found) > 1:
            self.add_error("customer", "Several customers have this address. Give the id.")
        return found[0] if len(found) == 1 else ""

    def _is_there(self, given: Mapping[str, Any]) -> bool:
        rows = Exclusion.objects.filter(workspace=self._workspace, mode=self._mode)
        return rows.filter(kind=given["kind"], value=given["value"]).exists()


def _choose(form: forms.Form, name: str, choices: Choices) -> None:
    form.fields[name].choices = choices  # type: ignore[attr-defined]  # of a choice field
