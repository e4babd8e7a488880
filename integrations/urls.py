"""Pages under /w/<slug>/settings/integrations/, and those of one mode under /w/<slug>/<mode>/diagnostics/."""

from django.urls import path

from .views import backfill, channels, diagnostics, reconcile, stripe

app_name = "integrations"
urlpatterns = [
    path("w/<slug:slug>/settings/integrations/stripe/", stripe.page, name="stripe"),
    path("w/<slug:slug>/settings/integrations/stripe/<mode:mode>/state/", stripe.state, name="stripe_state"),
    path("w/<slug:slug>/settings/integrations/stripe/<mode:mode>/verify/", stripe.verify, name="stripe_verify"),
    path("w/<slug:slug>/settings/integrations/stripe/<mode:mode>/verify/step/", stripe.step, name="stripe_step"),
    path("w/<slug:slug>/<mode:mode>/diagnostics/", diagnostics.page, name="diagnostics"),
    path("w/<slug:slug>/<mode:mode>/diagnostics/check/", diagnostics.check, name="diagnostics_check"),
    path("w/<slug:slug>/<mode:mode>/diagnostics/drift/", reconcile.drift, name="drift"),
    path("w/<slug:slug>/<mode:mode>/diagnostics/reconciliation/", reconcile.card, name="reconciliation"),
    path("w/<slug:slug>/<mode:mode>/diagnostics/reconcile/", reconcile.begin, name="reconcile"),
    path("w/<slug:slug>/settings/integrations/stripe/<mode:mode>/backfill/", backfill.block, name="stripe_backfill"),
    path("w/<slug:slug>/settings/integrations/channels/", channels.page, name="channels"),
    path("w/<slug:slug>/settings/integrations/channels/add/<slug:kind>/", channels.add, name="channel_add"),
    path("w/<slug:slug>/settings/integrations/channels/confirm/<str:token>/", channels.confirm, name="channel_confirm"),
    path("w/<slug:slug>/settings/integrations/channels/<int:number>/", channels.channel, name="channel"),
    path("w/<slug:slug>/settings/integrations/channels/<int:number>/test/", channels.test, name="channel_test"),
    path("w/<slug:slug>/settings/integrations/channels/<int:number>/link/", channels.link, name="channel_link"),
    path("w/<slug:slug>/settings/integrations/channels/<int:number>/chats/", channels.chats, name="channel_chats"),
    path("w/<slug:slug>/settings/integrations/channels/<int:number>/chat/", channels.chat, name="channel_chat"),
    path("w/<slug:slug>/settings/integrations/channels/<int:number>/remove/", channels.remove, name="channel_remove"),
]
