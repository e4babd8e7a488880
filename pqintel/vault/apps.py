from django.apps import AppConfig


class VaultConfig(AppConfig):
    name = "pqintel.vault"
    label = "vault"

    def ready(self) -> None:
        """Register the system checks."""
        from . import checks  # noqa: F401 - models must be loaded first
