"""Email to one confirmed address, through Django's mail settings."""

from __future__ import annotations

import smtplib
from typing import Any

from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.template.loader import render_to_string

from pqintel.queue import Outsider

from ..message import Message
from .fitting import fit, units
from .outcomes import Outcome, Passing, Permanent, Sent

LONGEST_SUBJECT = 200


class Email:
    """A mail with a text and an HTML part."""

    outsider = Outsider.MAIL

    def pace_of(self, target: str) -> float:
        return 0.0

    def render(self, message: Message) -> dict[str, Any]:
        words = {
            "message": message,
            "subject": _subject(message),
            "link_url": message.link.url if message.link else "",
        }
        return {
            "subject": render_to_string("emails/delivery_subject.txt", words).strip(),
            "text": render_to_string("emails/delivery_message.txt", words).strip() + "\n",
            "html": render_to_string("emails/delivery_message.html", words),
        }

    def send(self, secret: str, target: str, payload: dict[str, Any]) -> Outcome:
        """Hand it to the mail server. What the server says of the address breaks the channel, nothing else does."""
        if len(target.split()) != 1:
            return Permanent("This is not an address.")
        headers = {"Auto-Submitted": "auto-generated"}  # so that nobody's absence is answered to us
        mail = EmailMultiAlternatives(payload["subject"], payload["text"], to=[target], headers=headers)
        mail.attach_alternative(payload["html"], "text/html")
        return post(mail)


def _subject(message: Message) -> str:
    """The heading and whose it is, of which the heading is cut."""
    signature = fit(message.signature, LONGEST_SUBJECT // 2, str)
    return fit(message.heading, LONGEST_SUBJECT - units(signature), str) + signature


def post(mail: EmailMessage) -> Outcome:
    """Hand one mail to the mail server; what became of that. Waits as long as `EMAIL_TIMEOUT` allows; raises nothing
    that a mail server can cause. Call it outside a transaction.
    """
    try:
        mail.send()
    except smtplib.SMTPRecipientsRefused as refused:
        code, words = next(iter(refused.recipients.values()))
        said = f"The mail server: {code} {_text(words)}"
        return Permanent(said) if code >= 500 else Passing(said)
    except smtplib.SMTPDataError as refused:
        said = f"The mail server: {refused.smtp_code} {_text(refused.smtp_error)}"
        return Permanent(said, breaks=False) if refused.smtp_code >= 500 else Passing(said)
    except smtplib.SMTPServerDisconnected:
        return Passing("The mail server hung up.", may_have_arrived=True, server=True)
    except smtplib.SMTPException as trouble:  # who we are, not whom we write to
        return Passing(f"The mail server refuses us ({type(trouble).__name__}).", server=True)
    except TimeoutError:
        return Passing("The mail server did not answer in time.", may_have_arrived=True, server=True)
    except OSError:
        return Passing("The mail server cannot be reached.", server=True)
    except ValueError:  # an address or a header that no mail can have
        return Permanent("This cannot be made a mail.", breaks=False)
    return Sent("Accepted by the mail server.")


def _text(words: bytes | str) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return " ".join(text.split())[:200]
