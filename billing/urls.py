"""Pages with a mode: /w/<slug>/<live|test>/…"""

from django.urls import path

from . import views

app_name = "billing"
urlpatterns = [
    path("", views.show_dashboard, name="dashboard"),
    path("live/", views.live_dashboard, name="dashboard_live"),
]
