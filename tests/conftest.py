"""Fixtures that every room's tests may use."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import pytest_django
from allauth.account.internal.flows.login import record_authentication
from django.core.cache import cache
from django.http import HttpRequest
from django.test import Client
from hypothesis import settings as hypothesis_settings

from integrations.stripe.refusals import refusals
from pqintel.workspaces.models import User, Workspace
from pqintel.workspaces.roles import Role
from tests import (
    factories_alerts,  # noqa: F401 - `factory_of` finds what is there
    factories_digest,  # noqa: F401 - `factory_of` finds what is there
    factories_dunning,  # noqa: F401 - `factory_of` finds what is there
    factories_letters,  # noqa: F401 - `factory_of` finds what is there
    flushing,
)
from tests.factories import MembershipFactory, UserFactory, WorkspaceFactory

MemberClient = Callable[[Role], Client]

# How long an example takes says how busy the machine is, not whether the code is right.
hypothesis_settings.register_profile("untimed", deadline=None)
hypothesis_settings.load_profile("untimed")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker) -> None:
    """The test database, with a quick way to empty it."""
    with django_db_blocker.unblock():
        flushing.install()


@pytest.fixture(autouse=True)
def _no_rate_limits_left_over(request: pytest.FixtureRequest) -> Iterator[None]:
    """The cache's table is no model's: where a test really commits, nothing else empties it."""
    marker = request.node.get_closest_marker("django_db")
    commits = {"transactional_db", "live_server"} & set(request.fixturenames)
    if not commits and not (marker and marker.kwargs.get("transaction")):
        yield
        return
    request.getfixturevalue("transactional_db")
    yield
    cache.clear()


@pytest.fixture(autouse=True)
def _no_refusals_left_over(request: pytest.FixtureRequest) -> Iterator[None]:
    """The thread that counts refused deliveries ends with the test, before the database is closed to it."""
    for name in {"db", "transactional_db"} & set(request.fixturenames):
        request.getfixturevalue(name)
    yield
    refusals.finish()


@pytest.fixture
def workspace(db: None) -> Workspace:
    """A workspace without members."""
    return WorkspaceFactory(slug="acme", name="Acme")


@pytest.fixture
def client_of(db: None) -> Callable[[User], Client]:
    """A signed-in browser for a user, without going through the sign-in page."""

    def signed_in(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return signed_in


@pytest.fixture
def member_client(workspace: Workspace, client_of: Callable[[User], Client]) -> MemberClient:
    """A signed-in browser of a member of `workspace` with a role; a new person each time."""

    def signed_in(role: Role) -> Client:
        return client_of(MembershipFactory(workspace=workspace, role=role).user)

    return signed_in


@pytest.fixture
def owner_client(member_client: MemberClient) -> Client:
    return member_client(Role.OWNER)


@pytest.fixture
def admin_client(member_client: MemberClient) -> Client:
    """A workspace's admin; staff of PQ Intel is `staff_client`."""
    return member_client(Role.ADMIN)


@pytest.fixture
def viewer_client(member_client: MemberClient) -> Client:
    return member_client(Role.VIEWER)


@pytest.fixture
def staff_client(client_of: Callable[[User], Client]) -> Client:
    """Staff, no superuser, whose session has passed a second factor."""
    return with_second_factor(client_of(UserFactory(is_staff=True)))


@pytest.fixture
def superuser_client(client_of: Callable[[User], Client]) -> Client:
    """A superuser whose session has passed a second factor."""
    return with_second_factor(client_of(UserFactory(is_staff=True, is_superuser=True)))


def with_second_factor(client: Client) -> Client:
    """Note in the session that its user has shown a second factor, as allauth does."""
    request = HttpRequest()
    request.session = client.session
    user = User.objects.get(pk=request.session["_auth_user_id"])
    record_authentication(request, user, "mfa", type="totp")
    request.session.save()
    return client
