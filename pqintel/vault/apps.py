from django.apps import AppConfig


class VaultConfig(AppConfig):
    name = "pqintel.vault"
    label = "vault"
