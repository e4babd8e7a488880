"""Where messages go, and what became of each."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from integrations.models import Channel, ChannelOutage, Delivery
from pqintel.workspaces.staff import TenantAdmin


@admin.register(Channel)
class ChannelAdmin(TenantAdmin):
    """Where messages go. The credential only as stored or not; a target is a name at the provider, or an address."""

    list_display = ("workspace", "number", "kind", "name", "target", "state", "since", "last_sent_at", "removed_at")
    list_filter = ("kind", "state")
    ordering = ("-created_at",)
    found_by = ("name", "target")
    fields = (
        "workspace",
        "number",
        "kind",
        "name",
        "secret_stored",
        "target",
        "state",
        "reason",
        "since",
        "told_at",
        "telling_at",
        "lost_tellings",
        "failures",
        "next_send_at",
        "last_sent_at",
        "created_by",
        "created_at",
        "removed_at",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Channel]:
        rows: QuerySet[Channel] = super().get_queryset(request).annotate(has_secret=Q(secret__isnull=False))
        return rows

    @admin.display(boolean=True)
    def secret_stored(self, row: Any) -> bool:
        return bool(row.has_secret)


@admin.register(ChannelOutage)
class ChannelOutageAdmin(TenantAdmin):
    """Times in which a channel was broken."""

    list_display = ("workspace", "channel", "starts", "ends", "reason")
    list_select_related = ("workspace", "channel")


@admin.register(Delivery)
class DeliveryAdmin(TenantAdmin):
    """Messages and what became of them; what they say is the workspace's own affair."""

    list_display = (
        "created_at",
        "workspace",
        "channel",
        "mode",
        "state",
        "reason",
        "tries",
        "sent_at",
        "possible_duplicate",
    )
    list_filter = ("state", "mode")
    list_select_related = ("workspace", "channel")
    found_by = ("dedupe_key",)
    fields = (
        "workspace",
        "channel",
        "mode",
        "dedupe_key",
        "state",
        "reason",
        "tries",
        "created_at",
        "next_attempt_at",
        "give_up_at",
        "claimed_at",
        "sent_at",
        "answer",
        "possible_duplicate",
        "lost_claims",
    )
