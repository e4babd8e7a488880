"""URLs of the gallery: the sample pages, and every name that templates link to."""

from __future__ import annotations

from itertools import count

from django.db.transaction import non_atomic_requests
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import include, path
from django.utils.html import format_html, format_html_join

from .samples import billing, connection, pages, shell

versions = count(100)


@non_atomic_requests
def index(request: HttpRequest) -> HttpResponse:
    """Links to all pages."""
    items = format_html_join("", '<li><a href="/gallery/{0}/">{0}</a></li>', ((name,) for name in pages()))
    return HttpResponse(format_html("<!doctype html><title>Gallery</title><ul>{}</ul>", items))


@non_atomic_requests
def page(request: HttpRequest, name: str) -> HttpResponse:
    """One page with its sample context."""
    try:
        wanted = pages()[name]
    except KeyError:
        raise Http404 from None
    context = {"nav": {}, **wanted.context}
    return render(request, wanted.template, context, status=wanted.status)


@non_atomic_requests
def live(request: HttpRequest, slug: str, mode: str) -> HttpResponse:
    """The dashboard's partial: new numbers each time when the sample asks for it, else 204."""
    if request.COOKIES.get("moving") != "1":
        return HttpResponse(status=204)
    version = next(versions)
    board = billing.dashboard(version=version, sections=billing.moved(version))
    return render(request, "billing/_dashboard_live.html", {"nav": shell.nav(mode, "dashboard"), "dashboard": board})


@non_atomic_requests
def step(request: HttpRequest, slug: str, mode: str) -> HttpResponse:
    """The panel after one more check."""
    panel = connection.connected_panel(mode)
    return render(request, "integrations/_stripe_panel.html", {"nav": shell.nav(), "panel": panel})


@non_atomic_requests
def verify(request: HttpRequest, slug: str, mode: str) -> HttpResponse:
    """The panel of a form that was refused."""
    panel = connection.failing_panel() if mode == "test" else connection.panel(mode)
    return render(request, "integrations/_stripe_panel.html", {"nav": shell.nav(), "panel": panel}, status=422)


@non_atomic_requests
def nothing(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return HttpResponse(status=204)


billing_urls = (
    [
        path("w/<slug>/<mode>/", nothing, name="dashboard"),
        path("w/<slug>/<mode>/live/", live, name="dashboard_live"),
        *(
            path(f"w/<slug>/<mode>/{address}", nothing, name=name)
            for one, all_ in (
                ("customer", "customers"),
                ("subscription", "subscriptions"),
                ("invoice", "invoices"),
                ("payment", "payments"),
                ("entry", "history"),
            )
            for address, name in (
                (f"{all_}/", all_),
                (f"{all_}.csv", f"{all_}_csv"),
                (f"{all_}/<stripe_id>/", one),
            )
        ),
        path("w/<slug>/<mode>/numbers/cohorts/", nothing, name="cohorts"),
        path("w/<slug>/<mode>/numbers/<metric>/", nothing, name="number"),
        path("w/<slug>/<mode>/plans/", nothing, name="plans"),
        path("w/<slug>/<mode>/plans/tier/", nothing, name="plan_tier"),
        path("w/<slug>/<mode>/plans/tier/delete/", nothing, name="plan_tier_delete"),
        path("w/<slug>/<mode>/plans/price/", nothing, name="plan_price"),
        path("w/<slug>/<mode>/plans/policy/", nothing, name="plan_policy"),
        path("w/<slug>/<mode>/plans/override/", nothing, name="plan_override"),
        path("w/<slug>/<mode>/plans/overrides/<int:pk>/revoke/", nothing, name="plan_override_revoke"),
    ],
    "billing",
)
settings_urls = ([path("w/<slug>/settings/billing/numbers/", nothing, name="numbers")], "billing_settings")
integrations_urls = (
    [
        path("w/<slug>/settings/integrations/stripe/", nothing, name="stripe"),
        path("w/<slug>/<mode>/diagnostics/", nothing, name="diagnostics"),
        path("w/<slug>/<mode>/diagnostics/check/", nothing, name="diagnostics_check"),
        path("w/<slug>/<mode>/diagnostics/drift/", nothing, name="drift"),
        path("w/<slug>/<mode>/diagnostics/reconciliation/", nothing, name="reconciliation"),
        path("w/<slug>/<mode>/diagnostics/reconcile/", nothing, name="reconcile"),
        path("w/<slug>/settings/integrations/stripe/<mode>/state/", nothing, name="stripe_state"),
        path("w/<slug>/settings/integrations/stripe/<mode>/verify/", verify, name="stripe_verify"),
        path("w/<slug>/settings/integrations/stripe/<mode>/verify/step/", step, name="stripe_step"),
        path("w/<slug>/settings/integrations/stripe/<mode>/backfill/", nothing, name="stripe_backfill"),
        path("w/<slug>/<mode>/diagnostics/drift/", nothing, name="drift"),
        path("w/<slug>/<mode>/diagnostics/reconciliation/", nothing, name="reconciliation"),
        path("w/<slug>/<mode>/diagnostics/reconcile/", nothing, name="reconcile"),
        path("w/<slug>/settings/integrations/channels/", nothing, name="channels"),
        path("w/<slug>/settings/integrations/channels/add/<kind>/", nothing, name="channel_add"),
        path("w/<slug>/settings/integrations/channels/<int:number>/", nothing, name="channel"),
        *(
            path(f"w/<slug>/settings/integrations/channels/<int:number>/{name}/", nothing, name=f"channel_{name}")
            for name in ("test", "link", "chats", "chat", "remove")
        ),
    ],
    "integrations",
)
alerts_urls = (
    [
        path("w/<slug>/<mode>/alerts/", nothing, name="rules"),
        path("w/<slug>/<mode>/alerts/add/<kind>/", nothing, name="add"),
        path("w/<slug>/<mode>/alerts/<int:number>/", nothing, name="rule"),
        *(
            path(f"w/<slug>/<mode>/alerts/<int:number>/{name}/", nothing, name=name)
            for name in ("edit", "silence", "enable", "mute", "remove")
        ),
    ],
    "alerts",
)
dunning_urls = (
    [
        path("w/<slug>/<mode>/dunning/", nothing, name="cases"),
        path("w/<slug>/<mode>/dunning/cases.csv", nothing, name="cases_csv"),
        path("w/<slug>/<mode>/dunning/recovery/", nothing, name="recovery"),
        path("w/<slug>/<mode>/dunning/policy/", nothing, name="policy"),
        path("w/<slug>/<mode>/dunning/policy/cards/", nothing, name="card_notice"),
        path("w/<slug>/<mode>/dunning/policy/exclusions/", nothing, name="exclusion_add"),
        path("w/<slug>/<mode>/dunning/policy/exclusions/<int:pk>/remove/", nothing, name="exclusion_remove"),
        *(
            path(f"w/<slug>/<mode>/dunning/cases/<stripe_id>/{name}/", nothing, name=f"case_{name}")
            for name in ("pause", "go_on", "send", "resolve", "exclude", "give_back")
        ),
        path("w/<slug>/<mode>/dunning/cases/<stripe_id>/", nothing, name="case"),
    ],
    "dunning",
)
letters_urls = (
    [
        path("w/<slug>/<mode>/letters/", nothing, name="page"),
        *(path(f"w/<slug>/<mode>/letters/{name}/", nothing, name=name) for name in ("answer", "sender", "sender_link")),
        *(
            path(f"w/<slug>/<mode>/letters/texts/<letter_kind>/{name}/", nothing, name=name)
            for name in ("text", "preview", "trial", "reset")
        ),
        path("w/<slug>/<mode>/letters/<int:pk>/", nothing, name="letter"),
    ],
    "letters",
)
digest_urls = ([path("w/<slug>/<mode>/digest/", nothing, name="page")], "digest")
workspaces_urls = (
    [
        path("w/new/", nothing, name="new"),
        path("w/<slug>/settings/", nothing, name="settings"),
        path("w/<slug>/settings/delete/", nothing, name="delete"),
        path("w/<slug>/settings/members/", nothing, name="members"),
        path("w/<slug>/settings/members/invite/", nothing, name="invite"),
        path("w/<slug>/settings/members/invitations/<int:id>/revoke/", nothing, name="invitation_revoke"),
        path("w/<slug>/settings/members/<int:id>/role/", nothing, name="member_role"),
        path("w/<slug>/settings/members/<int:id>/remove/", nothing, name="member_remove"),
    ],
    "workspaces",
)
urlpatterns = [
    path("", nothing, name="home"),
    path("gallery/", index),
    path("gallery/<name>/", page),
    path("accounts/", include("allauth.urls")),
    path("admin/", include(([path("", nothing, name="index")], "admin"))),
    path("", include(billing_urls)),
    path("", include(settings_urls)),
    path("", include(integrations_urls)),
    path("", include(alerts_urls)),
    path("", include(digest_urls)),
    path("", include(dunning_urls)),
    path("", include(letters_urls)),
    path("", include(workspaces_urls)),
]
