"""Rules, where they speak, what they found, and how far they have looked."""

import django.db.models.deletion
from django.db import migrations, models

from pqintel.workspaces.rls import EnableRowSecurity


class Migration(migrations.Migration):
    dependencies = [
        ("alerts", "0001_digest"),
        ("integrations", "0010_channels"),
        ("workspaces", "0003_invited_by_without_index"),
    ]

    operations = [
        migrations.CreateModel(
            name="Rule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("mode", models.CharField(choices=[("live", "Live"), ("test", "Test")], max_length=4)),
                ("number", models.IntegerField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("payment_failed", "A payment failed"),
                            ("payment_failures", "Many payments fail"),
                            ("mrr_drop", "MRR drops"),
                            ("churn_rate", "Churn is high"),
                            ("event", "Something happens"),
                            ("stale_sync", "Stripe is not heard of"),
                            ("quarantine", "An event is set aside"),
                            ("unmapped_price", "A price has no tier"),
                            ("channel_broken", "A channel is broken"),
                        ],
                        max_length=16,
                    ),
                ),
                ("name", models.CharField(max_length=80)),
                ("params", models.JSONField(default=dict)),
                (
                    "severity",
                    models.CharField(
                        choices=[("info", "Info"), ("warning", "Warning"), ("critical", "Critical")],
                        default="warning",
                        max_length=8,
                    ),
                ),
                ("cooldown_seconds", models.PositiveIntegerField(default=0)),
                ("hysteresis", models.PositiveSmallIntegerField(default=0)),
                ("test_mode", models.BooleanField(default=False)),
                ("enabled", models.BooleanField(default=True)),
                ("silenced_until", models.DateTimeField(null=True)),
                ("silenced_by", models.TextField(blank=True, default="")),
                ("created_at", models.DateTimeField()),
                ("changed_at", models.DateTimeField()),
                ("changed_by", models.TextField(blank=True, default="")),
                ("removed_at", models.DateTimeField(null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[("normal", "Normal"), ("firing", "Firing")], default="normal", max_length=6
                    ),
                ),
                ("since", models.DateTimeField(null=True)),
                ("stepped_at", models.DateTimeField(null=True)),
                ("cooling_from", models.DateTimeField(null=True)),
                ("cooling_key", models.TextField(blank=True, default="")),
                ("last_value", models.DecimalField(decimal_places=18, max_digits=38, null=True)),
                ("memory", models.JSONField(default=dict)),
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
            name="Finding",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("mode", models.CharField(choices=[("live", "Live"), ("test", "Test")], max_length=4)),
                ("at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField()),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("fired", "Fired"),
                            ("recovered", "Recovered"),
                            ("suppressed", "Suppressed"),
                            ("skipped", "Skipped"),
                        ],
                        max_length=10,
                    ),
                ),
                ("reason", models.TextField(blank=True, default="")),
                ("title", models.TextField()),
                ("data", models.JSONField(default=dict)),
                ("count", models.IntegerField(default=1)),
                ("dedupe_key", models.TextField()),
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
                    "rule",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="alerts.rule"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="RuleChannel",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("mode", models.CharField(choices=[("live", "Live"), ("test", "Test")], max_length=4)),
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
                    "rule",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="chosen",
                        to="alerts.rule",
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
            name="Watch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("mode", models.CharField(choices=[("live", "Live"), ("test", "Test")], max_length=4)),
                ("defaults", models.PositiveSmallIntegerField(default=0)),
                ("version", models.BigIntegerField(default=-1)),
                ("looked_at", models.DateTimeField(null=True)),
                ("next_at", models.DateTimeField(null=True)),
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
                "verbose_name_plural": "watches",
            },
        ),
        *(EnableRowSecurity(name) for name in ("Rule", "RuleChannel", "Finding", "Watch")),
        migrations.AddConstraint(
            model_name="rule",
            constraint=models.UniqueConstraint(fields=("workspace", "mode", "number"), name="rule_number_unique"),
        ),
        migrations.AddIndex(
            model_name="finding",
            index=models.Index(fields=["workspace", "mode", "-id"], name="finding_newest"),
        ),
        migrations.AddIndex(
            model_name="finding",
            index=models.Index(fields=["workspace", "mode", "rule", "-id"], name="finding_newest_of_rule"),
        ),
        migrations.AddConstraint(
            model_name="finding",
            constraint=models.UniqueConstraint(fields=("workspace", "mode", "dedupe_key"), name="finding_decided_once"),
        ),
        migrations.AddConstraint(
            model_name="rulechannel",
            constraint=models.UniqueConstraint(
                fields=("workspace", "mode", "rule", "channel"), name="rule_channel_unique"
            ),
        ),
        migrations.AddConstraint(
            model_name="watch",
            constraint=models.UniqueConstraint(fields=("workspace", "mode"), name="watch_unique"),
        ),
    ]
