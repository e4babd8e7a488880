"""Summaries: what was chosen about them, and each one that was due."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

from pqintel.workspaces.rls import EnableRowSecurity


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("integrations", "0010_channels"),
        ("workspaces", "0003_invited_by_without_index"),
    ]

    operations = [
        migrations.CreateModel(
            name="DigestChannel",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "channel",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="integrations.channel",
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
            name="DigestSettings",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("mode", models.CharField(choices=[("live", "Live"), ("test", "Test")], max_length=4)),
                ("cadence", models.CharField(choices=[("daily", "Daily"), ("weekly", "Weekly")], max_length=6)),
                ("enabled", models.BooleanField()),
                ("hour", models.PositiveSmallIntegerField()),
                ("weekday", models.PositiveSmallIntegerField(default=0)),
                ("since", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "channels",
                    models.ManyToManyField(
                        related_name="+",
                        through="alerts.DigestChannel",
                        through_fields=("settings", "channel"),
                        to="integrations.channel",
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
                "verbose_name_plural": "digest settings",
            },
        ),
        migrations.AddField(
            model_name="digestchannel",
            name="settings",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="alerts.digestsettings",
            ),
        ),
        migrations.CreateModel(
            name="DigestRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("mode", models.CharField(choices=[("live", "Live"), ("test", "Test")], max_length=4)),
                ("cadence", models.CharField(choices=[("daily", "Daily"), ("weekly", "Weekly")], max_length=6)),
                ("day", models.DateField()),
                ("state", models.CharField(choices=[("sent", "Sent"), ("skipped", "Skipped")], max_length=7)),
                ("reason", models.TextField(blank=True, default="")),
                ("due_at", models.DateTimeField()),
                ("decided_at", models.DateTimeField()),
                ("sent_at", models.DateTimeField(null=True)),
                ("late", models.BooleanField(default=False)),
                ("numbers", models.JSONField(null=True)),
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
                "constraints": [
                    models.UniqueConstraint(
                        fields=("workspace", "mode", "cadence", "day"), name="digest_run_decided_once"
                    )
                ],
            },
        ),
        *(EnableRowSecurity(name) for name in ("DigestSettings", "DigestChannel", "DigestRun")),
        migrations.AddConstraint(
            model_name="digestsettings",
            constraint=models.UniqueConstraint(fields=("workspace", "mode", "cadence"), name="digest_settings_unique"),
        ),
        migrations.AddConstraint(
            model_name="digestsettings",
            constraint=models.CheckConstraint(
                condition=models.Q(("hour__lte", 23), ("weekday__lte", 6)), name="digest_settings_on_the_clock"
            ),
        ),
        migrations.AddConstraint(
            model_name="digestchannel",
            constraint=models.UniqueConstraint(
                fields=("workspace", "settings", "channel"), name="digest_channel_unique"
            ),
        ),
    ]
