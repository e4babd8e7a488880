"""Staff pages for connections and what they receive. No secret is shown, in no form: only whether there is one."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from pqintel.workspaces.staff import TenantAdmin

from .models import (
    Connection,
    Drift,
    Gap,
    InboxEvent,
    Read,
    Reconciliation,
    Recovery,
    RefusedDelivery,
    Suspect,
)

SECRETS = ("publishable_key", "secret_key", "webhook_secret")


@admin.register(Connection)
class ConnectionAdmin(TenantAdmin):
    """A workspace's two connections; their credentials only as stored or not."""

    list_display = ("workspace", "mode", "status", "signing_state", "account_id", "connected_at", "last_delivery_at")
    list_filter = ("mode", "status", "signing_state")
    ordering = ("-created_at",)
    found_by = ("account_id",)
    fields = (
        "workspace",
        "mode",
        "status",
        "account_id",
        "publishable_key_stored",
        "secret_key_stored",
        "webhook_secret_stored",
        "draft_stored",
        "previous_webhook_secret_stored",
        "previous_valid_until",
        "signing_state",
        "signing_at",
        "checks",
        "next_check",
        "connected_at",
        "last_delivery_at",
        "created_at",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Connection]:
        drafts = Q()
        for name in SECRETS:
            drafts |= Q(**{f"draft_{name}__isnull": False})
        stored = {f"has_{name}": Q(**{f"{name}__isnull": False}) for name in (*SECRETS, "previous_webhook_secret")}
        rows: QuerySet[Connection] = super().get_queryset(request).annotate(has_draft=drafts, **stored)
        return rows

    @admin.display(boolean=True)
    def publishable_key_stored(self, row: Any) -> bool:
        return bool(row.has_publishable_key)

    @admin.display(boolean=True)
    def secret_key_stored(self, row: Any) -> bool:
        return bool(row.has_secret_key)

    @admin.display(boolean=True)
    def webhook_secret_stored(self, row: Any) -> bool:
        return bool(row.has_webhook_secret)

    @admin.display(boolean=True)
    def previous_webhook_secret_stored(self, row: Any) -> bool:
        return bool(row.has_previous_webhook_secret)

    @admin.display(boolean=True, description="Unverified credentials beside them")
    def draft_stored(self, row: Any) -> bool:
        return bool(row.has_draft)


@admin.register(InboxEvent)
class InboxEventAdmin(TenantAdmin):
    """Verified events and what became of them; never their bodies."""

    list_display = ("event_id", "event_type", "state", "workspace", "mode", "received_at", "processed_at", "reason")
    list_filter = ("state", "mode")
    found_by = ("event_id", "event_type")


@admin.register(RefusedDelivery)
class RefusedDeliveryAdmin(TenantAdmin):
    """Deliveries that were turned away, counted by hour and reason."""

    list_display = ("workspace", "connection", "reason", "count", "hour", "last_at")
    list_select_related = ("workspace", "connection")
    found_by = ("reason",)


@admin.register(Read)
class ReadAdmin(TenantAdmin):
    """What still has to be asked of Stripe, and what that gave."""

    list_display = ("what", "object_id", "workspace", "due_at", "tries", "done_at", "failure")
    found_by = ("object_id",)


@admin.register(Recovery)
class RecoveryAdmin(TenantAdmin):
    """How far Stripe's list of events was read, and what it held that had not been delivered."""

    list_display = ("workspace", "mode", "read_until", "last_run_at", "found", "missed", "failure")
    list_filter = ("mode",)


@admin.register(Gap)
class GapAdmin(TenantAdmin):
    """Times whose events are lost for good."""

    list_display = ("workspace", "mode", "starts", "ends", "found_at")
    list_filter = ("mode",)


@admin.register(Reconciliation)
class ReconciliationAdmin(TenantAdmin):
    """Comparisons with Stripe, object by object."""

    list_display = ("workspace", "mode", "phase", "asked_by", "repairs", "started_at", "finished_at", "failure")
    list_filter = ("mode", "phase")


@admin.register(Suspect)
class SuspectAdmin(TenantAdmin):
    """Objects that looked different once, and wait for a second look."""

    list_display = ("kind", "object_id", "workspace", "looks", "due_at")
    found_by = ("object_id",)


@admin.register(Drift)
class DriftAdmin(TenantAdmin):
    """Differences that a comparison found."""

    list_display = ("kind", "object_id", "field", "ours", "theirs", "workspace", "mode", "found_at", "repaired_at")
    list_filter = ("mode", "kind")
    found_by = ("object_id",)
