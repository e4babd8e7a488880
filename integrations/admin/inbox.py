"""Events that came, what became of them, and what has to be read besides."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME, ActionForm
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from billing.modes import Mode
from integrations.models import DeliveryCount, DeliveryLag, InboxEvent, Read, RefusedDelivery
from integrations.stripe import quarantine
from pqintel.workspaces.staff import TenantAdmin
from pqintel.workspaces.tenancy import everywhere, scoped_transaction

ACTIONS: Final = ("replay", "dismiss")


class QuarantineForm(ActionForm):
    """The choice of an action, and the reason that a dismissal needs."""

    reason = forms.CharField(required=False, max_length=quarantine.LONGEST_REASON, label="Reason (to dismiss):")


@admin.register(InboxEvent)
class InboxEventAdmin(TenantAdmin):
    """Verified events and what became of them; never their bodies. Staff may replay and dismiss quarantined ones."""

    list_display = ("event_id", "event_type", "state", "workspace", "mode", "received_at", "processed_at", "reason")
    list_filter = ("state", "mode")
    found_by = ("event_id", "event_type")
    actions = ACTIONS
    action_form = QuarantineForm

    @admin.action(description="Replay quarantined events")
    def replay(self, request: HttpRequest, queryset: QuerySet[InboxEvent]) -> None:
        """Named for the list of actions; `changelist_view` does it, because the list itself may only read."""

    @admin.action(description="Dismiss quarantined events")
    def dismiss(self, request: HttpRequest, queryset: QuerySet[InboxEvent]) -> None:
        """Like `replay`."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        action = request.POST.get("action")
        if request.method != "POST" or action not in ACTIONS:
            return super().changelist_view(request, extra_context)
        reason = request.POST.get("reason", "").strip()
        if action == "dismiss" and not 0 < len(reason) <= quarantine.LONGEST_REASON:
            self.message_user(request, "Say why these events can be given up: history keeps it.", messages.ERROR)
        else:
            self._act(request, action, reason)
        return redirect(request.get_full_path())

    def _act(self, request: HttpRequest, action: str, reason: str) -> None:
        """Replay or dismiss what is selected, workspace by workspace, each within its own scope."""
        chosen = [int(key) for key in request.POST.getlist(ACTION_CHECKBOX_NAME) if key.isdecimal()]
        with everywhere("staff: events to replay or dismiss"):
            rows = list(InboxEvent.objects.filter(pk__in=chosen).only("workspace_id", "mode", "event_id"))
        lanes: dict[tuple[int, Mode], dict[str, InboxEvent]] = {}
        for row in rows:
            lanes.setdefault((row.workspace_id, Mode(row.mode)), {})[row.event_id] = row
        by, now, done = f"staff ({request.user})", timezone.now(), 0
        for (workspace_id, mode), events in lanes.items():
            with scoped_transaction(workspace_id):
                if action == "replay":
                    moved = quarantine.replay(workspace_id, mode, by=by, now=now, events=events)
                else:
                    moved = quarantine.dismiss(workspace_id, mode, events, reason, by=by, now=now)
            for event_id in moved:
                self.log_change(
                    request, events[event_id], "Replayed." if action == "replay" else f"Dismissed: {reason}"
                )
            done += len(moved)
        word = "replayed" if action == "replay" else "dismissed"
        self.message_user(request, f"{done} of {len(chosen)} selected events {word}; the others are not in quarantine.")


@admin.register(RefusedDelivery)
class RefusedDeliveryAdmin(TenantAdmin):
    """Deliveries that were turned away, counted by hour and reason."""

    list_display = ("workspace", "connection", "reason", "count", "hour", "last_at")
    list_select_related = ("workspace", "connection")
    found_by = ("reason",)


@admin.register(DeliveryCount)
class DeliveryCountAdmin(TenantAdmin):
    """Deliveries by hour, type, API version and what became of them."""

    list_display = ("hour", "workspace", "connection", "event_type", "api_version", "state", "count", "last_at")
    list_filter = ()
    list_select_related = ("workspace", "connection")
    found_by = ("event_type", "api_version")


@admin.register(DeliveryLag)
class DeliveryLagAdmin(TenantAdmin):
    """How long deliveries waited for a worker, by hour; bucket b is at most 2^(b/2) milliseconds."""

    list_display = ("hour", "workspace", "connection", "bucket", "count")
    list_select_related = ("workspace", "connection")


@admin.register(Read)
class ReadAdmin(TenantAdmin):
    """What still has to be asked of Stripe, and what that gave."""

    list_display = ("what", "object_id", "workspace", "due_at", "tries", "done_at", "failure")
    found_by = ("object_id",)
