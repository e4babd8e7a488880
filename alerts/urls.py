"""The pages of alerts: /w/<slug>/<mode>/alerts/."""

from django.urls import path

from .views import rules

app_name = "alerts"
urlpatterns = [
    path("", rules.rules, name="rules"),
    path("add/<slug:kind>/", rules.add, name="add"),
    path("<int:number>/", rules.rule, name="rule"),
    path("<int:number>/edit/", rules.edit, name="edit"),
    path("<int:number>/silence/", rules.silence, name="silence"),
    path("<int:number>/enable/", rules.enable, name="enable"),
    path("<int:number>/mute/", rules.mute, name="mute"),
    path("<int:number>/remove/", rules.remove, name="remove"),
]
