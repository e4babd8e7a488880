"""The canonical form of a workspace's billing state: what must be identical whatever order events arrived in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from typing import Any, Final

from django.apps import apps
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q

from .actions.feed import EVENT
from .actions.gaps import FEED
from .actions.letters import LETTER
from .models import HistoryEntry, PendingReaction, Recalculation, SyncState
from .models.base import BillingModel
from .modes import Mode

STATE: Final = ("subscription", "invoice", "payment", "paymentlink", "movement", "access")
"""The tables that the fingerprint is made of: what is true of the customers, not how it came to be known."""

# How far work has come that follows from the state.
_WORK: Final = frozenset[type[models.Model]]({PendingReaction, Recalculation})
# Surrogate ids, and everything that says when or how often something was learnt rather than what.
_LEFT_OUT: Final = frozenset({"id", "workspace_id", "mode", "learnt_at", "superseded_at", "last_applied_at"})
# Lines that still hold, without those that say how the handling of an event went, and without those about access and
# letters: what customers really had and got meanwhile follows the order in which events came.
_PRESENT: Final = Q(superseded_at=None) & ~Q(object_kind__in=(EVENT, FEED, LETTER, "access", "price"))
# Two feeds that know the same state may know it from different snapshots.
_PROVENANCE: Final = frozenset({"position"})


def canonical(workspace_id: int, mode: Mode) -> dict[str, list[Any]]:
    """All billing rows of a workspace and mode, sorted, as JSON values. Reads every table whole. Must run in scope."""
    return {
        _name(model): _rows(model, workspace_id, mode, _LEFT_OUT)
        for model in apps.get_app_config("billing").get_models()
        if issubclass(model, BillingModel) and model not in _WORK
    }


def state(workspace_id: int, mode: Mode) -> dict[str, list[Any]]:
    """The rows of `STATE` in the canonical form, without what says by which snapshots they are known. In scope."""
    return {
        _name(model): _rows(model, workspace_id, mode, _LEFT_OUT | _PROVENANCE)
        for model in apps.get_app_config("billing").get_models()
        if _name(model) in STATE
    }


def fingerprint(rows: Any) -> str:
    """SHA-256 of a canonical form (or a part of one), in hex."""
    text = json.dumps(rows, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _rows(model: type[models.Model], workspace_id: int, mode: Mode, left_out: Collection[str]) -> list[Any]:
    names = [f.attname for f in model._meta.concrete_fields if f.attname not in left_out]
    if model is SyncState:
        names.remove("version")
    present = _PRESENT if model is HistoryEntry else Q()
    rows = model._default_manager.filter(present, workspace_id=workspace_id, mode=mode)
    plain = [json.loads(json.dumps(row, cls=DjangoJSONEncoder)) for row in rows.values(*names).iterator()]
    return sorted(plain, key=lambda row: json.dumps(row, sort_keys=True))


def _name(model: type[models.Model]) -> str:
    return model._meta.model_name or ""
