from django.apps import AppConfig


class DunningConfig(AppConfig):
    name = "dunning"

    def ready(self) -> None:
        from integrations.asking import ask

        from .letters.question import question_of

        ask("dunning/letters/_asked.html", question_of)
