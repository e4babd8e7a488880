"""Workspaces, their members and invitations."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django import forms

from .shell import NOW, USER, WORKSPACE, Page, nav


class InviteForm(forms.Form):
    email = forms.EmailField()
    role = forms.ChoiceField(choices=[("viewer", "Viewer"), ("member", "Member"), ("admin", "Admin")])


class WorkspaceForm(forms.Form):
    name = forms.CharField(help_text="Usually the name of your company.", initial="Northwind Analytics")
    timezone = forms.ChoiceField(label="Time zone", choices=[("Europe/Berlin", "Europe/Berlin")])


def member(number: int, name: str, email: str, role: str, **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "name": name,
        "email": email,
        "role": role,
        "role_label": role.title(),
        "joined_at": NOW - timedelta(days=number * 30),
        "is_you": False,
        "can_change_role": True,
        "can_remove": True,
        **more,
    }


def members() -> dict[str, Any]:
    return {
        "members": [
            member(
                1,
                "Ada Lovelace",
                "ada@northwind.example",
                "owner",
                is_you=True,
                can_change_role=False,
                can_remove=False,
            ),
            member(2, "Alan Turing", "alan@northwind.example", "admin"),
            member(3, "", "grace.hopper.with.a.long.address@northwind.example", "viewer"),
        ],
        "role_choices": [("viewer", "Viewer"), ("member", "Member"), ("admin", "Admin"), ("owner", "Owner")],
        "invitations": [invitation(1), invitation(2, email="emmy@northwind.example", expired=True)],
        "invite_form": InviteForm(),
        "seats": {"used": 3, "limit": 10},
    }


def invitation(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "id": number,
        "workspace": WORKSPACE,
        "email": "katherine@northwind.example",
        "role_label": "Member",
        "invited_by": "Ada Lovelace",
        "created_at": NOW - timedelta(days=2),
        "expires_at": NOW + timedelta(days=5),
        "expired": False,
        **changes,
    }


class DeleteForm(forms.Form):
    slug = forms.CharField(label="Type northwind to confirm")


def pages() -> Iterator[tuple[str, Page]]:
    """One page a state."""
    yield "members", members_page()
    yield "members-alone", members_page(invitations=[], members=members()["members"][:1], seats=None)
    general = {"nav": nav(section="settings"), "form": WorkspaceForm(), "user": USER}
    trial = {"name": "Growth", "trial_ends_at": NOW + timedelta(days=9), "open": False}
    yield "settings", Page("workspaces/settings.html", {**general, "plan": trial})
    notice = {"text": "The trial of Growth ends in 3 days.", "url": "/", "link_label": "See the plan"}
    viewer = nav(section="settings", may_all=False, notice=notice)
    yield "settings-viewer", Page("workspaces/settings.html", {**general, "nav": viewer, "plan": {"open": True}})
    yield "delete", Page("workspaces/delete.html", {**general, "form": DeleteForm({"slug": "nortwind"})})
    nameless = WorkspaceForm({"name": ""})
    yield "new", Page("workspaces/new.html", {"nav": nav(workspace=None), "form": nameless, "user": USER})
    for state in ("ready", "wrong_account", "signed_out"):
        offer = {"invitation": invitation(), "state": state, "login_url": "/", "signup_url": "/", "user": USER}
        yield f"invitation-{state}", Page("workspaces/invitation_accept.html", offer)
    yield "invitation-invalid", Page("workspaces/invitation_invalid.html", {"reason": "expired"})


def members_page(**changes: Any) -> Page:
    return Page("workspaces/members.html", {"nav": nav(section="members"), **members(), **changes, "user": USER})
