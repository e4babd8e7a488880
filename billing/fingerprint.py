"""The canonical form of a workspace's billing state: what must be identical whatever order events arrived in."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from django.apps import apps
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Q

from .actions.feed import EVENT
from .models import HistoryEntry, SyncState
from .models.base import BillingModel
from .modes import Mode

# Surrogate ids, and everything that says when or how often something was learnt rather than what.
_LEFT_OUT: Final = frozenset({"id", "workspace_id", "mode", "learnt_at", "superseded_at", "last_applied_at"})
# Lines that still hold, without those that say how the handling of an event went, and without those about access: what
# customers really had meanwhile follows the order in which events came.
_PRESENT: Final = Q(superseded_at=None) & ~Q(object_kind__in=(EVENT, "access", "price"))


def canonical(workspace_id: int, mode: Mode) -> dict[str, list[Any]]:
    """All billing rows of a workspace and mode, sorted, as JSON values. Reads every table whole. Must run in scope."""
    dump: dict[str, list[Any]] = {}
    for model in apps.get_app_config("billing").get_models():
        if not issubclass(model, BillingModel):
            continue
        names = [f.attname for f in model._meta.concrete_fields if f.attname not in _LEFT_OUT]
        if model is SyncState:
            names.remove("version")
        present = _PRESENT if model is HistoryEntry else Q()
        rows = model._default_manager.filter(present, workspace_id=workspace_id, mode=mode)
        plain = [json.loads(json.dumps(row, cls=DjangoJSONEncoder)) for row in rows.values(*names).iterator()]
        dump[model._meta.model_name or ""] = sorted(plain, key=lambda row: json.dumps(row, sort_keys=True))
    return dump


def fingerprint(workspace_id: int, mode: Mode) -> str:
    """SHA-256 of the canonical form, in hex."""
    text = json.dumps(canonical(workspace_id, mode), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
