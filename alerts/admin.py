"""Staff pages for alerts and summaries: to look at."""

from __future__ import annotations

from django.contrib import admin

from pqintel.workspaces.staff import TenantAdmin

from .models import DigestChannel, DigestRun, DigestSettings


@admin.register(DigestSettings)
class DigestSettingsAdmin(TenantAdmin):
    list_display = ("workspace", "mode", "cadence", "enabled", "hour", "weekday", "since")
    list_filter = ("mode", "cadence", "enabled")


@admin.register(DigestChannel)
class DigestChannelAdmin(TenantAdmin):
    list_display = ("workspace", "settings", "channel")
    list_select_related = ("workspace", "settings", "channel")


@admin.register(DigestRun)
class DigestRunAdmin(TenantAdmin):
    """Summaries that were due, and why one was not sent."""

    list_display = ("workspace", "mode", "cadence", "day", "state", "late", "due_at", "sent_at", "reason")
    list_filter = ("mode", "cadence", "state")
