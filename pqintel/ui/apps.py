from django.apps import AppConfig


class UiConfig(AppConfig):
    """Template tags shared by every page."""

    name = "pqintel.ui"
    label = "ui"
