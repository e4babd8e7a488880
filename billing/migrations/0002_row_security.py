"""Row-level security for every billing table."""

from django.db import migrations

from pqintel.workspaces.rls import EnableRowSecurity

TABLES = (
    "Checkout",
    "Coupon",
    "Customer",
    "Discount",
    "HistoryEntry",
    "Invoice",
    "MrrSpan",
    "Payment",
    "PaymentLink",
    "Price",
    "Product",
    "Subscription",
    "SyncState",
    "Version",
)


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial"), ("workspaces", "0002_row_security")]

    operations = [EnableRowSecurity(table) for table in TABLES]
