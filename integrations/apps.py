from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "integrations"

    def ready(self) -> None:
        from billing.feed import told_by
        from pqintel.workspaces.navigation import ask_for_live

        from . import checks  # noqa: F401 - registers them
        from .stripe.connections import live_is_connected
        from .stripe.status import feed_status

        told_by(feed_status)
        ask_for_live(live_is_connected)
