"""General settings, and deleting a workspace."""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import Settings

from pqintel.workspaces.forms import timezone_choices
from pqintel.workspaces.models import Membership, Workspace
from pqintel.workspaces.tenancy import everywhere
from tests.factories import CustomerFactory, InboxEventFactory, InvitationFactory, WorkspaceFactory

PAGE = "/w/acme/settings/"


@pytest.mark.django_db
class TestSettings:
    def test_saving(self, admin_client: Client, workspace: Workspace) -> None:
        done = admin_client.post(PAGE, {"name": "  Acme\n Limited ", "timezone": "America/New_York"}, follow=True)
        assert done.redirect_chain == [(PAGE, 302)]
        assert [str(message) for message in done.context["messages"]] == ["The settings are saved."]
        workspace.refresh_from_db()
        assert (workspace.name, workspace.timezone, workspace.slug) == ("Acme Limited", "America/New_York", "acme")

    @pytest.mark.parametrize(
        ("zone", "error"),
        [
            ("Mars/Olympus", "“Mars/Olympus” is not a time zone. Choose one like Europe/Berlin."),
            ("../../etc/passwd", "“../../etc/passwd” is not a time zone. Choose one like Europe/Berlin."),
            ("", "This field is required."),
        ],
    )
    def test_wrong_time_zone_keeps_the_input(
        self, admin_client: Client, workspace: Workspace, zone: str, error: str
    ) -> None:
        answer = admin_client.post(PAGE, {"name": "New name", "timezone": zone})
        assert (answer.status_code, answer.context["form"].errors) == (422, {"timezone": [error]})
        page = answer.content.decode()
        assert 'value="New name"' in page
        assert not zone or f'<option value="{zone}" selected>' in page
        workspace.refresh_from_db()
        assert (workspace.name, workspace.timezone) == ("Acme", "UTC")

    def test_time_zones_to_choose_from(self) -> None:
        zones = dict(timezone_choices())
        assert zones["UTC"] == "UTC"
        assert zones["America/New_York"] == "America/New York"
        assert "Etc/GMT+3" not in zones

    def test_plan_is_shown(self, viewer_client: Client, settings: Settings) -> None:
        settings.PQ_HOUSE_WORKSPACE = ""
        assert "no paid plans" in viewer_client.get(PAGE).content.decode()
        settings.PQ_HOUSE_WORKSPACE = "house"
        assert "The trial ends" in viewer_client.get(PAGE).content.decode()


@pytest.mark.django_db
class TestDeleting:
    def test_takes_the_slug(self, owner_client: Client) -> None:
        answer = owner_client.post("/w/acme/settings/delete/", {"slug": "Acme"})
        assert (answer.status_code, answer.context["form"].errors) == (422, {"slug": ["That is not acme."]})
        assert Workspace.objects.count() == 1

    def test_takes_everything_along_and_nothing_else(self, owner_client: Client, workspace: Workspace) -> None:
        InboxEventFactory(connection__workspace=workspace)
        InvitationFactory(workspace=workspace)
        CustomerFactory(workspace=workspace)
        stays = CustomerFactory(workspace=WorkspaceFactory(slug="other"))
        answer = owner_client.post("/w/acme/settings/delete/", {"slug": "acme"})
        assert answer["Location"] == "/"
        assert list(Workspace.objects.values_list("slug", flat=True)) == ["other"]
        assert Membership.objects.count() == 0
        with everywhere("test"):
            assert [type(stays).objects.get().pk] == [stays.pk]
        assert owner_client.get("/")["Location"] == "/w/new/"
        assert owner_client.get(PAGE).status_code == 404
