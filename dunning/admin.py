"""Staff pages of the room: to look at."""

from __future__ import annotations

from django.contrib import admin

from pqintel.workspaces.staff import TenantAdmin

from .models import (
    Card,
    CardReading,
    Case,
    CaseEntry,
    Exclusion,
    Letter,
    LetterPolicy,
    LetterText,
    Policy,
    Sender,
    Unsubscribed,
)


@admin.register(Policy)
class PolicyAdmin(TenantAdmin):
    list_display = (
        "workspace",
        "mode",
        "enabled",
        "grace_days",
        "falls_to",
        "retry_watch",
        "card_notice",
        "changed_at",
        "changed_by",
    )
    list_filter = ("mode", "enabled")


@admin.register(Exclusion)
class ExclusionAdmin(TenantAdmin):
    list_display = ("kind", "value", "workspace", "mode", "created_at", "created_by")
    list_filter = ("mode", "kind")
    found_by = ("value",)


@admin.register(Case)
class CaseAdmin(TenantAdmin):
    list_display = (
        "invoice",
        "customer",
        "state",
        "attempts",
        "amount",
        "currency",
        "opened_at",
        "next_step",
        "next_step_at",
        "workspace",
        "mode",
    )
    list_filter = ("mode", "state")
    found_by = ("invoice", "customer", "subscription")
    hidden = ("texts",)


@admin.register(CaseEntry)
class CaseEntryAdmin(TenantAdmin):
    list_display = ("at", "invoice", "kind", "text", "by", "workspace", "mode")
    list_filter = ("mode", "kind")
    found_by = ("invoice", "key")


@admin.register(Card)
class CardAdmin(TenantAdmin):
    """Cards that customers paid with, where the notice of expiring ones is on."""

    list_display = (
        "customer",
        "brand",
        "last4",
        "exp_month",
        "exp_year",
        "charged_at",
        "looked_at",
        "workspace",
        "mode",
    )
    list_filter = ("mode",)
    found_by = ("customer", "payment_method")


@admin.register(CardReading)
class CardReadingAdmin(TenantAdmin):
    """How far the charges were read for their cards."""

    list_display = ("workspace", "mode", "read_until", "began_at", "due_at", "finished_at", "failures", "failure")
    list_filter = ("mode",)


@admin.register(Letter)
class LetterAdmin(TenantAdmin):
    """Letters and what became of them; what they say is the workspace's own affair."""

    list_display = (
        "created_at",
        "workspace",
        "mode",
        "kind",
        "customer",
        "state",
        "reason",
        "tries",
        "sent_at",
        "possible_duplicate",
    )
    list_filter = ("state", "mode", "kind")
    found_by = ("customer", "dedupe_key", "to")
    hidden = ("subject", "body", "facts", "payment_url", "mail")


@admin.register(LetterText)
class LetterTextAdmin(TenantAdmin):
    """Which kinds of letters have a text of the workspace's own, or are turned off."""

    list_display = ("workspace", "mode", "kind", "enabled", "changed_by", "changed_at")
    list_filter = ("mode", "kind")
    hidden = ("subject", "body")


@admin.register(LetterPolicy)
class LetterPolicyAdmin(TenantAdmin):
    """Who said whether customers get letters."""

    list_display = ("workspace", "mode", "wanted", "answered_by", "answered_at")
    list_filter = ("mode", "wanted")


@admin.register(Sender)
class SenderAdmin(TenantAdmin):
    """Who letters are from."""

    list_display = ("workspace", "name", "address", "verified_at", "reply_to")
    found_by = ("address",)


@admin.register(Unsubscribed)
class UnsubscribedAdmin(TenantAdmin):
    """Addresses that want no letters but those about a payment that they owe."""

    list_display = ("address", "workspace", "mode", "at")
    list_filter = ("mode",)
    found_by = ("address",)
