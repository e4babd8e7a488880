"""Channels and the outbox of deliveries to them."""

import uuid

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import pqintel.vault.fields
from pqintel.workspaces.rls import EnableRowSecurity


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0009_looked"),
        ("workspaces", "0003_invited_by_without_index"),
    ]

    operations = [
        migrations.CreateModel(
            name="Channel",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("number", models.IntegerField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("slack_webhook", "Slack webhook"),
                            ("slack_bot", "Slack bot"),
                            ("telegram", "Telegram"),
                            ("email", "Email"),
                        ],
                        max_length=13,
                    ),
                ),
                ("name", models.CharField(max_length=80)),
                ("secret", pqintel.vault.fields.SealedTextField(null=True)),
                ("target", models.TextField(blank=True)),
                (
                    "state",
                    models.CharField(
                        choices=[("ok", "Working"), ("broken", "Broken"), ("unconfirmed", "Not ready")],
                        default="ok",
                        max_length=11,
                    ),
                ),
                ("reason", models.TextField(blank=True, default="")),
                ("since", models.DateTimeField(default=django.utils.timezone.now)),
                ("told_at", models.DateTimeField(null=True)),
                ("failures", models.IntegerField(default=0, help_text="In a row; each makes the next try come later.")),
                ("next_send_at", models.DateTimeField(null=True)),
                ("last_sent_at", models.DateTimeField(null=True)),
                ("created_by", models.TextField(blank=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("removed_at", models.DateTimeField(null=True)),
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
            name="Delivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("mode", models.CharField(choices=[("live", "Live"), ("test", "Test")], max_length=4, null=True)),
                ("dedupe_key", models.TextField()),
                ("message", models.JSONField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("sent", "Sent"),
                            ("failed", "Failed"),
                            ("held", "Held"),
                            ("skipped", "Skipped"),
                        ],
                        default="waiting",
                        max_length=7,
                    ),
                ),
                ("reason", models.TextField(blank=True, default="")),
                ("tries", models.IntegerField(default=0)),
                ("created_at", models.DateTimeField()),
                ("next_attempt_at", models.DateTimeField()),
                ("give_up_at", models.DateTimeField()),
                ("claimed_at", models.DateTimeField(null=True)),
                ("sent_at", models.DateTimeField(null=True)),
                ("answer", models.TextField(blank=True, default="")),
                ("possible_duplicate", models.BooleanField(default=False)),
                (
                    "lost_claims",
                    models.SmallIntegerField(default=0, help_text="How many senders died while sending it."),
                ),
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
            options={
                "verbose_name_plural": "deliveries",
            },
        ),
        *(EnableRowSecurity(name) for name in ("Channel", "Delivery")),
        migrations.AddConstraint(
            model_name="channel",
            constraint=models.UniqueConstraint(fields=("workspace", "number"), name="channel_number_unique"),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("state", "waiting")),
                fields=["workspace", "channel", "next_attempt_at"],
                name="delivery_waiting",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["workspace", "-id"], name="delivery_newest"),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["workspace", "channel", "-id"], name="delivery_newest_of_channel"),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.UniqueConstraint(
                fields=("workspace", "channel", "dedupe_key"), name="delivery_decided_once"
            ),
        ),
    ]
