"""Pages under /w/<slug>/settings/integrations/."""

from django.urls import path

from .views import stripe

app_name = "integrations"
urlpatterns = [
    path("w/<slug:slug>/settings/integrations/stripe/", stripe.page, name="stripe"),
    path("w/<slug:slug>/settings/integrations/stripe/<mode:mode>/verify/", stripe.verify, name="stripe_verify"),
    path("w/<slug:slug>/settings/integrations/stripe/<mode:mode>/verify/step/", stripe.step, name="stripe_step"),
]
