"""`manage.py workspace_create`: a workspace and its owner, without the sign-up page."""

from __future__ import annotations

import json
import secrets
from argparse import ArgumentParser
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Q
from django.urls import reverse

from pqintel.workspaces.actions.workspaces import open_workspace
from pqintel.workspaces.models import User, Workspace

PASSWORD_BYTES = 15


class Command(BaseCommand):
    help = (
        "Create a workspace with its owner. Where the owner has no account yet, one is made with a password that is "
        "printed this once, and with its address taken as proven."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="the workspace's part of its URLs: lower-case letters, digits, single hyphens")
        parser.add_argument("--name", required=True, help="its name, as people read it")
        parser.add_argument("--owner", required=True, metavar="EMAIL", help="the email address of its owner")
        parser.add_argument("--json", action="store_true", help="print workspace, owner, password (or null) and url")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with transaction.atomic():
                owner, password = _owner(options["owner"])
                name = " ".join(options["name"].split()) or options["slug"]
                workspace = open_workspace(name[:120], owner, slug=options["slug"])
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        tell = _as_json if options["json"] else _as_text
        self.stdout.write(tell(workspace, owner, password))


def _owner(email: str) -> tuple[User, str | None]:
    """The user of this address and None, or a new one and their password. Raises ValidationError."""
    email = email.strip().lower()
    validate_email(email)
    proven = Q(emailaddress__email=email, emailaddress__verified=True)
    if known := User.objects.filter(Q(email__iexact=email) | proven).first():
        return known, None
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    user = User.objects.create_user(email, password)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user, password


def _url(workspace: Workspace) -> str:
    return f"{settings.PQ_BASE_URL}{reverse('workspaces:enter', args=[workspace.slug])}"


def _as_json(workspace: Workspace, owner: User, password: str | None) -> str:
    facts = {"workspace": workspace.slug, "owner": owner.email, "password": password, "url": _url(workspace)}
    return json.dumps(facts)


def _as_text(workspace: Workspace, owner: User, password: str | None) -> str:
    sign_in = f"password {password}" if password else "the password stays as it is"
    return f"Workspace {workspace.slug}: {_url(workspace)}\nOwner {owner.email}, {sign_in}"
