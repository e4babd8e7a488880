from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "integrations"

    def ready(self) -> None:
        from billing.feed import told_by

        from .stripe.status import feed_status

        told_by(feed_status)
