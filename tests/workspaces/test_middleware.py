"""The way into a workspace's page: sign-in, membership, permission, scope, mode, and what the shell is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import path
from django.utils import timezone
from django.utils.timezone import now
from django.views import View
from pytest_django import DjangoAssertNumQueries, Settings

from pqintel.urls import urlpatterns as product_urls
from pqintel.workspaces import navigation
from pqintel.workspaces.context import current_workspace
from pqintel.workspaces.middleware import WorkspaceMiddleware
from pqintel.workspaces.models import Invitation, Membership, Workspace
from pqintel.workspaces.navigation import plan_notice
from pqintel.workspaces.permissions import needs, public
from pqintel.workspaces.roles import Permission
from tests.factories import InvitationFactory, MembershipFactory, WorkspaceFactory


@needs(Permission.SEE, change=Permission.OWN)
def probe(request: Any, slug: str, mode: str = "") -> HttpResponse:
    """Says what the middleware has made of the request."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('app.ws', true), current_user")
        setting, role = cursor.fetchone()
    facts = [request.workspace.slug, request.membership.role, request.mode, setting, role, Invitation.objects.count()]
    return HttpResponse(" ".join([*map(str, facts), timezone.get_current_timezone_name()]))


@needs(Permission.SEE)
def broken(request: HttpRequest, slug: str) -> HttpResponse:
    """Writes, then fails."""
    Membership.objects.all().delete()
    raise ZeroDivisionError


def unmarked(request: HttpRequest, slug: str) -> HttpResponse:
    return HttpResponse()


@public
def outside(request: HttpRequest, slug: str) -> HttpResponse:
    return HttpResponse(f"{request.workspace} {current_workspace.get()}")  # type: ignore[attr-defined]


class ClassProbe(View):
    permission = None

    def get(self, request: HttpRequest, slug: str) -> HttpResponse:
        return HttpResponse("in")


marked_class = needs(Permission.CONFIGURE)(ClassProbe.as_view())

urlpatterns = [
    path("w/<slug:slug>/probe/", probe),
    path("w/<slug:slug>/any/<str:mode>/", probe),
    path("w/<slug:slug>/broken/", broken),
    path("w/<slug:slug>/unmarked/", unmarked),
    path("w/<slug:slug>/outside/", outside),
    path("w/<slug:slug>/class/", marked_class),
    *product_urls,
]

with_probes = pytest.mark.urls(__name__)


@with_probes
@pytest.mark.django_db
class TestEntering:
    def test_view_runs_in_the_scope_as_the_app(self, owner_client: Client, workspace: Workspace) -> None:
        InvitationFactory(workspace=workspace)
        InvitationFactory()
        workspace.timezone = "Asia/Tokyo"
        workspace.save()
        answer = owner_client.get("/w/acme/probe/")
        assert answer.content.decode() == f"acme owner None {workspace.pk} pq_app 1 Asia/Tokyo"
        assert (current_workspace.get(), timezone.get_current_timezone_name()) == (None, "UTC")

    def test_mode(self, owner_client: Client, workspace: Workspace) -> None:
        assert f"acme owner live {workspace.pk}" in owner_client.get("/w/acme/any/live/").content.decode()
        assert owner_client.get("/w/acme/any/paper/").status_code == 404

    def test_other_workspaces_and_nowhere_are_the_same(self, owner_client: Client) -> None:
        MembershipFactory(workspace__slug="other")
        answers = [owner_client.get(f"/w/{slug}/probe/") for slug in ("other", "nowhere")]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].content == answers[1].content

    def test_methods_may_need_more(self, admin_client: Client, owner_client: Client) -> None:
        assert admin_client.get("/w/acme/probe/").status_code == 200
        assert admin_client.head("/w/acme/probe/").status_code == 200
        refused = admin_client.post("/w/acme/probe/")
        assert refused.status_code == 403
        assert "Your role in this workspace does not allow it." in refused.content.decode()
        assert admin_client.put("/w/acme/probe/").status_code == 403
        assert owner_client.post("/w/acme/probe/").status_code == 200

    def test_classes_are_marked_like_functions(self, viewer_client: Client, admin_client: Client) -> None:
        assert viewer_client.get("/w/acme/class/").status_code == 403
        assert admin_client.get("/w/acme/class/").content == b"in"

    def test_unmarked_view_is_a_programming_error(self, owner_client: Client) -> None:
        with pytest.raises(ImproperlyConfigured, match="unmarked names no permission"):
            owner_client.get("/w/acme/unmarked/")

    def test_public_view_enters_nothing(self, workspace: Workspace, client: Client) -> None:
        assert client.get("/w/acme/outside/").content == b"None None"

    def test_one_query_for_user_workspace_and_role(
        self, owner_client: Client, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        owner_client.get("/w/acme/class/")
        with django_assert_num_queries(5) as queries:  # session, user, membership, and the request's savepoint
            owner_client.get("/w/acme/class/")
        assert sum("workspaces_membership" in query["sql"] for query in queries.captured_queries) == 1


@with_probes
@pytest.mark.django_db(transaction=True)
class TestTransactions:
    def test_workspace_is_set_in_the_view_s_transaction_and_gone_afterwards(
        self, owner_client: Client, workspace: Workspace
    ) -> None:
        assert f"None {workspace.pk} pq_app" in owner_client.get("/w/acme/probe/").content.decode()
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('app.ws', true)")
            assert cursor.fetchone()[0] in (None, "")

    def test_failing_view_is_rolled_back_and_leaves_no_scope(self, owner_client: Client) -> None:
        owner_client.raise_request_exception = False
        assert owner_client.get("/w/acme/broken/").status_code == 500
        assert Membership.objects.count() == 1
        assert current_workspace.get() is None


@with_probes
@pytest.mark.django_db
class TestSignedOut:
    def test_page(self, workspace: Workspace, client: Client) -> None:
        assert client.get("/w/acme/probe/?a=1")["Location"] == "/accounts/login/?next=/w/acme/probe/%3Fa%3D1"
        assert client.get("/w/nowhere/probe/")["Location"] == "/accounts/login/?next=/w/nowhere/probe/"

    def test_form(self, client: Client) -> None:
        assert client.post("/w/acme/probe/")["Location"] == "/accounts/login/?next=/"

    def test_htmx_leaves_the_whole_page(self, client: Client) -> None:
        headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/w/acme/live/?range=30"}
        answer = client.get("/w/acme/probe/", headers=headers)
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer["HX-Redirect"] == "/accounts/login/?next=/w/acme/live/%3Frange%3D30"

    def test_htmx_from_elsewhere_leads_home(self, client: Client) -> None:
        answer = client.get("/w/acme/probe/", headers={"HX-Request": "true", "HX-Current-URL": "https://evil.example/"})
        assert answer["HX-Redirect"] == "/accounts/login/?next=/"


@pytest.mark.django_db
class TestHome:
    def test_signed_out(self, client: Client) -> None:
        answer = client.get("/")
        assert (answer.status_code, answer.templates[0].name) == (200, "home.html")

    def test_leads_to_the_workspace_and_mode_of_last_time(self, owner_client: Client) -> None:
        second = MembershipFactory(user=Membership.objects.get().user, workspace__slug="second").workspace
        assert owner_client.get("/")["Location"] == "/w/acme/test/"
        owner_client.get("/w/second/live/")
        assert owner_client.get("/")["Location"] == "/w/second/live/"
        owner_client.get("/w/acme/test/")
        assert owner_client.get("/")["Location"] == "/w/acme/test/"
        owner_client.get("/w/second/settings/")
        assert owner_client.get("/")["Location"] == "/w/second/live/"
        Membership.objects.filter(workspace=second).delete()
        assert owner_client.get("/")["Location"] == "/w/acme/test/"

    def test_a_bare_workspace_url_leads_in(self, owner_client: Client) -> None:
        assert owner_client.get("/w/acme/")["Location"] == "/w/acme/test/"
        owner_client.get("/w/acme/live/")
        assert owner_client.get("/w/acme/")["Location"] == "/w/acme/live/"

    def test_demo_is_offered_where_there_is_one(self, client: Client, settings: Settings, tmp_path: Any) -> None:
        settings.PQ_HOME, settings.PQ_DEMO = tmp_path, True
        assert client.get("/").context["demo"] is None
        (tmp_path / "demo.json").write_text('{"owner": "demo@example.com", "password": "seen"}')
        assert client.get("/").context["demo"] == {"email": "demo@example.com", "password": "seen"}
        settings.PQ_DEMO = False
        assert client.get("/").context["demo"] is None


@pytest.mark.django_db
class TestNavigation:
    def test_page_with_a_mode(self, owner_client: Client, workspace: Workspace) -> None:
        second = MembershipFactory(user=Membership.objects.get().user, workspace__name="Zebra").workspace
        WorkspaceFactory()
        nav = owner_client.get("/w/acme/live/").context["nav"]
        assert (nav.workspace, nav.mode, nav.link_mode, nav.section) == (workspace, "live", "live", "dashboard")
        assert nav.other_mode_url == "/w/acme/test/"
        assert nav.workspaces == [workspace, second]
        assert nav.membership.get_role_display() == "Owner"
        assert nav.may == {"see": True, "work": True, "configure": True, "own": True}
        assert nav.notice is None

    def test_page_without_a_mode(self, viewer_client: Client) -> None:
        nav = viewer_client.get("/w/acme/settings/members/").context["nav"]
        assert (nav.mode, nav.other_mode_url, nav.section, nav.link_mode) == (None, None, "members", "test")
        assert nav.may == {"see": True, "work": False, "configure": False, "own": False}
        viewer_client.get("/w/acme/live/")
        assert viewer_client.get("/w/acme/settings/").context["nav"].link_mode == "live"

    def test_links_lead_to_live_once_it_is_connected(
        self, viewer_client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(navigation, "_live_is_connected", lambda: Invitation.objects.count() == 0)
        assert viewer_client.get("/w/acme/settings/").context["nav"].link_mode == "live"

    @pytest.mark.parametrize(
        ("url", "section"),
        [("/w/acme/settings/", "settings"), ("/w/acme/test/", "dashboard"), ("/accounts/email/", "account")],
    )
    def test_sections(self, owner_client: Client, url: str, section: str) -> None:
        assert owner_client.get(url).context["nav"].section == section

    def test_account_pages_have_no_workspace(self, owner_client: Client) -> None:
        nav = owner_client.get("/accounts/email/").context["nav"]
        assert (nav.workspace, nav.mode, nav.link_mode, nav.membership) == (None, None, None, None)
        assert [w.slug for w in nav.workspaces] == ["acme"]

    def test_signed_out(self, client: Client) -> None:
        nav = client.get("/accounts/login/").context["nav"]
        assert (nav.workspaces, nav.section, nav.notice) == ([], "", None)
        assert nav.may == {"see": False, "work": False, "configure": False, "own": False}

    def test_costs_nothing_where_nobody_asks(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        request = RequestFactory().get("/")
        request.user = AnonymousUser()
        with django_assert_num_queries(0):
            navigation.nav(request)

    def test_trial_s_end_is_announced(self, settings: Settings) -> None:
        at = now()
        workspace = Workspace(slug="acme", trial_ends_at=at + timedelta(days=14))
        assert plan_notice(workspace, at) is None
        settings.PQ_HOUSE_WORKSPACE = "house"

        def says(days: float) -> str | None:
            notice = plan_notice(workspace, workspace.trial_ends_at - timedelta(days=days))
            if notice:
                assert (notice["url"], notice["link_label"]) == ("/w/acme/settings/", "See the plan")
            return notice["text"].split(".")[0] if notice else None

        assert [says(days) for days in (5.1, 5, 1.5, 0.5, 0)] == [
            None,
            "The trial of Growth ends in 5 days",
            "The trial of Growth ends tomorrow",
            "The trial of Growth ends today",
            "The trial is over and this workspace is on Free",
        ]


def test_middleware_marks_every_request() -> None:
    seen: list[Any] = []

    def view(request: Any) -> HttpResponse:
        seen.append((request.workspace, request.membership, request.mode))
        return HttpResponse()

    WorkspaceMiddleware(view)(RequestFactory().get("/"))
    assert seen == [(None, None, None)]
