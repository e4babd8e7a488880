"""Every URL of the product, on one page. The webhook URL is answered before routing (integrations.stripe.webhook)."""

from django.contrib import admin
from django.urls import include, path, register_converter

from billing.modes import ModeConverter
from pqintel.health import healthz, readyz
from pqintel.workspaces.accounts import account_urls
from pqintel.workspaces.views.entrance import home

register_converter(ModeConverter, "mode")

urlpatterns = [
    path("", home, name="home"),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("accounts/", include(account_urls())),
    path("admin/", admin.site.urls),
    path("", include("pqintel.workspaces.urls")),
    path("", include("integrations.urls")),
    path("", include("dunning.letters_urls")),
    path("w/<slug:slug>/settings/billing/", include("billing.settings_urls")),
    path("w/<slug:slug>/<mode:mode>/alerts/", include("alerts.urls")),
    path("w/<slug:slug>/<mode:mode>/digest/", include("alerts.digest.urls")),
    path("w/<slug:slug>/<mode:mode>/", include("billing.urls")),
    path("w/<slug:slug>/<mode:mode>/dunning/", include("dunning.urls")),
]

handler500 = "pqintel.errors.broken"
