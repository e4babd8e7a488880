"""Letters that did not go out stand under "Alerts are not sent"."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from billing.modes import Mode
from dunning.letters.diagnosis import why_not_written
from integrations.diagnostics import diagnose
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction
from tests.factories import WorkspaceFactory
from tests.factories_letters import LetterFactory

pytestmark = pytest.mark.django_db


def test_held_and_failed_letters_are_told_by_reason(workspace: Workspace) -> None:
    now = timezone.now()
    for _ in range(2):
        LetterFactory(workspace=workspace, state="held", reason="Letters to customers were not answered yet")
    LetterFactory(workspace=workspace, state="failed", answer="550 no such user", created_at=now - timedelta(days=1))
    LetterFactory(workspace=workspace, state="failed", answer="550 long ago", created_at=now - timedelta(days=8))
    for state in ("sent", "skipped", "waiting"):
        LetterFactory(workspace=workspace, state=state, reason="not told")
    LetterFactory(workspace=workspace, mode=Mode.LIVE, state="held", reason="another mode")
    LetterFactory(workspace=WorkspaceFactory(), state="held", reason="another workspace")
    with scoped_transaction(workspace):
        found = [finding.text for finding in why_not_written(workspace.pk, Mode.TEST, now)]
        asked = {q.name: q.verdict for q in diagnose(workspace, Mode.TEST, now).questions}
    assert found == [
        "1 letter to customers failed in 7 days: 550 no such user.",
        "2 letters to customers are held: Letters to customers were not answered yet.",
    ]
    assert set(found) <= {finding.text for finding in asked["messages"].findings}
    with scoped_transaction(workspace):
        assert [f.text for f in why_not_written(workspace.pk, Mode.LIVE, now)] == [
            "1 letter to customers is held: another mode."
        ]
