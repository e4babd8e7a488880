"""Pages of letters: under /w/<slug>/<mode>/letters/, and those behind links in mails."""

from django.urls import path

from .views import links

app_name = "letters"
urlpatterns = [
    path("letters/unsubscribe/<str:token>/", links.unsubscribe, name="unsubscribe"),
    path("w/<slug:slug>/settings/billing/letters/confirm/<str:token>/", links.sender_confirm, name="sender_confirm"),
]
