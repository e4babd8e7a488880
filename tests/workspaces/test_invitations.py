"""Inviting people: the form, the mail, the link, and who may use it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.mail import EmailMessage
from django.test import Client
from django.utils.timezone import now
from pytest_django import Settings

from pqintel.workspaces.actions.invitations import INVITATIONS_A_DAY, accept
from pqintel.workspaces.models import Invitation, Membership, User, Workspace
from pqintel.workspaces.roles import Role
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.conftest import MemberClient
from tests.factories import PASSWORD, InvitationFactory, MembershipFactory, UserFactory, WorkspaceFactory
from tests.smtp import mail_server

INVITE = "/w/acme/settings/members/invite/"


def invitations(workspace: Workspace) -> list[Invitation]:
    with scoped_transaction(workspace):
        return list(Invitation.objects.order_by("pk"))


def link_in(text: str) -> str:
    found = re.search(r"(/w/acme/join/[\w-]+/)", text)
    assert found
    return found.group(1)


@pytest.mark.django_db
class TestInviting:
    def test_journey(self, admin_client: Client, workspace: Workspace, mailoutbox: list[EmailMessage]) -> None:
        done = admin_client.post(INVITE, {"email": "Grace@Example.com", "role": "viewer"})
        assert done["Location"] == "/w/acme/settings/members/"
        (mail,) = mailoutbox
        assert mail.to == ["grace@example.com"]
        link = link_in(str(mail.body))

        page = admin_client.get("/w/acme/settings/members/")
        assert [(row.email, row.role_label, row.expired) for row in page.context["invitations"]] == [
            ("grace@example.com", "Viewer", False)
        ]

        grace = Client()
        offered = grace.get(link)
        assert (offered.status_code, offered.context["state"]) == (200, "signed_out")
        form = grace.get(offered.context["signup_url"])
        assert list(form.context["form"].fields) == ["name", "email", "password1"]  # no workspace of her own
        assert form.context["form"]["email"].value() == "grace@example.com"
        words = {"name": "Grace", "email": "grace@example.com", "password1": PASSWORD, "next": link}
        assert grace.post("/accounts/signup/", words)["Location"] == link
        assert grace.get(link).context["state"] == "ready"
        assert grace.post(link)["Location"] == "/w/acme/"
        assert grace.get("/w/acme/")["Location"] == "/w/acme/test/"

        member = Membership.objects.get(user__email="grace@example.com")
        assert (member.workspace, member.role) == (workspace, "viewer")
        assert Workspace.objects.count() == 1
        used = grace.get(link)
        assert (used.status_code, used.context["reason"]) == (410, "used")

    def test_only_a_hash_of_the_token_is_kept(
        self, owner_client: Client, workspace: Workspace, mailoutbox: list[EmailMessage]
    ) -> None:
        owner_client.post(INVITE, {"email": "grace@example.com", "role": "member"})
        token = link_in(str(mailoutbox[0].body)).split("/")[-2]
        (invitation,) = invitations(workspace)
        assert bytes(invitation.token_hash) == Invitation.hash(token)
        assert len(token) >= 43

    def test_inviting_again_makes_the_first_link_useless(
        self, owner_client: Client, workspace: Workspace, mailoutbox: list[EmailMessage]
    ) -> None:
        for role in ("member", "admin"):
            owner_client.post(INVITE, {"email": "grace@example.com", "role": role})
        first, second = (link_in(str(mail.body)) for mail in mailoutbox)
        assert Client().get(first).context["reason"] == "revoked"
        assert Client().get(second).context["invitation"].role_label == "Admin"

    @pytest.mark.parametrize(
        ("role", "choices"),
        [(Role.ADMIN, ["viewer", "member", "admin"]), (Role.OWNER, ["viewer", "member", "admin", "owner"])],
    )
    def test_roles_that_may_be_given(self, member_client: MemberClient, role: Role, choices: list[str]) -> None:
        page = member_client(role).get("/w/acme/settings/members/")
        assert [value for value, _ in page.context["invite_form"].fields["role"].choices] == choices

    @pytest.mark.parametrize(
        ("words", "errors"),
        [
            ({"email": "grace@", "role": "member"}, {"email": ["Enter a valid email address."]}),
            ({"email": "", "role": "member"}, {"email": ["This field is required."]}),
            (
                {"email": "grace@example.com", "role": "owner"},
                {"role": ["Select a valid choice. owner is not one of the available choices."]},
            ),
            ({"email": "member@example.com", "role": "viewer"}, {"email": ["member@example.com is a member already."]}),
        ],
    )
    def test_wrong_forms(
        self, admin_client: Client, workspace: Workspace, words: dict[str, str], errors: dict[str, list[str]]
    ) -> None:
        MembershipFactory(workspace=workspace, user__email="member@example.com")
        answer = admin_client.post(INVITE, words)
        assert answer.status_code == 422
        assert answer.context["invite_form"].errors == errors
        assert f'value="{words["email"]}"' in answer.content.decode() or not words["email"]
        assert invitations(workspace) == []

    def test_a_workspace_cannot_send_spam(self, owner_client: Client, workspace: Workspace) -> None:
        InvitationFactory.create_batch(INVITATIONS_A_DAY, workspace=workspace)
        answer = owner_client.post(INVITE, {"email": "grace@example.com", "role": "member"})
        assert answer.context["invite_form"].non_field_errors() == [
            "50 invitations were sent today. Send the next ones tomorrow."
        ]
        with time_machine.travel(now() + timedelta(days=1, minutes=1)):
            assert len(invitations(workspace)) == INVITATIONS_A_DAY
            fresh = Client()
            fresh.force_login(Membership.objects.get(workspace=workspace).user)
            assert fresh.post(INVITE, {"email": "grace@example.com", "role": "member"}).status_code == 302

    def test_seats_of_the_plan(self, owner_client: Client, workspace: Workspace, settings: Settings) -> None:
        settings.PQ_HOUSE_WORKSPACE = "house"
        workspace.trial_ends_at = now()
        workspace.save()
        words = {"email": "grace@example.com", "role": "member"}
        assert owner_client.post(INVITE, words).status_code == 302
        assert owner_client.post(INVITE, words).status_code == 302  # the same person takes no second seat
        answer = owner_client.post(INVITE, {**words, "email": "ada@example.com"})
        assert answer.context["invite_form"].non_field_errors() == [
            "All 2 seats of your plan are taken. Remove somebody, or choose a larger plan."
        ]
        assert answer.context["seats"] == {"used": 2, "limit": 2}

    def test_revoking(self, admin_client: Client, workspace: Workspace) -> None:
        invitation = InvitationFactory(workspace=workspace, token="secret")
        done = admin_client.post(f"/w/acme/settings/invitations/{invitation.pk}/revoke/")
        assert done["Location"] == "/w/acme/settings/members/"
        gone = Client().get("/w/acme/join/secret/")
        assert (gone.status_code, gone.context["reason"]) == (410, "revoked")

    def test_no_invitation_of_another_workspace_can_be_revoked(self, admin_client: Client) -> None:
        other = InvitationFactory()
        assert admin_client.post(f"/w/acme/settings/invitations/{other.pk}/revoke/").status_code == 404
        assert invitations(other.workspace)[0].revoked_at is None


@pytest.mark.django_db
class TestLink:
    @pytest.fixture
    def invitation(self, workspace: Workspace) -> Invitation:
        return InvitationFactory(workspace=workspace, email="grace@example.com", role=Role.ADMIN, token="secret")

    def test_only_the_invited_address_may_accept(self, invitation: Invitation) -> None:
        mallory = Client()
        mallory.force_login(UserFactory(email="mallory@example.com"))
        assert mallory.get("/w/acme/join/secret/").context["state"] == "wrong_account"
        assert mallory.post("/w/acme/join/secret/").status_code == 403
        assert Client().post("/w/acme/join/secret/").status_code == 403
        assert Membership.objects.count() == 0

    def test_unproven_other_address_does_not_count(self, invitation: Invitation) -> None:
        from allauth.account.models import EmailAddress

        user = UserFactory()
        address = EmailAddress.objects.create(user=user, email="grace@example.com", verified=False)
        client = Client()
        client.force_login(user)
        assert client.post("/w/acme/join/secret/").status_code == 403
        address.verified = True
        address.save()
        assert client.post("/w/acme/join/secret/").status_code == 302

    def test_expires(self, invitation: Invitation) -> None:
        with time_machine.travel(invitation.expires_at - timedelta(seconds=1), tick=False):
            assert Client().get("/w/acme/join/secret/").status_code == 200
        with time_machine.travel(invitation.expires_at, tick=False):
            gone = Client().get("/w/acme/join/secret/")
        assert (gone.status_code, gone.context["reason"]) == (410, "expired")

    @pytest.mark.parametrize("path", ["/w/acme/join/guess/", "/w/nowhere/join/secret/", "/w/other/join/secret/"])
    def test_unknown(self, invitation: Invitation, path: str) -> None:
        WorkspaceFactory(slug="other")
        answer = Client().get(path)
        assert (answer.status_code, answer.context["reason"]) == (404, "unknown")

    def test_members_stay_what_they_are(self, invitation: Invitation, workspace: Workspace) -> None:
        member = MembershipFactory(workspace=workspace, user__email="grace@example.com", role=Role.OWNER)
        client = Client()
        client.force_login(member.user)
        assert client.post("/w/acme/join/secret/")["Location"] == "/w/acme/"
        assert Membership.objects.get().role == "owner"
        assert Client().get("/w/acme/join/secret/").context["reason"] == "used"

    def test_action_refuses_the_wrong_person_too(self, invitation: Invitation) -> None:
        from django.core.exceptions import PermissionDenied

        with scope(invitation.workspace), pytest.raises(PermissionDenied):
            accept(invitation, UserFactory())


@pytest.mark.django_db(transaction=True)
class TestMailServer:
    """With a real mail server on loopback."""

    @pytest.fixture
    def over_smtp(self, settings: Settings) -> Any:
        with mail_server() as mailbox:
            settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
            settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", mailbox.port
            yield mailbox

    def test_mail_arrives_whole(self, owner_client: Client, workspace: Workspace, over_smtp: Any) -> None:
        workspace.name = "Ünïcode & Søn <Ltd>"
        workspace.save()
        owner = User.objects.get()
        owner.name = "Ada “the first” Lovelace"
        owner.save()
        owner_client.post(INVITE, {"email": "grace@example.com", "role": "member"})
        (mail,) = over_smtp.mails
        assert mail["Subject"].strip() == "Ada “the first” Lovelace invites you to Ünïcode & Søn <Ltd>"
        assert mail["To"] == "grace@example.com"
        assert mail["From"].startswith("PQ Intel <no-reply@")
        text = mail.get_body(("plain",)).get_content()
        html = mail.get_body(("html",)).get_content()
        link = link_in(text)
        assert f"http://127.0.0.1:8000{link}" in text
        assert link_in(html) == link
        assert "Ünïcode &amp; Søn &lt;Ltd&gt;" in html
        assert Client().get(link).status_code == 200

    def test_nobody_is_invited_when_the_mail_cannot_be_sent(
        self, owner_client: Client, workspace: Workspace, over_smtp: Any
    ) -> None:
        over_smtp.refuse = True
        answer = owner_client.post(INVITE, {"email": "grace@example.com", "role": "member"})
        assert answer.status_code == 422
        assert answer.context["invite_form"].non_field_errors() == [
            "The mail server did not take the mail, so nobody is invited. Try again later."
        ]
        assert 'value="grace@example.com"' in answer.content.decode()
        assert [invitation.is_open for invitation in invitations(workspace)] == [False]
        over_smtp.refuse = False
        assert owner_client.post(INVITE, {"email": "grace@example.com", "role": "member"}).status_code == 302
        assert len(over_smtp.mails) == 1

    def test_account_mails_arrive_too(self, client: Client, settings: Settings, over_smtp: Any) -> None:
        settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
        words = {"name": "Grace", "workspace_name": "Cobol", "email": "grace@example.com", "password1": PASSWORD}
        assert client.post("/accounts/signup/", words).status_code == 302
        (mail,) = over_smtp.mails
        assert mail["To"] == "grace@example.com"
        assert "/accounts/confirm-email/" in mail.get_body(("plain",)).get_content()

    def test_sign_up_survives_a_mail_server_that_is_down(
        self, client: Client, settings: Settings, over_smtp: Any
    ) -> None:
        settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
        settings.EMAIL_PORT = 1  # nobody listens there
        words = {"name": "Grace", "workspace_name": "Cobol", "email": "grace@example.com", "password1": PASSWORD}
        assert client.post("/accounts/signup/", words)["Location"] == "/accounts/confirm-email/"
        assert User.objects.count() == 1
