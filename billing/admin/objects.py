"""Customers and what they have: subscriptions, invoices, payments, failures."""

from __future__ import annotations

from django.contrib import admin

from billing.models import Checkout, Customer, CustomerWord, Failure, Invoice, Payment, PaymentLink, Subscription

from .base import RecordAdmin


@admin.register(Customer)
class CustomerAdmin(RecordAdmin):
    list_display = ("stripe_id", "name", "email", "workspace", "mode", "currency", "delinquent", "deleted")
    found_by = ("stripe_id", "email")


@admin.register(CustomerWord)
class CustomerWordAdmin(RecordAdmin):
    list_display = ("word", "customer", "workspace", "mode")
    found_by = ("word", "customer")


@admin.register(Checkout)
class CheckoutAdmin(RecordAdmin):
    list_display = ("stripe_id", "kind", "status", "payment_status", "customer", "workspace", "mode", "created")
    found_by = ("stripe_id", "customer", "subscription")


@admin.register(Subscription)
class SubscriptionAdmin(RecordAdmin):
    list_display = (
        "stripe_id",
        "status",
        "payment_status",
        "failed_attempts",
        "customer",
        "workspace",
        "mode",
        "currency",
        "created",
        "sure",
    )
    list_filter = ("mode", "payment_status", "sure")
    found_by = ("stripe_id", "customer")


@admin.register(Invoice)
class InvoiceAdmin(RecordAdmin):
    list_display = (
        "stripe_id",
        "number",
        "status",
        "amount_due",
        "currency",
        "customer",
        "workspace",
        "mode",
        "created",
    )
    found_by = ("stripe_id", "number", "customer", "subscription")


@admin.register(Payment)
class PaymentAdmin(RecordAdmin):
    list_display = ("stripe_id", "status", "amount", "currency", "customer", "workspace", "mode", "created")
    found_by = ("stripe_id", "customer")


@admin.register(PaymentLink)
class PaymentLinkAdmin(RecordAdmin):
    list_display = ("payment", "invoice", "workspace", "mode")
    found_by = ("payment", "invoice")


@admin.register(Failure)
class FailureAdmin(RecordAdmin):
    list_display = (
        "subject",
        "attempt",
        "amount",
        "currency",
        "decline",
        "decline_code",
        "customer",
        "workspace",
        "mode",
        "happened_at",
    )
    list_filter = ("mode", "decline")
    found_by = ("subject", "customer", "payment", "charge")
