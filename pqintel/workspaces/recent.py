"""Where a person was last: the workspace, and the mode in each. Kept in the session."""

from __future__ import annotations

from django.contrib.sessions.backends.base import SessionBase

from .http import ModeName, mode_named
from .models import Workspace

WORKSPACE = "recent_workspace"
MODES = "recent_modes"


def remember(session: SessionBase, workspace: Workspace, mode: ModeName | None) -> None:
    """Note that a page of this workspace (and mode, if it has one) was asked for. Saves nothing that is known."""
    if session.get(WORKSPACE) != workspace.pk:
        session[WORKSPACE] = workspace.pk
    modes = session.get(MODES, {})
    if mode and modes.get(str(workspace.pk)) != mode:
        session[MODES] = {**modes, str(workspace.pk): mode}


def recent_workspace(session: SessionBase) -> int | None:
    """The id of the workspace that was last looked at; the person may have left it since."""
    found = session.get(WORKSPACE)
    return found if isinstance(found, int) else None


def recent_mode(session: SessionBase, workspace: Workspace) -> ModeName | None:
    """The mode that was last looked at in this workspace, None if none was."""
    return mode_named(session.get(MODES, {}).get(str(workspace.pk), ""))
