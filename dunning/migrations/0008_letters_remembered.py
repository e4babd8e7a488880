from django.db import migrations, models

from pqintel.workspaces.indexes import AddIndexOnline


class Migration(migrations.Migration):
    """That of migration 0005, on a table that may be large: built beside the work."""

    atomic = False
    dependencies = [
        ("dunning", "0007_card_notice_defaults"),
    ]

    operations = [
        AddIndexOnline(
            model_name="letter",
            index=models.Index(
                condition=models.Q(("forgotten_at", None)),
                fields=["workspace", "mode", "created_at"],
                name="letter_remembered",
            ),
        ),
    ]
