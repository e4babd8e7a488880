"""Staff pages for connections and what they receive. No secret is shown, in no form: only whether there is one."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME, ActionForm
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from billing.modes import Mode
from pqintel.workspaces.staff import TenantAdmin
from pqintel.workspaces.tenancy import everywhere, scoped_transaction

from .models import (
    Backfill,
    Channel,
    ChannelOutage,
    Connection,
    ConnectionChange,
    Delivery,
    DeliveryCount,
    DeliveryLag,
    Drift,
    Gap,
    InboxEvent,
    Read,
    Reconciliation,
    Recovery,
    RefusedDelivery,
    Silence,
    Suspect,
)
from .stripe import quarantine

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
