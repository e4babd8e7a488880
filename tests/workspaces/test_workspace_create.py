"""`manage.py workspace_create`."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from pqintel.workspaces.models import Membership, User, Workspace
from tests.factories import UserFactory, WorkspaceFactory

pytestmark = pytest.mark.django_db


def create(slug: str, owner: str, name: str = "Acme Inc") -> dict[str, Any]:
    out = StringIO()
    call_command("workspace_create", slug, "--name", name, "--owner", owner, "--json", stdout=out)
    printed: dict[str, Any] = json.loads(out.getvalue())
    return printed


def test_new_owner_can_sign_in_at_once(client: Client, settings: Settings) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    printed = create("acme", " Ada@Example.com ")
    password = printed.pop("password")
    assert printed == {"workspace": "acme", "owner": "ada@example.com", "url": f"{settings.PQ_BASE_URL}/w/acme/"}
    assert len(password) == 20
    membership = Membership.objects.get()
    assert (membership.workspace.slug, membership.workspace.name, membership.role) == ("acme", "Acme Inc", "owner")
    assert list(EmailAddress.objects.values_list("email", "verified", "primary")) == [("ada@example.com", True, True)]
    entered = client.post("/accounts/login/", {"login": "ada@example.com", "password": password})
    assert entered["Location"] == "/"
    assert client.get("/w/acme/")["Location"] == "/w/acme/test/"


def test_known_owner_keeps_their_password() -> None:
    user = UserFactory(email="ada@example.com")
    before = user.password
    assert create("acme", "ADA@example.com")["password"] is None
    assert create("second", "ada@example.com")["workspace"] == "second"
    user.refresh_from_db()
    assert (user.password, user.memberships.count(), User.objects.count()) == (before, 2, 1)


@pytest.mark.parametrize(
    ("slug", "owner", "error"),
    [
        ("taken", "ada@example.com", "There is a workspace “taken” already."),
        ("new", "ada@example.com", "“new” is reserved."),
        ("Not A Slug", "ada@example.com", "“Not A Slug” cannot be a slug: lower-case letters and digits, with single "),
        ("a--b", "ada@example.com", "“a--b” cannot be a slug: lower-case letters and digits, with single hyphens betw"),
        (
            "x" * 51,
            "ada@example.com",
            "xxx” cannot be a slug: lower-case letters and digits, with single hyphens betwee",
        ),
        ("acme", "ada@", "Enter a valid email address."),
    ],
)
def test_refusals_leave_nothing_behind(slug: str, owner: str, error: str) -> None:
    WorkspaceFactory(slug="taken")
    with pytest.raises(CommandError) as refusal:
        create(slug, owner)
    assert error in str(refusal.value)
    assert refusal.value.returncode == 1
    assert (User.objects.count(), Workspace.objects.count()) == (0, 1)


def test_for_people() -> None:
    out = StringIO()
    call_command("workspace_create", "acme", "--name", "Acme", "--owner", "ada@example.com", stdout=out)
    assert "Owner ada@example.com, password " in out.getvalue()
