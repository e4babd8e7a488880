"""Forms of accounts and workspaces."""

from __future__ import annotations

import re
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from allauth.account import forms as account
from allauth.account.utils import get_next_redirect_url
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from django import forms
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.shortcuts import redirect
from django.urls import Resolver404, resolve

from .actions.workspaces import change_general, open_workspace
from .models import User, Workspace
from .roles import Role

INVITATION = "workspaces:join"
LOOKS_LIKE_A_LINK = re.compile(r"://|\bwww\.", re.IGNORECASE)


class NameField(forms.CharField):
    """A name of a person or workspace: one line. It goes into mails that we send, so it holds no links."""

    def __init__(self, *, label: str, autocomplete: str = "off", **kwargs: Any) -> None:
        widget = forms.TextInput(attrs={"autocomplete": autocomplete})
        super().__init__(label=label, max_length=120, widget=widget, **kwargs)

    def clean(self, value: Any) -> str:
        name = " ".join(super().clean(value).split())
        if LOOKS_LIKE_A_LINK.search(name):
            raise ValidationError("A name, please, not an address.")
        return name


@cache
def timezone_choices() -> list[tuple[str, str]]:
    """Every IANA zone that has a place or is UTC, by name: what people choose from."""
    zones = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc/", "SystemV/")))
    return [(zone, zone.replace("_", " ")) for zone in ["UTC", *zones]]


class TimezoneField(forms.CharField):
    """An IANA time zone. What was typed stays in the form, also where it is none."""

    widget = forms.Select

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(label="Time zone", help_text="Days in reports begin at its midnight.", **kwargs)

    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> forms.BoundField:
        bound = super().get_bound_field(form, field_name)
        given = str(bound.value() or "")
        known = timezone_choices()
        strange = given and given not in {zone for zone, _ in known}
        self.widget.choices = [(given, given), *known] if strange else known
        return bound

    def clean(self, value: Any) -> str:
        zone: str = super().clean(value)
        if zone not in available_timezones():
            raise ValidationError(f"“{zone}” is not a time zone. Choose one like Europe/Berlin.")
        return ZoneInfo(zone).key


class SignupForm(account.SignupForm):
    """Sign-up: a person and their workspace. Who follows an invitation needs no workspace of their own."""

    name = NameField(label="Your name", autocomplete="name")
    workspace_name = NameField(
        label="Workspace name", autocomplete="organization", help_text="Your company or product."
    )

    field_order = ("name", "workspace_name", "email", "password1")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if follows_invitation(context.request):
            del self.fields["workspace_name"]

    def save(self, request: HttpRequest) -> User:
        """Save the person, their address and their workspace, all or nothing.

        Raises:
            ImmediateHttpResponse: the second of two sign-ups at once (a double click) gets the first one's answer.
        """
        try:
            with transaction.atomic():
                user: User = super().save(request)
                user.name = self.cleaned_data["name"]
                user.save(update_fields=["name"])
                if "workspace_name" in self.cleaned_data:
                    open_workspace(self.cleaned_data["workspace_name"], user)
        except IntegrityError:
            raise ImmediateHttpResponse(redirect("account_email_verification_sent")) from None
        return user


def follows_invitation(request: HttpRequest) -> bool:
    """Whether the page to go to after sign-up (`next`) is that of an invitation."""
    try:
        return resolve(get_next_redirect_url(request) or "").view_name == INVITATION
    except Resolver404:
        return False


class WorkspaceForm(forms.Form):
    """A further workspace."""

    name = NameField(label="Name", help_text="Your company or product.")
    timezone = TimezoneField(initial="UTC")


class SettingsForm(WorkspaceForm):
    """A workspace's general settings."""

    def __init__(self, workspace: Workspace, *args: Any, **kwargs: Any) -> None:
        kwargs["initial"] = {"name": workspace.name, "timezone": workspace.timezone}
        super().__init__(*args, **kwargs)
        self.workspace = workspace

    def save(self) -> None:
        change_general(self.workspace, self.cleaned_data["name"], self.cleaned_data["timezone"])


class InviteForm(forms.Form):
    """Whom to invite, and as what."""

    email = forms.EmailField(label="Email", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "off"}))
    role = forms.ChoiceField(label="Role", initial=Role.MEMBER)

    def __init__(self, roles: list[Role], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = [(role.value, role.label) for role in roles]  # type: ignore[attr-defined]


class DeleteForm(forms.Form):
    """Deleting a workspace takes its slug, typed."""

    slug = forms.CharField(widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}))

    def __init__(self, workspace: Workspace, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.workspace = workspace
        self.fields["slug"].label = f"Type {workspace.slug} to confirm"

    def clean_slug(self) -> str:
        slug: str = self.cleaned_data["slug"]
        if slug != self.workspace.slug:
            raise ValidationError(f"That is not {self.workspace.slug}.")
        return slug
