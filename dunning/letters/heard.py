"""Who was written to about an invoice: a letter that was decided may never have gone out."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Q

from billing.modes import Mode
from dunning.models import Letter, LetterState

from .kinds import CHASING


def asked_for(
    workspace_id: int, mode: Mode, customers: Collection[str], invoices: Collection[str], *, under_way: bool = False
) -> set[str]:
    """Those of some invoices of these customers that a letter has asked for: one that went out.

    One query. Must run in scope.

    Args:
        under_way: count what a sender has in its hands too, of which it is not known yet whether it goes out.
    """
    out = Q(state=LetterState.SENT)
    if under_way:
        out |= Q(claimed_at__isnull=False)
    rows = Letter.objects.filter(out, workspace_id=workspace_id, mode=mode, customer__in=customers, kind__in=CHASING)
    named = {invoice for found in rows.values_list("invoices", flat=True) for invoice in found}
    return named & set(invoices)
