"""Roles and removal. A workspace always has an owner, and only owners decide about owners."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test import Client

from pqintel.workspaces.actions.members import LastOwnerError, change_role
from pqintel.workspaces.models import Membership, Workspace
from pqintel.workspaces.roles import LEAST_ROLE, Permission, Role, may
from tests.conftest import MemberClient
from tests.factories import MembershipFactory, UserFactory, WorkspaceFactory

LAST_OWNER = "A workspace needs an owner. Make somebody else an owner first."


def test_roles_are_the_specification_s() -> None:
    held = {role: {permission for permission in Permission if may(role, permission)} for role in Role}
    assert held == {
        Role.VIEWER: {Permission.SEE},
        Role.MEMBER: {Permission.SEE, Permission.WORK},
        Role.ADMIN: {Permission.SEE, Permission.WORK, Permission.CONFIGURE},
        Role.OWNER: set(Permission),
    }
    assert set(LEAST_ROLE) == set(Permission)


@pytest.mark.django_db
class TestPage:
    def test_shows_everybody_and_what_may_be_done(self, workspace: Workspace) -> None:
        ada = MembershipFactory(workspace=workspace, user__name="Ada", user__email="ada@example.com")
        MembershipFactory(workspace=workspace, user__name="", user__email="bob@example.com", role=Role.VIEWER)
        MembershipFactory()  # elsewhere
        client = Client()
        client.force_login(ada.user)
        page = client.get("/w/acme/settings/members/")
        assert [
            (m.name, m.email, m.role_label, m.is_you, m.can_change_role, m.can_remove) for m in page.context["members"]
        ] == [
            ("Ada", "ada@example.com", "Owner", True, False, False),  # the last owner
            ("", "bob@example.com", "Viewer", False, True, True),
        ]
        assert page.context["role_choices"] == [
            ("viewer", "Viewer"),
            ("member", "Member"),
            ("admin", "Admin"),
            ("owner", "Owner"),
        ]

    def test_what_each_role_may_do_to_the_others(self, workspace: Workspace, member_client: MemberClient) -> None:
        clients = {role: member_client(role) for role in Role}
        MembershipFactory(workspace=workspace, role=Role.OWNER)
        can = {}
        for role, client in clients.items():
            page = client.get("/w/acme/settings/members/")
            can[role] = [(m.role, m.can_change_role, m.can_remove) for m in page.context["members"]]
            assert (page.context["invite_form"] is not None) == (role in (Role.ADMIN, Role.OWNER))
        nobody = [("viewer", False, False), ("member", False, False), ("admin", False, False), ("owner", False, False)]
        nobody.append(("owner", False, False))
        assert can[Role.VIEWER] == [("viewer", False, True), *nobody[1:]]
        assert can[Role.MEMBER] == [nobody[0], ("member", False, True), *nobody[2:]]
        assert can[Role.ADMIN] == [
            ("viewer", False, True),
            ("member", False, True),
            ("admin", False, True),
            *nobody[3:],
        ]
        assert can[Role.OWNER] == [(role, True, True) for role, *_ in nobody]


@pytest.mark.django_db
class TestChangingRoles:
    def test_owner_changes_a_role(self, owner_client: Client, workspace: Workspace) -> None:
        member = MembershipFactory(workspace=workspace, role=Role.VIEWER)
        done = owner_client.post(f"/w/acme/settings/members/{member.pk}/role/", {"role": "admin"})
        assert done["Location"] == "/w/acme/settings/members/"
        member.refresh_from_db()
        assert member.role == "admin"

    @pytest.mark.parametrize("role", ["emperor", ""])
    def test_unknown_role(self, owner_client: Client, workspace: Workspace, role: str) -> None:
        member = MembershipFactory(workspace=workspace, role=Role.VIEWER)
        answer = owner_client.post(f"/w/acme/settings/members/{member.pk}/role/", {"role": role})
        assert (answer.status_code, [str(m) for m in answer.context["messages"]]) == (422, [f"“{role}” is not a role."])
        member.refresh_from_db()
        assert member.role == "viewer"

    def test_last_owner_stays_owner(self, owner_client: Client) -> None:
        member = Membership.objects.get()
        answer = owner_client.post(f"/w/acme/settings/members/{member.pk}/role/", {"role": "admin"})
        assert (answer.status_code, [str(m) for m in answer.context["messages"]]) == (422, [LAST_OWNER])
        assert Membership.objects.get().role == "owner"

    def test_owner_may_step_down_beside_another(self, owner_client: Client, workspace: Workspace) -> None:
        member = Membership.objects.get()
        MembershipFactory(workspace=workspace)
        assert owner_client.post(f"/w/acme/settings/members/{member.pk}/role/", {"role": "viewer"}).status_code == 302
        assert owner_client.get("/w/acme/settings/members/").context["invite_form"] is None

    def test_admin_may_not(self, workspace: Workspace) -> None:
        admin = MembershipFactory(workspace=workspace, role=Role.ADMIN)
        with pytest.raises(PermissionDenied):
            change_role(admin, admin, Role.OWNER)

    def test_members_of_other_workspaces_do_not_exist(self, owner_client: Client) -> None:
        other = MembershipFactory(workspace=WorkspaceFactory(), role=Role.VIEWER)
        for action in ("role", "remove"):
            answer = owner_client.post(f"/w/acme/settings/members/{other.pk}/{action}/", {"role": "admin"})
            assert answer.status_code == 404
        other.refresh_from_db()
        assert other.role == "viewer"


@pytest.mark.django_db
class TestRemoving:
    @pytest.mark.parametrize(
        ("actor", "target", "status"),
        [
            (Role.VIEWER, Role.VIEWER, 403),
            (Role.MEMBER, Role.VIEWER, 403),
            (Role.ADMIN, Role.VIEWER, 302),
            (Role.ADMIN, Role.ADMIN, 302),
            (Role.ADMIN, Role.OWNER, 403),
            (Role.OWNER, Role.ADMIN, 302),
            (Role.OWNER, Role.OWNER, 302),
        ],
    )
    def test_somebody_else(
        self, workspace: Workspace, member_client: MemberClient, actor: Role, target: Role, status: int
    ) -> None:
        MembershipFactory(workspace=workspace, role=Role.OWNER)
        member = MembershipFactory(workspace=workspace, role=target)
        assert member_client(actor).post(f"/w/acme/settings/members/{member.pk}/remove/").status_code == status
        assert Membership.objects.filter(pk=member.pk).exists() == (status == 403)

    @pytest.mark.parametrize("role", [Role.VIEWER, Role.ADMIN, Role.OWNER])
    def test_leaving(self, workspace: Workspace, member_client: MemberClient, role: Role) -> None:
        MembershipFactory(workspace=workspace, role=Role.OWNER)
        client = member_client(role)
        member = Membership.objects.latest("pk")
        assert client.post(f"/w/acme/settings/members/{member.pk}/remove/")["Location"] == "/"
        assert client.get("/w/acme/settings/members/").status_code == 404
        assert client.get("/")["Location"] == "/w/new/"

    def test_last_owner_cannot_leave(self, owner_client: Client, workspace: Workspace) -> None:
        MembershipFactory(workspace=workspace, role=Role.ADMIN)
        member = Membership.objects.get(role=Role.OWNER)
        answer = owner_client.post(f"/w/acme/settings/members/{member.pk}/remove/")
        assert (answer.status_code, [str(m) for m in answer.context["messages"]]) == (422, [LAST_OWNER])
        assert Membership.objects.filter(role=Role.OWNER).count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_demote_each_other_at_once_leave_one() -> None:
    workspace = WorkspaceFactory()
    first, second = (MembershipFactory(workspace=workspace, user=UserFactory()) for _ in range(2))
    meet = Barrier(2)

    def demote(pair: tuple[Membership, Membership]) -> str:
        try:
            meet.wait(timeout=30)
            change_role(*pair, Role.VIEWER)
            return "done"
        except LastOwnerError:
            return "refused"
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        outcomes = sorted(threads.map(demote, [(first, second), (second, first)]))
    assert outcomes == ["done", "refused"]
    assert Membership.objects.filter(role=Role.OWNER).count() == 1
