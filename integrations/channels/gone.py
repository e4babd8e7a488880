"""Channels that were chosen and have all been removed since: where to now is asked, never assumed."""

from __future__ import annotations

from typing import Final

from django import forms

GONE: Final = "The channels that were chosen have been removed, so nothing is sent. Choose where it goes now."


def everywhere_field() -> forms.BooleanField:
    """To say "every channel" in so many words; it is there where the chosen ones are gone."""
    return forms.BooleanField(required=False, label="Every channel of the workspace")


def ask_where(form: forms.Form, *, gone: bool) -> None:
    """Ask where to, if the chosen channels are `gone` and there are others to choose; else leave the question out.

    Reads and changes the form's fields `channels`, which may not be there, and `everywhere`.
    """
    if gone and "channels" in form.fields:
        form.fields["channels"].help_text = GONE
    else:
        del form.fields["everywhere"]


def check_where(form: forms.Form) -> None:
    """Refuse a form that was asked where to and does not say it."""
    given = form.cleaned_data
    if "everywhere" in form.fields and not given.get("channels") and not given.get("everywhere"):
        form.add_error("channels", GONE)
