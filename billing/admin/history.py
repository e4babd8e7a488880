"""Versions and history, and how far work upon them has come."""

from __future__ import annotations

from django.contrib import admin

from billing.models import HistoryEntry, PendingReaction, Recalculation, SyncState, Version

from .base import RecordAdmin


@admin.register(Version)
class VersionAdmin(RecordAdmin):
    list_display = ("kind", "object_id", "position", "event_id", "chosen", "sure", "workspace", "mode", "learnt_at")
    list_filter = ("mode", "sure")
    found_by = ("object_id", "event_id")


@admin.register(HistoryEntry)
class HistoryEntryAdmin(RecordAdmin):
    list_display = ("kind", "object_id", "customer", "happened_at", "learnt_at", "superseded_at", "workspace", "mode")
    list_filter = ("mode", "is_change")
    found_by = ("object_id", "customer", "event_id", "kind")


@admin.register(SyncState)
class SyncStateAdmin(RecordAdmin):
    list_display = ("workspace", "mode", "version", "last_event_at", "last_applied_at")
    found_by = ()


@admin.register(Recalculation)
class RecalculationAdmin(RecordAdmin):
    list_display = ("workspace", "mode", "reason", "cursor", "asked_at", "done_at")
    found_by = ()


@admin.register(PendingReaction)
class PendingReactionAdmin(RecordAdmin):
    list_display = ("entry", "tries", "due_at", "gave_up_at", "reason", "workspace", "mode")
    list_filter = ("mode", "gave_up_at")
    found_by = ("reason",)
