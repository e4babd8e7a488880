from django.db import migrations, models

from pqintel.workspaces.indexes import AddIndexOnline


class Migration(migrations.Migration):
    """Those of migrations 0004, 0006, 0007 and 0013, on tables that may be large: each is built beside the work."""

    atomic = False
    dependencies = [
        ("billing", "0016_guest_failures"),
    ]

    operations = [
        AddIndexOnline(
            model_name="mrrspan",
            index=models.Index(fields=["workspace", "mode", "customer"], name="mrr_span_customer"),
        ),
        AddIndexOnline(
            model_name="customer",
            index=models.Index(
                models.F("workspace"),
                models.F("mode"),
                models.OrderBy(models.F("created"), nulls_first=True),
                models.F("id"),
                name="customer_by_creation",
            ),
        ),
        AddIndexOnline(
            model_name="historyentry",
            index=models.Index(fields=["workspace", "mode", "kind", "happened_at", "id"], name="history_kind"),
        ),
        AddIndexOnline(
            model_name="invoice",
            index=models.Index(fields=["workspace", "mode", "created", "id"], name="invoice_by_creation"),
        ),
        AddIndexOnline(
            model_name="invoice",
            index=models.Index(fields=["workspace", "mode", "status", "created", "id"], name="invoice_by_status"),
        ),
        AddIndexOnline(
            model_name="invoice",
            index=models.Index(fields=["workspace", "mode", "customer", "created", "id"], name="invoice_of_customer"),
        ),
        AddIndexOnline(
            model_name="payment",
            index=models.Index(fields=["workspace", "mode", "created", "id"], name="payment_by_creation"),
        ),
        AddIndexOnline(
            model_name="payment",
            index=models.Index(fields=["workspace", "mode", "status", "created", "id"], name="payment_by_status"),
        ),
        AddIndexOnline(
            model_name="payment",
            index=models.Index(fields=["workspace", "mode", "customer", "created", "id"], name="payment_of_customer"),
        ),
        AddIndexOnline(
            model_name="subscription",
            index=models.Index(fields=["workspace", "mode", "created", "id"], name="subscription_by_creation"),
        ),
        AddIndexOnline(
            model_name="subscription",
            index=models.Index(fields=["workspace", "mode", "status", "created", "id"], name="subscription_by_status"),
        ),
        AddIndexOnline(
            model_name="historyentry",
            index=models.Index(
                condition=models.Q(
                    ("is_change", False),
                    ("kind__in", ("invoice.payment_failed", "payment.failed", "invoice.payment_action_required")),
                ),
                fields=["workspace", "mode", "customer"],
                name="history_failures",
            ),
        ),
        AddIndexOnline(
            model_name="invoice",
            index=models.Index(
                fields=["workspace", "mode", "subscription", "status", "paid_at"], name="invoice_standing"
            ),
        ),
        AddIndexOnline(
            model_name="dailyrollup",
            index=models.Index(fields=["workspace", "mode", "kind", "day"], name="daily_rollup_by_day"),
        ),
    ]
