"""Staff pages for alerts and summaries: to look at. What messages say is the workspace's own affair."""

from __future__ import annotations

from django.contrib import admin

from pqintel.workspaces.staff import TenantAdmin

from .models import DigestChannel, DigestRun, DigestSettings, Finding, Rule, RuleChannel, Watch


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


@admin.register(Rule)
class RuleAdmin(TenantAdmin):
    """What is watched, and how it stands."""

    list_display = ("name", "kind", "workspace", "mode", "state", "since", "enabled", "silenced_until", "removed_at")
    list_filter = ("mode", "kind", "state", "enabled")
    found_by = ("name",)


@admin.register(RuleChannel)
class RuleChannelAdmin(TenantAdmin):
    """Where a rule speaks, if not everywhere."""

    list_display = ("rule", "channel", "workspace", "mode")
    list_filter = ("mode",)
    list_select_related = ("workspace", "rule", "channel")


@admin.register(Finding)
class FindingAdmin(TenantAdmin):
    """What rules noticed, and what came of it; not what was said."""

    list_display = ("at", "rule", "outcome", "reason", "count", "workspace", "mode", "recorded_at")
    list_filter = ("mode", "outcome")
    list_select_related = ("workspace", "rule")
    found_by = ("dedupe_key",)
    fields = ("workspace", "mode", "rule", "at", "recorded_at", "outcome", "reason", "count", "dedupe_key")


@admin.register(Watch)
class WatchAdmin(TenantAdmin):
    """How far rules were judged."""

    list_display = ("workspace", "mode", "looked_at", "next_at", "version", "defaults")
    list_filter = ("mode",)
