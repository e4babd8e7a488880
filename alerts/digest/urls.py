"""The page of summaries: /w/<slug>/<mode>/digest/."""

from django.urls import path

from alerts.views import digest

app_name = "digest"
urlpatterns = [path("", digest.page, name="page")]
