"""What was read of Stripe: recovery, comparison, the first reading of an account."""

from __future__ import annotations

from django.contrib import admin

from integrations.models import Backfill, Drift, Gap, Reconciliation, Recovery, Silence, Suspect
from pqintel.workspaces.staff import TenantAdmin


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


@admin.register(Silence)
class SilenceAdmin(TenantAdmin):
    """Times in which Stripe was not heard of."""

    list_display = ("workspace", "mode", "starts", "ends")
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
    list_filter = ("mode",)
    found_by = ("object_id",)


@admin.register(Backfill)
class BackfillAdmin(TenantAdmin):
    """How far the reading of an account has come, and what stands in its way."""

    list_display = ("workspace", "mode", "stage", "started_at", "stepped_at", "finished_at", "waits_until", "failure")
    list_filter = ("mode",)
    found_by = ("failure",)
