"""Staff pages of the room: to look at."""

from __future__ import annotations

from django.contrib import admin

from pqintel.workspaces.staff import TenantAdmin

from .models import Case, CaseEntry, Exclusion, Policy


@admin.register(Policy)
class PolicyAdmin(TenantAdmin):
    list_display = ("workspace", "mode", "enabled", "grace_days", "falls_to", "retry_watch", "changed_at", "changed_by")
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
