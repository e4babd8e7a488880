from django.apps import AppConfig


class AlertsConfig(AppConfig):
    name = "alerts"

    def ready(self) -> None:
        from integrations.diagnostics.above import also_told_by

        from .evidence import why_not_told

        also_told_by(why_not_told)
