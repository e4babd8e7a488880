"""Enters the workspace of the URL before the view's transaction begins, and checks that the member may."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone

from .context import current_workspace
from .http import mode_named
from .models import Membership
from .permissions import PUBLIC, READING, permission_of
from .recent import remember
from .tenancy import scope

SLUG = "slug"
MODE = "mode"


class WorkspaceMiddleware:
    """For every URL with a workspace in it: the membership is looked up, the view's permission checked, scope entered.

    Another workspace's page is a 404, like one that does not exist. A view under a workspace that names no permission
    is a programming error. The workspace's time zone is active while the request lasts.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> HttpResponseBase:
        request.workspace = request.membership = request.mode = None
        before = current_workspace.set(None)
        try:
            with ExitStack() as request.entered:
                return self.get_response(request)
        finally:
            current_workspace.reset(before)
            timezone.deactivate()

    def process_view(
        self, request: Any, view: Callable[..., HttpResponse], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        if SLUG not in kwargs:
            return None
        permission = permission_of(view, request.method)
        if permission is None:
            raise ImproperlyConfigured(f"{view.__module__}.{view.__name__} names no permission: decorate it.")
        if permission == PUBLIC:
            return None
        if not request.user.is_authenticated:
            return _sign_in(request)
        if MODE in kwargs and mode_named(kwargs[MODE]) is None:
            raise Http404("No such mode.")
        membership = (
            Membership.objects.select_related("workspace", "user")
            .filter(workspace__slug=kwargs[SLUG], user=request.user)
            .first()
        )
        if membership is None:
            raise Http404("No such workspace.")
        if not membership.may(permission):
            raise PermissionDenied(f"Your role here is {membership.role}; this needs another one.")
        request.membership, request.workspace, request.mode = membership, membership.workspace, kwargs.get(MODE)
        request.entered.enter_context(scope(membership.workspace))
        timezone.activate(membership.workspace.timezone)
        remember(request.session, membership.workspace, request.mode)
        return None


def _sign_in(request: Any) -> HttpResponse:
    """Send somebody to the sign-in and back to the page that they were on."""
    if request.htmx:
        page = request.htmx.current_url_abs_path or "/"
        return HttpResponse(status=204, headers={"HX-Redirect": redirect_to_login(page).url})
    return redirect_to_login(request.get_full_path() if request.method in READING else "/")
