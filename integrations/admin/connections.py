"""Connections and who changed them; credentials only as stored or not."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from integrations.models import Connection, ConnectionChange
from pqintel.workspaces.staff import TenantAdmin

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


@admin.register(ConnectionChange)
class ConnectionChangeAdmin(TenantAdmin):
    """Who changed a connection's credentials, and when; never to what."""

    list_display = ("at", "workspace", "connection", "kind", "changed_fields", "by")
    list_filter = ("kind",)
    list_select_related = ("workspace", "connection")
    found_by = ("by",)
    fields = ("workspace", "connection", "at", "kind", "changed_fields", "by")

    @admin.display(description="Fields")
    def changed_fields(self, row: ConnectionChange) -> str:
        return ", ".join(row.fields)
