"""Accounts, through the pages that people use: sign-up, proof of the address, reset, second factor, rate limits."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import time_machine
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core.mail import EmailMessage
from django.db import connection
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from pqintel.vault import ring
from pqintel.vault.references import references
from pqintel.workspaces.models import Membership, User, Workspace
from pqintel.workspaces.roles import Role
from pqintel.workspaces.second_factors import rewrap_second_factors
from tests.factories import PASSWORD, MembershipFactory, UserFactory, WorkspaceFactory

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
SIGNUP = {
    "name": "Ada  Lovelace",
    "workspace_name": "Analytical Engines",
    "email": "Ada@Example.com",
    "password1": PASSWORD,
}
MISMATCH = "The email address and/or password you specified are not correct."
TOO_MANY = "Too many failed login attempts. Try again later."


def link_in(mail: EmailMessage) -> str:
    """The path of the first link in a mail's text."""
    found = re.search(r"https?://\S+", str(mail.body))
    assert found
    return urlsplit(found.group()).path


def code_now(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, int(datetime.now(UTC).timestamp()) // 30))


def sign_in(client: Client, email: str, password: str = PASSWORD) -> Any:
    return client.post("/accounts/login/", {"login": email, "password": password})


@pytest.mark.django_db
class TestSignUp:
    def test_makes_a_workspace_with_its_owner_and_a_trial(self, client: Client) -> None:
        with time_machine.travel(NOW, tick=False):
            response = client.post("/accounts/signup/", SIGNUP)
            entered = client.get("/")
        assert (response.status_code, response["Location"]) == (302, "/")
        user = User.objects.get()
        assert (user.email, user.name, user.is_staff) == ("ada@example.com", "Ada Lovelace", False)
        workspace = Workspace.objects.get()
        assert (workspace.slug, workspace.name) == ("analytical-engines", "Analytical Engines")
        assert workspace.trial_ends_at == NOW + timedelta(days=14)
        assert list(Membership.objects.values_list("workspace", "user", "role")) == [(workspace.pk, user.pk, "owner")]
        assert entered["Location"] == "/w/analytical-engines/test/"

    def test_slugs_are_unique(self, client: Client) -> None:
        WorkspaceFactory(slug="analytical-engines")
        client.post("/accounts/signup/", SIGNUP)
        assert Membership.objects.get().workspace.slug == "analytical-engines-2"

    @pytest.mark.parametrize(
        ("name", "slug"), [("Überraschung & Co.", "uberraschung-co"), ("日本", "workspace"), ("New", "new-2")]
    )
    def test_slugs_are_made_from_any_name(self, client: Client, name: str, slug: str) -> None:
        client.post("/accounts/signup/", {**SIGNUP, "workspace_name": name})
        assert list(Workspace.objects.values_list("slug", "name")) == [(slug, name)]

    @pytest.mark.parametrize(
        ("field", "value", "error"),
        [
            ("name", "", "This field is required."),
            ("name", "Win at https://spam.example", "A name, please, not an address."),
            ("workspace_name", "", "This field is required."),
            ("workspace_name", "x" * 121, "Ensure this value has at most 120 characters (it has 121)."),
            ("email", "ada@", "Enter a valid email address."),
            ("password1", "short", "This password is too short. It must contain at least 10 characters."),
        ],
    )
    def test_wrong_fields_are_named_and_nothing_is_saved(
        self, client: Client, field: str, value: str, error: str
    ) -> None:
        response = client.post("/accounts/signup/", {**SIGNUP, field: value})
        assert error in response.context["form"].errors[field]
        assert "Ada" in response.content.decode() or field == "name"
        assert (User.objects.count(), Workspace.objects.count()) == (0, 0)

    def test_known_address_is_told_nothing_new(
        self,
        client: Client,
        settings: Settings,
        mailoutbox: list[EmailMessage],
        django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    ) -> None:
        settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
        UserFactory(email="ada@example.com")
        with django_capture_on_commit_callbacks(execute=True):
            known = client.post("/accounts/signup/", SIGNUP)
        with django_capture_on_commit_callbacks(execute=True):
            fresh = Client().post("/accounts/signup/", {**SIGNUP, "email": "grace@example.com"})
        assert known["Location"] == fresh["Location"] == "/accounts/confirm-email/"
        assert [mail.to for mail in mailoutbox] == [["ada@example.com"], ["grace@example.com"]]
        assert Workspace.objects.count() == 1


@pytest.mark.django_db(transaction=True)
class TestProofOfTheAddress:
    @pytest.fixture(autouse=True)
    def mandatory(self, settings: Settings) -> None:
        settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"

    def test_same_browser_is_signed_in_by_the_link(self, client: Client, mailoutbox: list[EmailMessage]) -> None:
        assert client.post("/accounts/signup/", SIGNUP)["Location"] == "/accounts/confirm-email/"
        assert client.get("/accounts/email/").status_code == 302  # not signed in yet
        link = link_in(mailoutbox[0])
        assert client.get(link).status_code == 200
        assert client.post(link)["Location"] == "/"
        assert client.get("/")["Location"] == "/w/analytical-engines/test/"

    def test_other_browser_signs_in_after_the_link(self, client: Client, mailoutbox: list[EmailMessage]) -> None:
        client.post("/accounts/signup/", SIGNUP)
        other = Client()
        assert sign_in(other, "ada@example.com")["Location"] == "/accounts/confirm-email/"
        other = Client()
        assert other.post(link_in(mailoutbox[0]))["Location"] == "/accounts/login/"
        assert sign_in(other, "ada@example.com")["Location"] == "/"
        assert other.get("/")["Location"] == "/w/analytical-engines/test/"

    def test_both_parts_of_the_mail(self, client: Client, mailoutbox: list[EmailMessage]) -> None:
        client.post("/accounts/signup/", SIGNUP)
        (mail,) = mailoutbox
        assert mail.to == ["ada@example.com"]
        ((html, kind),) = mail.alternatives
        assert kind == "text/html"
        assert link_in(mail) in str(html)

    def test_two_clicks_at_once_make_one_account(self) -> None:
        def click(_: int) -> tuple[int, str]:
            try:
                response = Client().post("/accounts/signup/", SIGNUP)
                return response.status_code, response["Location"]
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as threads:
            answers = set(threads.map(click, range(4)))
        assert answers == {(302, "/accounts/confirm-email/")}
        assert (User.objects.count(), Workspace.objects.count(), Membership.objects.count()) == (1, 1, 1)


@pytest.mark.django_db(transaction=True)
def test_forgotten_password(client: Client, mailoutbox: list[EmailMessage]) -> None:
    user = UserFactory()
    assert (
        client.post("/accounts/password/reset/", {"email": user.email})["Location"] == "/accounts/password/reset/done/"
    )
    form = client.get(link_in(mailoutbox[0]))["Location"]
    new = "quite another phrase"
    assert client.post(form, {"password1": new, "password2": new}).status_code == 302
    assert sign_in(Client(), user.email).status_code == 200
    assert sign_in(Client(), user.email, new)["Location"] == "/"


@pytest.mark.django_db
class TestSignIn:
    def test_leads_back_to_the_page_that_was_asked_for(self, client: Client) -> None:
        membership = MembershipFactory(workspace__slug="acme")
        asked = client.get("/w/acme/settings/members/")
        assert asked["Location"] == "/accounts/login/?next=/w/acme/settings/members/"
        words = {"login": membership.user.email, "password": PASSWORD, "next": "/w/acme/settings/members/"}
        assert client.post("/accounts/login/", words)["Location"] == "/w/acme/settings/members/"

    def test_never_leads_to_another_site(self, client: Client) -> None:
        words = {"login": UserFactory().email, "password": PASSWORD, "next": "https://evil.example/"}
        assert client.post("/accounts/login/", words)["Location"] == "/"

    def test_inactive_people_stay_out(self, client: Client) -> None:
        user = UserFactory(is_active=False)
        assert sign_in(client, user.email)["Location"] == "/accounts/inactive/"

    def test_session_keys_change(self, client: Client) -> None:
        client.get("/accounts/login/")
        before = client.session.session_key
        sign_in(client, UserFactory().email)
        assert client.session.session_key != before


@pytest.mark.django_db
class TestSecondFactor:
    def set_up(self, client: Client) -> tuple[str, list[str]]:
        """Turn it on through the pages; gives the secret and the recovery codes."""
        client.post("/accounts/reauthenticate/", {"password": PASSWORD})
        secret = client.get("/accounts/2fa/totp/activate/").context["form"].secret
        done = client.post("/accounts/2fa/totp/activate/", {"code": code_now(secret)})
        assert done["Location"] == "/accounts/2fa/recovery-codes/"
        return secret, client.get("/accounts/2fa/recovery-codes/").context["unused_codes"]

    def test_sign_in_asks_for_a_code(self, client: Client) -> None:
        user = UserFactory()
        with time_machine.travel(NOW) as clock:
            sign_in(client, user.email)
            secret, _ = self.set_up(client)
            clock.shift(60)
            browser = Client()
            assert sign_in(browser, user.email)["Location"] == "/accounts/2fa/authenticate/"
            assert browser.get("/accounts/email/").status_code == 302
            wrong = browser.post("/accounts/2fa/authenticate/", {"code": "000000"})
            assert wrong.context["form"].errors == {"code": ["Incorrect code."]}
            code = code_now(secret)
            assert browser.post("/accounts/2fa/authenticate/", {"code": code})["Location"] == "/"
            again = Client()
            sign_in(again, user.email)
            assert again.post("/accounts/2fa/authenticate/", {"code": code}).context["form"].errors == {
                "code": ["Incorrect code."]
            }

    def test_recovery_code_works_once(self, client: Client) -> None:
        user = UserFactory()
        sign_in(client, user.email)
        _, codes = self.set_up(client)
        assert len(codes) == 10
        for expected in ((302, "/"), (200, None)):
            browser = Client()
            sign_in(browser, user.email)
            answer = browser.post("/accounts/2fa/authenticate/", {"code": codes[0]})
            assert (answer.status_code, answer.headers.get("Location")) == expected

    def test_secrets_are_sealed(self, client: Client) -> None:
        sign_in(client, UserFactory().email)
        secret, codes = self.set_up(client)
        with connection.cursor() as cursor:
            cursor.execute("SELECT string_agg(data::text, ' ') FROM mfa_authenticator")
            stored = cursor.fetchone()[0]
        assert secret not in stored
        assert not [code for code in codes if code in stored]

    def test_secrets_follow_a_new_key(self, client: Client, settings: Settings) -> None:
        user = UserFactory()
        sign_in(client, user.email)
        secret, _ = self.set_up(client)
        (old,) = ring().key_ids
        settings.PQ_KEYS = "fresh:" + "ab" * 32 + "," + settings.PQ_KEYS
        assert references() == {old: 2}
        assert rewrap_second_factors() == (2, 0)
        assert rewrap_second_factors() == (0, 0)
        assert references() == {"fresh": 2}
        settings.PQ_KEYS = "fresh:" + "ab" * 32
        browser = Client()
        sign_in(browser, user.email)
        assert browser.post("/accounts/2fa/authenticate/", {"code": code_now(secret)})["Location"] == "/"
        settings.PQ_KEYS = "lost:" + "cd" * 32
        assert rewrap_second_factors() == (0, 2)

    def test_needs_a_fresh_proof_of_the_password(self, client: Client) -> None:
        with time_machine.travel(NOW) as clock:
            sign_in(client, UserFactory().email)
            self.set_up(client)
            clock.shift(timedelta(hours=1))
            page = "/accounts/2fa/totp/deactivate/"
            assert client.get(page)["Location"] == f"/accounts/reauthenticate/?{urlencode({'next': page})}"
            wrong = client.post(f"/accounts/reauthenticate/?next={page}", {"password": "wrong"})
            assert wrong.context["form"].errors == {"password": ["Incorrect password."]}
            done = client.post(f"/accounts/reauthenticate/?next={page}", {"password": PASSWORD})
            assert done["Location"] == page
            assert client.get(page).status_code == 200


@pytest.mark.django_db(transaction=True)
class TestRateLimits:
    def test_five_wrong_passwords_lock_the_address_for_a_while(self, client: Client) -> None:
        user, other = UserFactory(), UserFactory()
        with time_machine.travel(NOW, tick=False) as clock:
            said = [sign_in(client, user.email, "wrong").context["form"].non_field_errors() for _ in range(6)]
            assert said == [[MISMATCH]] * 5 + [[TOO_MANY]]
            assert sign_in(Client(), user.email).context["form"].non_field_errors() == [TOO_MANY]
            assert sign_in(Client(), other.email)["Location"] == "/"
            clock.shift(timedelta(minutes=5, seconds=1))
            assert sign_in(Client(), user.email)["Location"] == "/"

    def test_tries_at_the_same_time_are_counted_too(self) -> None:
        user = UserFactory()

        def is_looked_at(number: int) -> bool:
            try:
                return MISMATCH in sign_in(Client(), user.email, f"guess {number}").content.decode()
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as threads:
            looked_at = sum(threads.map(is_looked_at, range(9)))
        assert 1 <= looked_at <= 5  # fewer than five where one waited too long for its turn and was turned away

    def test_sign_ups_are_limited_by_address(self, client: Client) -> None:
        statuses = [client.post("/accounts/signup/", {"email": "nobody"}).status_code for _ in range(21)]
        assert statuses == [200] * 20 + [429]
        assert client.get("/accounts/signup/").status_code == 200

    def test_clients_behind_the_proxy_are_told_apart(self, settings: Settings) -> None:
        settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
        for _ in range(20):
            Client().post("/accounts/signup/", {}, headers={"X-Forwarded-For": "203.0.113.7"})
        first = Client().post("/accounts/signup/", {}, headers={"X-Forwarded-For": "203.0.113.7"})
        forged = Client().post("/accounts/signup/", {}, headers={"X-Forwarded-For": "198.51.100.9, 203.0.113.7"})
        other = Client().post("/accounts/signup/", {}, headers={"X-Forwarded-For": "203.0.113.8"})
        assert [first.status_code, forged.status_code, other.status_code] == [429, 429, 200]


@pytest.mark.django_db
def test_viewers_of_nothing_are_asked_to_make_a_workspace(client: Client) -> None:
    client.force_login(UserFactory())
    assert client.get("/")["Location"] == "/w/new/"


@pytest.mark.django_db
def test_new_workspace(client: Client) -> None:
    membership = MembershipFactory(role=Role.VIEWER)
    client.force_login(membership.user)
    wrong = client.post("/w/new/", {"name": "Second", "timezone": "Mars/Olympus"})
    assert wrong.status_code == 422
    assert wrong.context["form"].errors == {
        "timezone": ["“Mars/Olympus” is not a time zone. Choose one like Europe/Berlin."]
    }
    assert '<option value="Mars/Olympus" selected>' in wrong.content.decode()
    done = client.post("/w/new/", {"name": "Second", "timezone": "Asia/Tokyo"})
    assert done["Location"] == "/w/second/settings/integrations/stripe/"
    made = Membership.objects.get(user=membership.user, role=Role.OWNER).workspace
    assert (made.slug, made.name, made.timezone) == ("second", "Second", "Asia/Tokyo")
