"""The admin: who gets in, what is seen of every workspace, and that nothing secret is among it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from integrations.models import Connection, InboxEvent
from pqintel.workspaces.models import Invitation, User, Workspace
from pqintel.workspaces.staff import BoundedPaginator, StaffAdmin
from pqintel.workspaces.tenancy import TenantModel, everywhere, scoped_transaction
from tests.factories import (
    PASSWORD,
    ConnectionFactory,
    CustomerFactory,
    InboxEventFactory,
    InvitationFactory,
    MembershipFactory,
    UserFactory,
    WorkspaceFactory,
    factory_of,
)
from tests.workspaces.staff_objects import object_of

pytestmark = pytest.mark.django_db

OURS = sorted((m for m, a in admin.site._registry.items() if isinstance(a, StaffAdmin)), key=lambda m: m._meta.label)
TENANT = [model for model in OURS if issubclass(model, TenantModel)]
every_page = pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
every_tenant_page = pytest.mark.parametrize("model", TENANT, ids=lambda model: model._meta.label)


def page(model: type[Model], kind: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{kind}", args=args)


def test_every_tenant_table_has_its_page() -> None:
    tenant_models = {model for model in TenantModel.__subclasses__() if not model._meta.abstract}
    assert tenant_models <= set(TENANT)


@every_page
def test_pages_open(staff_client: Client, model: type[Model]) -> None:
    row = object_of(model)
    assert staff_client.get(page(model, "changelist")).context["cl"].result_count >= 1
    assert staff_client.get(page(model, "change", row.pk)).status_code == 200
    assert staff_client.get(page(model, "history", row.pk)).status_code == 200


@every_tenant_page
def test_rows_of_all_workspaces_are_listed_and_found_by_workspace(staff_client: Client, model: type[Model]) -> None:
    first, second = factory_of(model)(), factory_of(model)()  # type: ignore[arg-type]
    listed = staff_client.get(page(model, "changelist"))
    assert {row.pk for row in listed.context["cl"].result_list} == {first.pk, second.pk}
    found = staff_client.get(page(model, "changelist"), {"q": first.workspace.slug})
    assert [row.pk for row in found.context["cl"].result_list] == [first.pk]
    filtered = staff_client.get(page(model, "changelist"), {"workspace__id__exact": second.workspace.pk})
    assert [row.pk for row in filtered.context["cl"].result_list] == [second.pk]


@every_tenant_page
def test_lists_are_not_counted_whole(staff_client: Client, model: type[Model]) -> None:
    factory_of(model)()  # type: ignore[arg-type]
    with CaptureQueriesContext(
        connection,
    ) as queries:
        staff_client.get(page(model, "changelist"))
    table = model._meta.db_table
    counts = [q["sql"] for q in queries if "COUNT(" in q["sql"] and table in q["sql"]]
    assert len(counts) == 1
    assert f"LIMIT {BoundedPaginator.LIMIT}" in counts[0]
    # the page itself and its count, however many rows are on it
    assert sum(table in q["sql"] for q in queries) == 2


@every_tenant_page
def test_nothing_can_be_written(superuser_client: Client, model: type[Model]) -> None:
    row = factory_of(model)()  # type: ignore[arg-type]
    before = {name: value for name, value in vars(row).items() if name != "_state"}
    words = {field.name: "1" for field in model._meta.concrete_fields}
    assert superuser_client.post(page(model, "change", row.pk), words).status_code == 403
    assert superuser_client.post(page(model, "add"), words).status_code == 403
    assert superuser_client.post(page(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    action = {"action": "delete_selected", "_selected_action": str(row.pk), "post": "yes"}
    superuser_client.post(page(model, "changelist"), action)
    with everywhere("test"):
        after = model._default_manager.get(pk=row.pk)
    assert after.pk == before["id"]


class TestSecrets:
    CANARY = "canary" * 4

    def pages(self, client: Client, model: type[Model], row: Any) -> str:
        urls = [page(model, "changelist"), page(model, "change", row.pk), page(model, "history", row.pk)]
        return "".join(client.get(url).content.decode() for url in urls)

    def test_of_a_connection(self, superuser_client: Client) -> None:
        row = ConnectionFactory(
            token_text="token" + self.CANARY,
            publishable_key="pk_" + "test_" + self.CANARY,
            secret_key="rk_" + "test_" + self.CANARY,
            webhook_secret="whsec_" + self.CANARY,
            draft_secret_key="sk_" + "test_" + self.CANARY,
        )
        html = self.pages(superuser_client, Connection, row)
        assert self.CANARY not in html
        assert "_test_" not in html
        assert row.token_hash.hex() not in html
        shown = superuser_client.get(page(Connection, "change", row.pk)).context["adminform"]
        names = [name for fieldset in shown for line in fieldset for name in (field.field["name"] for field in line)]
        assert "secret_key_stored" in names
        assert {"token", "token_hash", "secret_key", "publishable_key", "webhook_secret"} & set(names) == set()

    def test_stored_or_not_is_told(self, staff_client: Client) -> None:
        row = ConnectionFactory(secret_key=None)
        found = staff_client.get(page(Connection, "change", row.pk)).context["original"]
        assert (found.has_secret_key, found.has_webhook_secret, found.has_draft) == (False, True, False)

    def test_sealed_columns_are_not_even_read(self, staff_client: Client) -> None:
        row = ConnectionFactory()
        with CaptureQueriesContext(connection) as queries:
            self.pages(staff_client, Connection, row)
        sealed = "token|token_hash|(draft_|previous_)?(publishable_key|secret_key|webhook_secret)"
        read = re.compile(rf'"integrations_connection"\."({sealed})"(?! IS NOT NULL)')
        assert [query["sql"] for query in queries if read.search(query["sql"])] == []

    def test_of_an_event(self, superuser_client: Client) -> None:
        row = InboxEventFactory(body=self.CANARY.encode())
        html = self.pages(superuser_client, InboxEvent, row)
        assert row.event_id in html
        assert self.CANARY not in html

    def test_of_people(self, superuser_client: Client) -> None:
        user = UserFactory()
        html = self.pages(superuser_client, User, user)
        assert user.email in html
        assert user.password not in html
        assert "argon2" not in html
        row = object_of(Authenticator)
        assert "canary-totp" not in self.pages(superuser_client, Authenticator, row)

    def test_of_an_invitation(self, superuser_client: Client) -> None:
        row = InvitationFactory(token="secret-of-the-link")
        html = self.pages(superuser_client, Invitation, row)
        assert Invitation.hash("secret-of-the-link").hex() not in html
        assert "token" not in html.replace("csrfmiddlewaretoken", "")


class TestGettingIn:
    def code(self, secret: str) -> str:
        return format_hotp_value(hotp_value(secret, int(datetime.now(UTC).timestamp()) // 30))

    def test_second_factor_is_set_up_on_the_way(self, client: Client) -> None:
        user = UserFactory(is_staff=True)
        with time_machine.travel(datetime(2026, 5, 4, tzinfo=UTC)) as clock:
            asked = client.get("/admin/workspaces/user/", follow=True)
            assert asked.redirect_chain[-1] == ("/accounts/login/?next=/admin/workspaces/user/", 302)
            client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
            sent = client.get("/admin/workspaces/user/", follow=True)
            assert [url for url, _ in sent.redirect_chain] == [
                "/admin/login/?next=/admin/workspaces/user/",
                "/accounts/2fa/totp/activate/?next=%2Fadmin%2Fworkspaces%2Fuser%2F",
                "/accounts/reauthenticate/?next=%2Faccounts%2F2fa%2Ftotp%2Factivate%2F%3Fnext%3D%252Fadmin%252Fworkspaces%252Fuser%252F",
            ]
            assert "The admin needs a second factor." in sent.content.decode()
            client.post("/accounts/reauthenticate/", {"password": PASSWORD})
            secret = client.get("/accounts/2fa/totp/activate/").context["form"].secret
            client.post("/accounts/2fa/totp/activate/", {"code": self.code(secret)})

            # set up, but not shown in this session yet
            shown = client.get("/admin/", follow=True)
            assert shown.redirect_chain[-1] == ("/accounts/2fa/reauthenticate/?next=%2Fadmin%2F", 302)
            clock.shift(60)
            done = client.post("/accounts/2fa/reauthenticate/?next=/admin/", {"code": self.code(secret)})
            assert done["Location"] == "/admin/"
            assert client.get("/admin/").status_code == 200

            # from now on the sign-in asks for it
            clock.shift(60)
            again = Client()
            again.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
            assert again.get("/admin/").status_code == 302
            again.post("/accounts/2fa/authenticate/", {"code": self.code(secret)})
            assert again.get("/admin/").status_code == 200

    def test_factor_of_another_session_does_not_count(self, staff_client: Client, client: Client) -> None:
        user = User.objects.get()
        assert staff_client.get("/admin/").status_code == 200
        client.force_login(user)
        assert client.get("/admin/").status_code == 302

    @pytest.mark.parametrize("change", [{"is_staff": False}, {"is_active": False}])
    def test_former_staff_is_out_at_once(self, staff_client: Client, change: dict[str, bool]) -> None:
        User.objects.update(**change)
        assert staff_client.get("/admin/").status_code == 302

    def test_no_way_to_another_site(self, staff_client: Client) -> None:
        assert staff_client.get("/admin/login/?next=https://evil.example/")["Location"] == "/admin/"

    def test_django_s_own_password_form_is_not_there(self, client: Client) -> None:
        user = UserFactory(is_staff=True, is_superuser=True)
        answer = client.post("/admin/login/", {"username": user.email, "password": PASSWORD})
        assert answer["Location"] == "/accounts/login/?next=/admin/"


class TestWhatStaffChanges:
    def test_a_trial_s_end_and_it_is_noted(self, staff_client: Client) -> None:
        workspace = WorkspaceFactory(slug="acme", name="Acme")
        MembershipFactory(workspace=workspace)
        later = now().replace(microsecond=0) + timedelta(days=30)
        words = {
            "name": "Acme",
            "trial_ends_at_0": f"{later:%Y-%m-%d}",
            "trial_ends_at_1": f"{later:%H:%M:%S}",
            "slug": "x",
        }
        forms = {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}
        answer = staff_client.post(page(Workspace, "change", workspace.pk), {**words, **forms})
        assert answer.status_code == 302
        workspace.refresh_from_db()
        assert (workspace.trial_ends_at, workspace.slug, workspace.memberships.count()) == (later, "acme", 1)
        entry = LogEntry.objects.get()
        assert (entry.object_repr, entry.get_change_message()) == ("Acme", "Changed Trial ends at.")

    def person(self, user: User, **words: str) -> dict[str, str]:
        forms = {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}
        return {"name": user.name, "stripe_account_limit": "5", **words, **forms}

    def test_a_person_s_limits(self, staff_client: Client) -> None:
        user = UserFactory()
        staff_client.post(page(User, "change", user.pk), self.person(user, stripe_account_limit="9", is_active="on"))
        user.refresh_from_db()
        assert (user.stripe_account_limit, user.is_active) == (9, True)

    def test_staff_makes_no_staff(self, staff_client: Client, superuser_client: Client) -> None:
        user = UserFactory()
        words = self.person(user, is_staff="on", is_superuser="on", is_active="on", email="mine@example.com")
        staff_client.post(page(User, "change", user.pk), words)
        user.refresh_from_db()
        assert (user.is_staff, user.is_superuser, user.email != "mine@example.com") == (False, False, True)
        superuser_client.post(page(User, "change", user.pk), words)
        user.refresh_from_db()
        assert (user.is_staff, user.is_superuser) == (True, True)

    def test_staff_leaves_superusers_alone(self, staff_client: Client) -> None:
        boss = UserFactory(is_staff=True, is_superuser=True)
        assert staff_client.post(page(User, "change", boss.pk), self.person(boss)).status_code == 403
        boss.refresh_from_db()
        assert boss.is_active

    def test_superuser_frees_somebody_of_a_lost_second_factor(
        self, staff_client: Client, superuser_client: Client
    ) -> None:
        row = object_of(Authenticator)
        url = page(Authenticator, "delete", row.pk)
        assert staff_client.post(url, {"post": "yes"}).status_code == 403
        confirm = superuser_client.get(url).content.decode()
        assert row.user.email in superuser_client.get(page(Authenticator, "change", row.pk)).content.decode()
        assert "canary-totp" not in confirm
        assert superuser_client.post(url, {"post": "yes"}).status_code == 302
        assert Authenticator.objects.count() == 0

    def test_a_workspace_s_rows_are_one_click_away(self, staff_client: Client) -> None:
        customer = CustomerFactory()
        html = staff_client.get(page(Workspace, "change", customer.workspace.pk)).content.decode()
        link = f"/admin/billing/customer/?workspace__id__exact={customer.workspace.pk}"
        assert f'href="{link}"' in html
        assert staff_client.get(link).context["cl"].result_count == 1


def test_count_stops_where_nobody_pages(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedPaginator, "LIMIT", 3)
    InvitationFactory.create_batch(5, workspace=workspace)
    with scoped_transaction(workspace):
        assert BoundedPaginator(Invitation.objects.order_by("pk"), 2).count == 3
