"""Pages of letters: under /w/<slug>/<live|test>/letters/, and those behind links in mails."""

from django.urls import path

from .views import letters, links

_HERE = "w/<slug:slug>/<mode:mode>/letters/"

app_name = "letters"
urlpatterns = [
    path("letters/unsubscribe/<str:token>/", links.unsubscribe, name="unsubscribe"),
    path("w/<slug:slug>/settings/billing/letters/confirm/<str:token>/", links.sender_confirm, name="sender_confirm"),
    path(_HERE, letters.page, name="page"),
    path(f"{_HERE}answer/", letters.answer, name="answer"),
    path(f"{_HERE}sender/", letters.sender, name="sender"),
    path(f"{_HERE}sender/link/", letters.sender_link, name="sender_link"),
    path(f"{_HERE}texts/<slug:letter_kind>/", letters.text, name="text"),
    path(f"{_HERE}texts/<slug:letter_kind>/preview/", letters.preview, name="preview"),
    path(f"{_HERE}texts/<slug:letter_kind>/trial/", letters.send_trial, name="trial"),
    path(f"{_HERE}texts/<slug:letter_kind>/reset/", letters.reset, name="reset"),
    path(f"{_HERE}<int:pk>/", letters.letter, name="letter"),
]
