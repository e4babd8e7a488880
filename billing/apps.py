from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "billing"

    def ready(self) -> None:
        from pqintel.workspaces.actions.workspaces import tell_of_zone

        from .actions.settings import time_zone_changed

        tell_of_zone(time_zone_changed)
