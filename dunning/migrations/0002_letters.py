"""Letters to customers: the outbox, texts, the answer, the sender, who unsubscribed."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

from pqintel.workspaces.rls import EnableRowSecurity


class Migration(migrations.Migration):
    dependencies = [
        ("dunning", "0001_cases"),
        ("workspaces", "0003_invited_by_without_index"),
    ]

    operations = [
        migrations.CreateModel(
            name="Letter",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("mode", models.CharField(choices=[("live", "Live"), ("test", "Test")], max_length=4)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("payment_failed", "Payment failed"),
                            ("reminder_1", "First reminder"),
                            ("reminder_2", "Second reminder"),
                            ("final_warning", "Final warning"),
                            ("access_reduced", "Access reduced"),
                            ("recovered", "Payment received"),
                            ("card_expiring", "Card expires soon"),
                            ("welcome", "Welcome"),
                            ("goodbye", "Subscription ended"),
                            ("onboarding", "First steps"),
                            ("onboarding_followup", "Checkout without a subscription"),
                        ],
                        max_length=20,
                    ),
                ),
                ("customer", models.TextField()),
                ("dedupe_key", models.TextField(db_collation="C")),
                ("invoices", models.JSONField(default=list)),
                ("subject", models.TextField()),
                ("body", models.TextField()),
                ("facts", models.JSONField(default=dict)),
                ("payment_url", models.TextField(null=True)),
                ("to", models.TextField(blank=True)),
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
                ("settled_at", models.DateTimeField(null=True)),
                ("answer", models.TextField(blank=True, default="")),
                ("possible_duplicate", models.BooleanField(default=False)),
                (
                    "lost_claims",
                    models.SmallIntegerField(default=0, help_text="How many senders died while sending it."),
                ),
                ("message_id", models.TextField(blank=True, default="")),
                ("mail", models.JSONField(null=True)),
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
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "waiting")),
                        fields=["workspace", "mode", "next_attempt_at", "id"],
                        name="letter_waiting",
                    ),
                    models.Index(
                        condition=models.Q(("state", "held")), fields=["workspace", "mode", "id"], name="letter_held"
                    ),
                    models.Index(fields=["workspace", "mode", "-id"], name="letter_newest"),
                    models.Index(
                        models.F("workspace"),
                        models.F("mode"),
                        models.F("customer"),
                        models.OrderBy(models.F("id"), descending=True),
                        name="letter_of_customer",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("workspace", "mode", "dedupe_key"), name="letter_decided_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="LetterPolicy",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("mode", models.CharField(choices=[("live", "Live"), ("test", "Test")], max_length=4)),
                ("wanted", models.BooleanField()),
                ("answered_by", models.TextField(blank=True)),
                ("answered_at", models.DateTimeField()),
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
                "verbose_name_plural": "letter policies",
                "constraints": [models.UniqueConstraint(fields=("workspace", "mode"), name="letter_policy_unique")],
            },
        ),
        migrations.CreateModel(
            name="LetterText",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("mode", models.CharField(choices=[("live", "Live"), ("test", "Test")], max_length=4)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("payment_failed", "Payment failed"),
                            ("reminder_1", "First reminder"),
                            ("reminder_2", "Second reminder"),
                            ("final_warning", "Final warning"),
                            ("access_reduced", "Access reduced"),
                            ("recovered", "Payment received"),
                            ("card_expiring", "Card expires soon"),
                            ("welcome", "Welcome"),
                            ("goodbye", "Subscription ended"),
                            ("onboarding", "First steps"),
                            ("onboarding_followup", "Checkout without a subscription"),
                        ],
                        max_length=20,
                    ),
                ),
                ("subject", models.TextField()),
                ("body", models.TextField()),
                ("enabled", models.BooleanField(default=True)),
                ("changed_by", models.TextField(blank=True)),
                ("changed_at", models.DateTimeField(default=django.utils.timezone.now)),
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
                    models.UniqueConstraint(fields=("workspace", "mode", "kind"), name="letter_text_unique")
                ],
            },
        ),
        migrations.CreateModel(
            name="Sender",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(blank=True, max_length=80)),
                ("address", models.CharField(blank=True, max_length=254)),
                ("verified_at", models.DateTimeField(null=True)),
                ("reply_to", models.CharField(blank=True, max_length=254)),
                ("link_mailed_at", models.DateTimeField(null=True)),
                (
                    "links_today",
                    models.SmallIntegerField(default=0, help_text="Mailed within a day of the first of them."),
                ),
                ("links_since", models.DateTimeField(null=True)),
                ("changed_by", models.TextField(blank=True)),
                ("changed_at", models.DateTimeField(default=django.utils.timezone.now)),
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
                "constraints": [models.UniqueConstraint(fields=("workspace",), name="letter_sender_unique")],
            },
        ),
        migrations.CreateModel(
            name="Unsubscribed",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("mode", models.CharField(choices=[("live", "Live"), ("test", "Test")], max_length=4)),
                ("address", models.CharField(max_length=254)),
                ("at", models.DateTimeField()),
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
                "verbose_name_plural": "unsubscribed",
                "constraints": [
                    models.UniqueConstraint(fields=("workspace", "mode", "address"), name="letter_unsubscribed_unique")
                ],
            },
        ),
        *(EnableRowSecurity(name) for name in ("Letter", "LetterPolicy", "LetterText", "Sender", "Unsubscribed")),
    ]
