"""People and their workspaces, made by the factories in the running product's database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from django.conf import settings
from django.test import Client

from billing.modes import Mode
from integrations.models import Connection
from integrations.stripe import connections
from pqintel.simulator.testing import Simulation
from pqintel.workspaces.models import User, Workspace
from pqintel.workspaces.roles import Role
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.conftest import with_second_factor
from tests.factories import MembershipFactory, UserFactory, WorkspaceFactory

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

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def founder(self) -> Person:
        """The owner of a new workspace."""
        number = next(_numbers)
        with self.stage.inside():
            workspace = WorkspaceFactory(slug=f"studio-{number}", name=f"Studio {number}")
            user = MembershipFactory(workspace=workspace, role=Role.OWNER, user__email=_email()).user
            return Person(user.email, _session(user), workspace.slug, workspace.name)

    def staff(self) -> Person:
        """A superuser whose session has passed a second factor."""
        with self.stage.inside():
            user = UserFactory(is_staff=True, is_superuser=True, email=_email())
            return Person(user.email, _session(user, with_second_factor))

    def connect(self, person: Person, stripe: Simulation, mode: Mode = Mode.TEST) -> str:
        """Store an account's keys as working ones, unverified; returns the webhook URL, which is registered there."""
        with self.stage.inside(), scope(self.workspace(person)) as workspace_id:
            row = connections.connection_for(Workspace.objects.get(pk=workspace_id), mode)
            values = {
                "publishable_key": stripe.publishable_key,
                "secret_key": stripe.restricted_key,
                "webhook_secret": stripe.webhook_secret,
            }
            connections.promote(connections.save_draft(row, values), stripe.account.id)
            url = f"{self.stage.url}/webhooks/stripe/{row.token.reveal()}/"
        stripe.register(url)
        return url

    def stored(self, person: Person, mode: Mode = Mode.TEST) -> Connection:
        """The connection as it lies in the database."""
        with self.stage.inside(), scoped_transaction(self.workspace(person)):
            return Connection.objects.get(mode=mode)

    @staticmethod
    def workspace(person: Person) -> Workspace:
        return Workspace.objects.get(slug=person.slug)


def _email() -> str:
    return f"founder{next(_numbers)}@example.com"


def _session(user: User, then: Callable[[Client], Client] = lambda client: client) -> str:
    client = Client()
    client.force_login(user)
    return then(client).cookies[settings.SESSION_COOKIE_NAME].value
