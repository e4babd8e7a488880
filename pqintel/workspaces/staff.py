"""The admin: who gets in, and how its pages read rows of every workspace without being able to write any."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from allauth.account.authentication import get_authentication_records
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.contrib import admin, messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import SimpleTemplateResponse
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.http import url_has_allowed_host_and_scheme, urlencode

from pqintel.vault import SealedTextField

from .tenancy import everywhere

# Pages that packages bring along and that would show what nobody needs to see; ours replace them where there are any.
REPLACED = frozenset({"mfa.authenticator", "account.emailconfirmation"})
UNUSED_URLS = frozenset({"view_on_site"})

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
    AnyPaginator = Paginator[Any]
else:  # these take no type arguments when they run
    ModelAdmin, TabularInline, AnyPaginator = admin.ModelAdmin, admin.TabularInline, Paginator


class StaffSite(admin.AdminSite):
    """The admin for staff whose session has passed a second factor (P32)."""

    site_header = site_title = "PQ Intel staff"
    index_title = "Everything, masked"

    def has_permission(self, request: HttpRequest) -> bool:
        return super().has_permission(request) and _second_factor_passed(request)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Where who may not enter (yet) is sent: to sign in, to set up a second factor, or to show it."""
        target = request.GET.get("next", "")
        if not url_has_allowed_host_and_scheme(target, {request.get_host()}):
            target = reverse("admin:index")
        if not request.user.is_authenticated:
            return redirect_to_login(target)
        if not request.user.is_staff:
            raise PermissionDenied("The admin is for staff.")
        if self.has_permission(request):
            return HttpResponseRedirect(target)
        if is_mfa_enabled(request.user, [Authenticator.Type.TOTP]):
            return _with_next("mfa_reauthenticate", target)
        messages.info(request, "The admin needs a second factor. Set one up, then open the admin again.")
        return _with_next("mfa_activate_totp", target)

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return redirect("account_logout")

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return redirect("account_change_password")

    def password_change_done(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return redirect("account_change_password")

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        with everywhere("staff: autocomplete"):
            return super().autocomplete_view(request)

    def get_urls(self) -> list[Any]:
        return [url for url in super().get_urls() if getattr(url, "name", None) not in UNUSED_URLS]

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        found: list[Any] = [model_or_iterable] if isinstance(model_or_iterable, type) else list(model_or_iterable)
        ours = admin_class is not None and issubclass(admin_class, StaffAdmin)
        super().register([m for m in found if ours or m._meta.label_lower not in REPLACED], admin_class, **options)


def _second_factor_passed(request: HttpRequest) -> bool:
    return any(record["method"] == "mfa" for record in get_authentication_records(request, request.user))


def _with_next(url_name: str, target: str) -> HttpResponse:
    return HttpResponseRedirect(f"{reverse(url_name)}?{urlencode({'next': target})}")


class BoundedPaginator(AnyPaginator):
    """Counts no further than anybody pages: a count of a whole table of events would take minutes."""

    LIMIT = 10_000

    @cached_property
    def count(self) -> int:
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        return rows.order_by()[: self.LIMIT].count()


class StaffAdmin(ModelAdmin):
    """A model's pages in the admin. All staff may look; what may be changed is named in `changeable`.

    Nothing is added or deleted here. Sealed and binary columns are neither shown nor even read.
    """

    changeable: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    actions: tuple[str, ...] | None = None

    def has_module_permission(self, request: HttpRequest) -> bool:
        return True

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(self.changeable)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        shown = list(self.fields or (field.name for field in self._columns()))
        return [name for name in shown if name not in self._secrets()]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return [name for name in self.get_fields(request, obj) if name not in self.changeable]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer(*self._secrets())

    def _columns(self) -> Iterable[models.Field[Any, Any]]:
        return tuple(self.model._meta.concrete_fields)

    def _secrets(self) -> list[str]:
        kinds = (SealedTextField, models.BinaryField)
        return [*self.hidden, *(field.name for field in self._columns() if isinstance(field, kinds))]


class Inline(TabularInline):
    """Rows beside the row that they belong to, to look at."""

    extra = 0
    can_delete = False
    show_change_link = True

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class TenantAdmin(StaffAdmin):
    """Rows of a tenant table, of all workspaces, to look at.

    Every page is made as the role that may only read, with its rendering: a template that asks for one more row must
    still find it. The search box takes a workspace's slug, exact values of `found_by`, or both.
    """

    found_by: tuple[str, ...] = ()
    search_fields = ("pk",)  # shows the box; the search itself is below
    ordering = ("-pk",)
    sortable_by = ()  # any other order would sort the whole table
    list_select_related: ClassVar[tuple[str, ...]] = ("workspace",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        for word in search_term.split():
            matches = models.Q(workspace__slug=word)
            for field in self.found_by:
                matches |= models.Q(**{field: word})
            queryset = queryset.filter(matches)
        return queryset, False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        with everywhere(f"staff: list of {self.model._meta.label}"):
            return _rendered(super().changelist_view(request, extra_context))

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        with everywhere(f"staff: one {self.model._meta.label}"):
            return _rendered(super().changeform_view(request, object_id, form_url, extra_context))

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        with everywhere(f"staff: one {self.model._meta.label}"):
            return _rendered(super().delete_view(request, object_id, extra_context))

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        with everywhere(f"staff: history of {self.model._meta.label}"):
            return _rendered(super().history_view(request, object_id, extra_context))


def _rendered(response: HttpResponse) -> HttpResponse:
    return response.render() if isinstance(response, SimpleTemplateResponse) else response
