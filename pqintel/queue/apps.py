from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class QueueConfig(AppConfig):
    name = "pqintel.queue"
    label = "queue"

    def ready(self) -> None:
        from .schedule import install

        post_migrate.connect(install, sender=apps.get_app_config("django_celery_beat"), dispatch_uid="beat jobs")
