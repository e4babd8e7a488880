from django.apps import AppConfig


class QueueConfig(AppConfig):
    name = "pqintel.queue"
    label = "queue"
