"""`manage.py diagnose SLUG --mode test|live [--json]`."""

from __future__ import annotations

import json
from typing import Any

from django.utils import timezone

from billing.management.place import PlaceCommand
from integrations.diagnostics import Diagnosis, diagnose
from pqintel.workspaces.tenancy import scoped_transaction

_TONES = {"ok": "all right", "look": "look here", "unknown": "cannot be known yet"}


class Command(PlaceCommand):
    help = (
        "Answers the usual questions about a workspace: why events, invoices or alerts are missing, why signatures "
        "fail; with evidence and what to do. Asks nobody outside. Exit 0, whatever is found."
    )

    def handle(self, *_: Any, **options: Any) -> None:
        workspace, mode = self.place(options)
        with scoped_transaction(workspace):
            diagnosis = diagnose(workspace, mode, timezone.now())
        if options["json"]:
            self.stdout.write(json.dumps(_document(diagnosis), indent=2, ensure_ascii=False))
            return
        for question in diagnosis.questions:
            self.stdout.write(f"{question.title}: {_TONES[question.verdict.tone]}")
            for finding in question.verdict.findings:
                self.stdout.write(f"  - {finding.text}")
                if finding.remedy:
                    self.stdout.write(f"    {finding.remedy}")


def _document(diagnosis: Diagnosis) -> dict[str, Any]:
    return {
        question.name: {
            "question": question.title,
            "answer": str(question.verdict.tone),
            "findings": [
                {"tone": str(finding.tone), "text": finding.text, "remedy": finding.remedy}
                for finding in question.verdict.findings
            ],
        }
        for question in diagnosis.questions
    }
