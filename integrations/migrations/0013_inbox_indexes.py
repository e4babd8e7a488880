import datetime

import django.db.models.expressions
import django.db.models.lookups
from django.db import migrations, models

from pqintel.workspaces.indexes import AddIndexOnline


class Migration(migrations.Migration):
    """Those of migrations 0008 and 0011, on a table that may be large: each is built beside the work."""

    atomic = False
    dependencies = [
        ("integrations", "0012_links_mailed"),
    ]

    operations = [
        AddIndexOnline(
            model_name="inboxevent",
            index=models.Index(
                condition=models.Q(("state", "done"), _negated=True),
                fields=["workspace", "connection", "state", "id"],
                name="inbox_set_aside",
            ),
        ),
        AddIndexOnline(
            model_name="inboxevent",
            index=models.Index(
                condition=models.Q(
                    django.db.models.lookups.GreaterThan(
                        django.db.models.expressions.CombinedExpression(
                            models.F("processed_at"), "-", models.F("received_at")
                        ),
                        datetime.timedelta(seconds=600),
                    )
                ),
                fields=["workspace", "mode", "processed_at"],
                name="inbox_waited",
            ),
        ),
    ]
