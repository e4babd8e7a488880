"""The diagnostics page: evidence, gathered once, and the usual questions answered from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from billing.modes import Mode
from integrations.stripe import reconcile, recovery
from integrations.stripe.reconcile.report import ReconciliationStatus
from integrations.stripe.recovery import RecoveryStatus
from pqintel.workspaces.models import Workspace

from .evidence import Evidence, collect
from .findings import Verdict
from .messages import Messages, collect_messages, messages_arrive
from .verdicts import events_appear, invoices_agree, signatures_verify

__all__ = ["Diagnosis", "Evidence", "Question", "Verdict", "diagnose"]


@dataclass(frozen=True, slots=True)
class Question:
    """What people ask, and what is known about it. `name` is the id of its place on the page."""

    name: str
    title: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What the page shows."""

    evidence: Evidence
    messages: Messages
    questions: tuple[Question, ...]
    recovery: RecoveryStatus
    reconciliation: ReconciliationStatus


def diagnose(workspace: Workspace, mode: Mode, now: datetime) -> Diagnosis:
    """Gather evidence and answer the questions: under thirty queries, whatever there is. In a scoped transaction."""
    evidence = collect(workspace, mode, now)
    messages = collect_messages(workspace, mode, now)
    recovered = recovery.status(workspace.pk, mode)
    reconciliation = reconcile.status(workspace.pk, mode)
    questions = (
        Question("events", "Events do not appear", events_appear(evidence)),
        Question(
            "invoices",
            "Invoices are missing or different",
            invoices_agree(evidence, recovered, reconciliation.last),
        ),
        Question("messages", "Alerts are not sent", messages_arrive(messages)),
        Question("signatures", "Signatures fail", signatures_verify(evidence)),
    )
    return Diagnosis(evidence, messages, questions, recovered, reconciliation)
