"""Pages with a mode: /w/<slug>/<live|test>/…"""

from django.urls import path, register_converter

from .views import dashboard, lists, numbers, objects, plans


class StripeIdConverter:
    """An id of Stripe's in a URL: any text that a database can hold."""

    regex = r"[^\x00]+"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(StripeIdConverter, "stripe_id")

app_name = "billing"
urlpatterns = [
    path("", dashboard.show_dashboard, name="dashboard"),
    path("live/", dashboard.live_dashboard, name="dashboard_live"),
    path("customers/", lists.customers, name="customers"),
    path("customers.csv", lists.customers_csv, name="customers_csv"),
    path("customers/<stripe_id:stripe_id>/", objects.customer, name="customer"),
    path("subscriptions/", lists.subscriptions, name="subscriptions"),
    path("subscriptions.csv", lists.subscriptions_csv, name="subscriptions_csv"),
    path("subscriptions/<stripe_id:stripe_id>/", objects.subscription, name="subscription"),
    path("invoices/", lists.invoices, name="invoices"),
    path("invoices.csv", lists.invoices_csv, name="invoices_csv"),
    path("invoices/<stripe_id:stripe_id>/", objects.invoice, name="invoice"),
    path("payments/", lists.payments, name="payments"),
    path("payments.csv", lists.payments_csv, name="payments_csv"),
    path("payments/<stripe_id:stripe_id>/", objects.payment, name="payment"),
    path("history/", lists.history, name="history"),
    path("history.csv", lists.history_csv, name="history_csv"),
    path("numbers/cohorts/", numbers.show_cohorts, name="cohorts"),
    path("numbers/<slug:metric>/", numbers.show_number, name="number"),
    path("plans/", plans.show_plans, name="plans"),
    path("plans/tier/", plans.tier, name="plan_tier"),
    path("plans/tier/delete/", plans.delete_tier, name="plan_tier_delete"),
    path("plans/price/", plans.price, name="plan_price"),
    path("plans/policy/", plans.policy, name="plan_policy"),
    path("plans/override/", plans.override, name="plan_override"),
    path("plans/overrides/<int:pk>/revoke/", plans.revoke, name="plan_override_revoke"),
]
