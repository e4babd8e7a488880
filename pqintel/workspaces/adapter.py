"""What allauth asks of us."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.contrib.sites.shortcuts import get_current_site
from django.db import transaction

from .second_factors import seal_text, unseal_text


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

    def encrypt(self, text: str) -> str:
        return seal_text(text)

    def decrypt(self, encrypted_text: str) -> str:
        return unseal_text(encrypted_text)
