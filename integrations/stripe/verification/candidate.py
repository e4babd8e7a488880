"""What a check gets to see: read from the database before it, so that no transaction is open while it asks Stripe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from django.db import transaction

from billing.modes import Mode
from integrations.models import Connection
from integrations.stripe import connections
from pqintel.vault import Secret

from .run import Subject


@dataclass(frozen=True, slots=True)
class Candidate:
    """The credentials under verification, and the connection around them."""

    connection: Connection = field(repr=False)
    secrets: Mapping[str, Secret | None]
    webhook_url: str = field(repr=False)
    other_webhook_url: str | None = field(repr=False)

    @classmethod
    def of(cls, connection: Connection, subject: Subject = Subject.DRAFT) -> Candidate:
        """Read the connection anew: its drafts before its working values, or only these. Needs the workspace's scope.

        Raises SealError.
        """
        with transaction.atomic():
            row = Connection.objects.get(pk=connection.pk)
            other = Connection.objects.filter(workspace_id=row.workspace_id).exclude(pk=row.pk).first()
        return cls(
            connection=row,
            secrets=connections.candidates(row) if subject is Subject.DRAFT else connections.working(row),
            webhook_url=connections.webhook_url(row),
            other_webhook_url=connections.webhook_url(other) if other is not None else None,
        )

    @property
    def mode(self) -> Mode:
        return Mode(self.connection.mode)

    @property
    def id(self) -> UUID:
        return self.connection.pk

    @property
    def key(self) -> Secret:
        """The secret or restricted key; empty when there is none."""
        return self.secrets["secret_key"] or Secret("")

    def revealed(self) -> dict[str, str | None]:
        """The plain values, for judging their form; never to be kept."""
        return {name: secret.reveal() if secret else None for name, secret in self.secrets.items()}
