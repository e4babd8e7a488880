"""Pages with a mode: /w/<slug>/<live|test>/…"""

from django.urls import path

from .views import dashboard

app_name = "billing"
urlpatterns = [
    path("", dashboard.show_dashboard, name="dashboard"),
    path("live/", dashboard.live_dashboard, name="dashboard_live"),
]
