from django.db import migrations


class Migration(migrations.Migration):
    """Migration 0006 made this index once; where it did not, there is nothing to drop."""

    dependencies = [
        ("billing", "0010_unsure"),
    ]

    operations = [migrations.RunSQL("DROP INDEX IF EXISTS invoice_of_subscription;", migrations.RunSQL.noop)]
