"""Staff pages for people and workspaces."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from .models import Invitation, Membership, User, Workspace
from .staff import Inline, StaffAdmin, TenantAdmin
from .tenancy import TenantModel


class MembershipInline(Inline):
    """Who is in a workspace, or where a person is. Roles are the workspace's own affair."""

    model = Membership
    fields = readonly_fields = ("workspace", "user", "role", "joined_at")


@admin.register(Workspace)
class WorkspaceAdmin(StaffAdmin):
    """Tenants. The trial's end may be moved."""

    list_display = ("name", "slug", "timezone", "trial_ends_at", "created_at")
    search_fields = ("slug", "name")
    ordering = ("-pk",)
    fields = ("name", "slug", "timezone", "trial_ends_at", "created_at", "rows")
    changeable = ("name", "trial_ends_at")
    inlines = (MembershipInline,)

    @admin.display(description="Its rows")
    def rows(self, workspace: Workspace) -> SafeString:
        """Links to the lists of everything that belongs to the workspace."""
        owned = [model for model in self.admin_site._registry if issubclass(model, TenantModel)]
        lists = (
            (
                reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"),
                workspace.pk,
                model._meta.verbose_name_plural,
            )
            for model in owned
        )
        return format_html_join(" · ", '<a href="{}?workspace__id__exact={}">{}</a>', lists)


@admin.register(User)
class UserAdmin(StaffAdmin):
    """People. Who is staff is decided by superusers; nobody below touches a superuser."""

    list_display = ("email", "name", "is_active", "is_staff", "is_superuser", "last_login", "date_joined")
    list_filter = ("is_staff", "is_superuser", "is_active")
    search_fields = ("email", "name")
    ordering = ("-pk",)
    fields = (
        "email",
        "name",
        "is_active",
        "stripe_account_limit",
        "is_staff",
        "is_superuser",
        "second_factor",
        "last_login",
        "date_joined",
    )
    changeable = ("name", "is_active", "stripe_account_limit")
    inlines = (MembershipInline,)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return request.user.is_superuser or obj is None or not obj.is_superuser

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        extra = ("is_staff", "is_superuser") if request.user.is_superuser else ()
        return [name for name in super().get_readonly_fields(request, obj) if name not in extra]

    @admin.display(boolean=True)
    def second_factor(self, user: User) -> bool:
        return bool(is_mfa_enabled(user, [Authenticator.Type.TOTP]))


@admin.register(Membership)
class MembershipAdmin(StaffAdmin):
    """Who is in which workspace, as what."""

    list_display = ("user", "workspace", "role", "joined_at")
    list_filter = ("role",)
    list_select_related = ("user", "workspace")
    search_fields = ("user__email", "workspace__slug")
    ordering = ("-pk",)


@admin.register(Invitation)
class InvitationAdmin(TenantAdmin):
    """Invitations; the link's secret is not kept anywhere."""

    list_display = ("email", "workspace", "role", "invited_by", "created_at", "expires_at", "accepted_at", "revoked_at")
    list_select_related = ("workspace", "invited_by")
    found_by = ("email",)


@admin.register(Authenticator)
class AuthenticatorAdmin(StaffAdmin):
    """Who has a second factor, never which. A superuser takes one away from somebody who has lost phone and codes."""

    list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    list_select_related = ("user",)
    search_fields = ("user__email",)
    ordering = ("-pk",)
    hidden = ("data",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser


@admin.register(LogEntry)
class LogEntryAdmin(StaffAdmin):
    """What staff have changed here."""

    list_display = ("action_time", "user", "content_type", "object_repr", "change_message")
    list_select_related = ("user", "content_type")
    search_fields = ("user__email", "object_repr")
    ordering = ("-pk",)
