"""Mails: a subject of one line, a text and an HTML part each; names are as they are in text, escaped in HTML."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.template.loader import render_to_string

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
WORDS: dict[str, Any] = {
    "invitation": SimpleNamespace(
        workspace=SimpleNamespace(name="Nuts & <Bolts>"),
        invited_by="Ada O'Brien",
        role_label="Member",
        expires_at=datetime(2026, 1, 19, 12, tzinfo=UTC),
    ),
    "workspace": SimpleNamespace(name="Nuts & <Bolts>"),
    "channel": SimpleNamespace(
        name="Ops & <alerts>",
        created_by="o'brien@example.com",
        get_kind_display="Slack bot",
        reason="Slack: The channel is archived. (is_archived)",
    ),
    "subject": "Warning: 2 payments of O'Brien & <Sons> failed · Nuts & <Bolts>",
    "sender": SimpleNamespace(changed_by="o'brien@example.com"),
    "message": SimpleNamespace(
        heading="Warning: 2 payments of O'Brien & <Sons> failed",
        lines=("49.00 & 12.00 USD",),
        fields=(("Customer", "O'Brien & <Sons>"),),
        link=SimpleNamespace(label="See the customer"),
        origin="Nuts & <Bolts>",
    ),
    "confirm_url": "https://pq.example.com/w/nuts/settings/integrations/channels/confirm/token/?a=1&b=2",
    "channel_url": "https://pq.example.com/w/nuts/settings/integrations/channels/3/",
    "link_url": "https://pq.example.com/w/nuts/live/customers/cus_1/?a=1&b=2",
    "accept_url": "https://pq.example.com/w/nuts/join/token/?a=1&b=2",
    "activate_url": "https://pq.example.com/accounts/confirm-email/key/",
    "password_reset_url": "https://pq.example.com/accounts/password/reset/key/1-x/",
    "signup_url": "https://pq.example.com/accounts/signup/",
    "email": "o'brien@example.com",
    "from_email": "old@example.com",
    "to_email": "new@example.com",
    "deleted_email": "old@example.com",
    "timestamp": "2026-01-12",
    "ip": "192.0.2.7",
    "user_agent": "A browser & more",
}
MAILS = sorted(
    str(path.relative_to(TEMPLATES)).removesuffix("_message.html") for path in TEMPLATES.rglob("?*_message.html")
)


def test_there_are_mails_for_invitations_accounts_and_two_factor() -> None:
    assert {name.rpartition("/")[0] for name in MAILS} == {"emails", "account/email", "mfa/email"}


@pytest.mark.parametrize("mail", MAILS)
def test_mail_is_complete(mail: str) -> None:
    subject, text, html = (
        render_to_string(f"{mail}_{part}", WORDS).strip() for part in ("subject.txt", "message.txt", "message.html")
    )
    assert subject
    assert "\n" not in subject
    assert text.rpartition("\n\n")[2].startswith("PQ Intel")
    assert "&amp;" not in text
    assert "&#x27;" not in text
    assert html.startswith("<!DOCTYPE html>")
    assert "<script" not in html
    links = {url for name, url in WORDS.items() if name.endswith("_url")}
    assert {url for url in links if url in text} == {url for url in links if url.replace("&", "&amp;") in html}


def test_an_invitation_names_workspace_and_sender_in_full() -> None:
    assert render_to_string("emails/invitation_subject.txt", WORDS).strip() == (
        "Ada O'Brien invites you to Nuts & <Bolts>"
    )
    html = render_to_string("emails/invitation_message.html", WORDS)
    assert "<strong>Nuts &amp; &lt;Bolts&gt;</strong>" in html
    assert "19 January 2026" in html
