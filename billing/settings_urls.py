"""Settings › Billing: pages of a workspace without a mode, /w/<slug>/settings/billing/…"""

from django.urls import path

from .views import settings

app_name = "billing_settings"
urlpatterns = [
    path("numbers/", settings.numbers, name="numbers"),
]
