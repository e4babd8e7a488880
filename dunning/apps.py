from django.apps import AppConfig


class DunningConfig(AppConfig):
    name = "dunning"

    def ready(self) -> None:
        from integrations.asking import ask
        from integrations.diagnostics.above import also_told_by

        from .cards.diagnosis import why_not_told
        from .letters.diagnosis import why_not_written
        from .letters.question import question_of

        ask("dunning/letters/_asked.html", question_of)
        also_told_by(why_not_written)
        also_told_by(why_not_told)
