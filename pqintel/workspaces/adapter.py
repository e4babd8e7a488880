"""What allauth asks of us."""

from __future__ import annotations

import base64
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.contrib.sites.shortcuts import get_current_site
from django.db import transaction

from pqintel.vault import seal, unseal
from pqintel.vault.cipher import Ring, ring


class AccountAdapter(DefaultAccountAdapter):
    """How account mails are sent; the rest is allauth's."""

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Render now, send when the transaction is over: no mail server is waited for while rows are locked.

        A mail that cannot be sent is logged, not raised: what it was about is done, and each page offers to send again.
        """
        words = {"request": self.request, "email": email, "current_site": get_current_site(self.request), **context}
        mail = self.render_mail(template_prefix, email, words)
        transaction.on_commit(mail.send, robust=True)


class MFAAdapter(DefaultMFAAdapter):
    """Keeps the secrets of authenticator apps and recovery codes sealed."""

    PLACE = ("mfa_authenticator", "data")

    def encrypt(self, text: str) -> str:
        return base64.b64encode(seal(text.encode(), *self.PLACE)).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(base64.b64decode(encrypted_text), *self.PLACE).decode()

    def reseal(self, authenticator: Authenticator) -> bool:
        """Seal the secrets of a row under the active key where they are not; saves. True if it changed something."""
        changed = False
        for name, value in authenticator.data.items():
            if name in ("secret", "seed") and Ring.key_id(base64.b64decode(value)) != ring().active:
                authenticator.data[name] = self.encrypt(self.decrypt(value))
                changed = True
        if changed:
            authenticator.save(update_fields=["data"])
        return changed
