"""People and their workspaces, made by the factories in the running product's database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

from allauth.account.internal.flows.login import record_authentication
from django.conf import settings
from django.http import HttpRequest
from django.test import Client

from billing.modes import Mode
from integrations.models import Connection
from integrations.stripe import connections
from pqintel.simulator.testing import Simulation
from pqintel.vault import Secret
from pqintel.workspaces.models import Invitation, Membership, User, Workspace
from pqintel.workspaces.roles import Role
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.factories import InvitationFactory, MembershipFactory, UserFactory, WorkspaceFactory

from .stage import Stage

_numbers = count(1)


@dataclass(frozen=True)
class Person:
    """Somebody with an account; `session` is the cookie of a browser in which they are signed in.

    `slug` and `name` are their workspace's.
    """

    email: str
    session: str
    slug: str = ""
    name: str = ""

    def page(self, path: str = "settings/integrations/stripe/") -> str:
        """The path of a page of their workspace."""
        return f"/w/{self.slug}/{path}"


class Team:
    """Everything here writes to the stage's database, by the ORM of this process."""

    def __init__(self, stage: Stage, blocker: Any) -> None:
        """`blocker` is pytest-django's, which keeps tests away from databases until it is told otherwise."""
        self.stage = stage
        self._blocker = blocker

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Let this process's ORM work on the stage's database for the length of the block."""
        with self._blocker.unblock(), self.stage.inside():
            yield

    def founder(self) -> Person:
        """The owner of a new workspace."""
        number = next(_numbers)
        with self.inside():
            workspace = WorkspaceFactory(slug=f"studio-{number}", name=f"Studio {number}")
            return _person(MembershipFactory(workspace=workspace, user__email=_email()))

    def colleague(self, person: Person, role: Role) -> Person:
        """Somebody else in the same workspace."""
        with self.inside():
            workspace = Workspace.objects.get(slug=person.slug)
            return _person(MembershipFactory(workspace=workspace, role=role, user__email=_email()))

    def staff(self) -> Person:
        """A superuser whose session has passed a second factor."""
        with self.inside():
            user = UserFactory(is_staff=True, is_superuser=True, email=_email())
            return Person(user.email, _session(user, "mfa", type="totp"))

    def invite(self, person: Person, email: str) -> str:
        """Invite an address into somebody's workspace; returns the path of the link."""
        with self.inside():
            token = Invitation.new_token()
            place = {"workspace": Workspace.objects.get(slug=person.slug), "token": token}
            InvitationFactory(**place, email=email, invited_by=User.objects.get(email=person.email))
            return person.page(f"join/{token}/")

    def connect(self, person: Person, stripe: Simulation, mode: Mode = Mode.TEST) -> str:
        """Store an account's keys as working ones, unverified; returns the webhook URL, which is registered there."""
        with self.inside(), scope(Workspace.objects.get(slug=person.slug)) as workspace_id:
            row = connections.connection_for(Workspace.objects.get(pk=workspace_id), mode)
            draft = connections.save_draft(row, {name: Secret(value) for name, value in pasted(stripe).items()})
            connections.promote(draft, stripe.account.id)
            url = f"{self.stage.url}/webhooks/stripe/{row.token.reveal()}/"
        stripe.register(url)
        return url

    def stored(self, person: Person, mode: Mode = Mode.TEST) -> Connection:
        """The connection as it lies in the database."""
        with self.inside(), scoped_transaction(Workspace.objects.get(slug=person.slug)):
            return Connection.objects.get(mode=mode)


def pasted(stripe: Simulation, **changes: str) -> dict[str, str]:
    """The three values of an account as somebody pastes them: a restricted key, as is recommended."""
    return {
        "publishable_key": stripe.publishable_key,
        "secret_key": stripe.restricted_key,
        "webhook_secret": stripe.webhook_secret,
        **changes,
    }


def _email() -> str:
    return f"founder{next(_numbers)}@example.com"


def _person(membership: Membership) -> Person:
    user, workspace = membership.user, membership.workspace
    return Person(user.email, _session(user, "password", reauthenticated=True), workspace.slug, workspace.name)


def _session(user: User, method: str, **facts: Any) -> str:
    """A session that has just begun with this way of signing in."""
    client = Client()
    client.force_login(user)
    request = HttpRequest()
    request.session = client.session
    record_authentication(request, user, method, **facts)
    request.session.save()
    return client.cookies[settings.SESSION_COOKIE_NAME].value
