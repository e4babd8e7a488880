"""Dunning: pages with a mode, /w/<slug>/<live|test>/dunning/…"""

from __future__ import annotations

from django.urls import path

from .views import cases, policy, recovery

app_name = "dunning"
urlpatterns = [
    path("", cases.show_cases, name="cases"),
    path("cases.csv", cases.cases_csv, name="cases_csv"),
    path("recovery/", recovery.show_recovery, name="recovery"),
    path("policy/", policy.show_policy, name="policy"),
    path("policy/cards/", policy.save_card_notice, name="card_notice"),
    path("policy/exclusions/", policy.add_exclusion, name="exclusion_add"),
    path("policy/exclusions/<int:pk>/remove/", policy.remove_exclusion, name="exclusion_remove"),
    path("cases/<stripe_id:stripe_id>/pause/", cases.pause, name="case_pause"),
    path("cases/<stripe_id:stripe_id>/go-on/", cases.go_on, name="case_go_on"),
    path("cases/<stripe_id:stripe_id>/send/", cases.send, name="case_send"),
    path("cases/<stripe_id:stripe_id>/resolve/", cases.resolve, name="case_resolve"),
    path("cases/<stripe_id:stripe_id>/give-back/", cases.give_back, name="case_give_back"),
    path("cases/<stripe_id:stripe_id>/exclude/", cases.exclude, name="case_exclude"),
    path("cases/<stripe_id:stripe_id>/", cases.show_case, name="case"),
]
