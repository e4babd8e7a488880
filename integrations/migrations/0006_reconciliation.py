"""How far events were read back, and what comparing with Stripe found."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

from pqintel.workspaces.rls import EnableRowSecurity


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0005_recovered"),
        ("workspaces", "0003_invited_by_without_index"),
    ]

    operations = [
        migrations.CreateModel(
            name="Reconciliation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("mode", models.CharField(choices=[("live", "Live"), ("test", "Test")], max_length=4)),
                ("asked_by", models.TextField(blank=True, default="")),
                ("repairs", models.BooleanField(default=True)),
                (
                    "phase",
                    models.CharField(
                        choices=[
                            ("events", "Reading missed events"),
                            ("listing", "Comparing with Stripe"),
                            ("confirming", "Looking again at differences"),
                            ("closing", "Checking the repairs"),
                            ("finished", "Finished"),
                        ],
                        default="events",
                        max_length=10,
                    ),
                ),
                ("kind", models.TextField(blank=True, default="")),
                ("place", models.TextField(blank=True, default="")),
                ("counts", models.JSONField(default=dict)),
                ("skipped", models.JSONField(default=dict)),
                ("started_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
                ("due_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("busy_until", models.DateTimeField(null=True)),
                (
                    "failures",
                    models.SmallIntegerField(default=0, help_text="In a row; each makes the next try come later."),
                ),
                ("failure", models.TextField(null=True)),
                (
                    "connection",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="integrations.connection",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="workspaces.workspace",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Drift",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("mode", models.CharField(choices=[("live", "Live"), ("test", "Test")], max_length=4)),
                ("kind", models.TextField()),
                ("object_id", models.TextField()),
                ("field", models.TextField(blank=True)),
                ("ours", models.JSONField(null=True)),
                ("theirs", models.JSONField(null=True)),
                ("amount", models.DecimalField(decimal_places=18, max_digits=38, null=True)),
                ("currency", models.CharField(blank=True, default="", max_length=3)),
                ("found_at", models.DateTimeField()),
                ("repaired_at", models.DateTimeField(null=True)),
                (
                    "workspace",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="workspaces.workspace",
                    ),
                ),
                (
                    "reconciliation",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="integrations.reconciliation",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Recovery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("mode", models.CharField(choices=[("live", "Live"), ("test", "Test")], max_length=4)),
                ("read_until", models.DateTimeField(null=True)),
                ("due_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("busy_until", models.DateTimeField(null=True)),
                ("last_run_at", models.DateTimeField(null=True)),
                ("last_found_at", models.DateTimeField(null=True)),
                ("found", models.BigIntegerField(default=0)),
                ("missed", models.BigIntegerField(default=0)),
                (
                    "failures",
                    models.SmallIntegerField(default=0, help_text="In a row; each makes the next try come later."),
                ),
                ("failure", models.TextField(null=True)),
                (
                    "connection",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="integrations.connection",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="workspaces.workspace",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "recoveries",
            },
        ),
        migrations.CreateModel(
            name="Suspect",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.TextField()),
                ("object_id", models.TextField()),
                ("shown", models.TextField(blank=True, default="")),
                ("looks", models.SmallIntegerField(default=1)),
                ("due_at", models.DateTimeField()),
                (
                    "reconciliation",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="integrations.reconciliation",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="workspaces.workspace",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Gap",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("mode", models.CharField(choices=[("live", "Live"), ("test", "Test")], max_length=4)),
                ("starts", models.DateTimeField()),
                ("ends", models.DateTimeField()),
                ("found_at", models.DateTimeField()),
                (
                    "connection",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="integrations.connection",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="workspaces.workspace",
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("workspace", "mode", "starts"), name="gap_unique")],
            },
        ),
        *(EnableRowSecurity(name) for name in ("Recovery", "Gap", "Reconciliation", "Suspect", "Drift")),
        migrations.AddIndex(
            model_name="reconciliation",
            index=models.Index(fields=["workspace", "mode", "-started_at"], name="reconciliation_newest"),
        ),
        migrations.AddConstraint(
            model_name="reconciliation",
            constraint=models.UniqueConstraint(
                condition=models.Q(("finished_at", None)), fields=("workspace", "mode"), name="reconciliation_running"
            ),
        ),
        migrations.AddIndex(
            model_name="drift",
            index=models.Index(fields=["workspace", "mode", "-id"], name="drift_newest"),
        ),
        migrations.AddIndex(
            model_name="drift",
            index=models.Index(
                condition=models.Q(("repaired_at", None)), fields=["workspace", "mode", "id"], name="drift_open"
            ),
        ),
        migrations.AddConstraint(
            model_name="drift",
            constraint=models.UniqueConstraint(
                fields=("workspace", "reconciliation", "kind", "object_id", "field"), name="drift_unique"
            ),
        ),
        migrations.AddIndex(
            model_name="recovery",
            index=models.Index(fields=["workspace", "due_at"], name="recovery_due"),
        ),
        migrations.AddConstraint(
            model_name="recovery",
            constraint=models.UniqueConstraint(fields=("workspace", "mode"), name="recovery_unique"),
        ),
        migrations.AddIndex(
            model_name="suspect",
            index=models.Index(fields=["workspace", "reconciliation", "due_at"], name="suspect_due"),
        ),
        migrations.AddConstraint(
            model_name="suspect",
            constraint=models.UniqueConstraint(
                fields=("workspace", "reconciliation", "kind", "object_id"), name="suspect_unique"
            ),
        ),
    ]
