"""Who may use what, and what decides it."""

from __future__ import annotations

from django.contrib import admin

from billing.models import Access, AccessHold, AccessOverride, AccessPolicy, PriceMapping, PriceUse, Tier
from pqintel.workspaces.staff import TenantAdmin

from .base import RecordAdmin


@admin.register(Tier)
class TierAdmin(TenantAdmin):
    list_display = ("key", "name", "rank", "seat_limit", "workspace", "changed_at", "changed_by")
    found_by = ("key",)


@admin.register(AccessPolicy)
class AccessPolicyAdmin(TenantAdmin):
    list_display = ("workspace", "free_tier", "past_due_days", "changed_at", "changed_by")


@admin.register(PriceMapping)
class PriceMappingAdmin(RecordAdmin):
    list_display = ("kind", "value", "tier", "removed", "workspace", "mode", "changed_at", "changed_by")
    list_filter = ("mode", "kind", "removed")
    found_by = ("value", "tier")


@admin.register(PriceUse)
class PriceUseAdmin(RecordAdmin):
    list_display = ("price", "customer", "workspace", "mode")
    found_by = ("price", "customer")


@admin.register(AccessOverride)
class AccessOverrideAdmin(RecordAdmin):
    list_display = ("customer", "effect", "tier", "expires_at", "revoked_at", "created_by", "workspace", "mode")
    found_by = ("customer",)


@admin.register(AccessHold)
class AccessHoldAdmin(RecordAdmin):
    list_display = ("customer", "subscription", "invoice", "starts_at", "lifted_at", "lifted_by", "workspace", "mode")
    found_by = ("customer", "subscription", "invoice")


@admin.register(Access)
class AccessAdmin(RecordAdmin):
    list_display = ("customer", "tier", "seats", "reason", "since", "cause", "overridden", "workspace", "mode")
    list_filter = ("mode", "overridden")
    found_by = ("customer", "cause", "subscription")
