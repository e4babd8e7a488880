"""Enters the workspace of the URL before the view's transaction begins, and checks that the member may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone

from .context import current_workspace
from .models import Membership
from .permissions import permission_of

SLUG = "slug"


class WorkspaceMiddleware:
    """For every URL with a workspace in it: the membership is looked up, the view's permission checked, scope entered.

    Another workspace's page is a 404, like one that does not exist. A view under a workspace that names no permission
    is a programming error.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.workspace = request.membership = request.mode = None  # type: ignore[attr-defined]
        token = current_workspace.set(None)
        try:
            return self.get_response(request)
        finally:
            current_workspace.reset(token)
            timezone.deactivate()

    def process_view(
        self, request: Any, view: Callable[..., HttpResponse], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        if SLUG not in kwargs:
            return None
        permission = permission_of(view)
        if permission is None:
            raise ImproperlyConfigured(f"{view.__module__}.{view.__name__} names no permission: decorate it.")
        if permission == "public":
            return None
        if not request.user.is_authenticated:
            return self._sign_in(request)
        membership = (
            Membership.objects.select_related("workspace", "user")
            .filter(workspace__slug=kwargs[SLUG], user=request.user)
            .first()
        )
        if membership is None:
            raise Http404("No such workspace.")
        if not membership.may(permission):
            raise PermissionDenied(f"Your role here is {membership.role}; this needs another one.")
        request.membership, request.workspace, request.mode = membership, membership.workspace, kwargs.get("mode")
        current_workspace.set(membership.workspace_id)
        timezone.activate(membership.workspace.timezone)
        return None

    @staticmethod
    def _sign_in(request: Any) -> HttpResponse:
        if request.htmx:
            return HttpResponse(status=204, headers={"HX-Redirect": redirect_to_login(request.htmx.current_url_abs_path or "/").url})
        return redirect_to_login(request.get_full_path())
