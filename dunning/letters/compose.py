"""A letter as a mail: who it is from and goes to, its text, its HTML, its headers."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import formataddr, parseaddr
from typing import Any, Final

from django.conf import settings
from django.core import signing
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse

from billing.modes import Mode
from dunning.models import Letter, Sender
from pqintel.workspaces.models import Membership
from pqintel.workspaces.roles import Role

from .kinds import LABELS, OPTIONAL
from .outbox import name_of
from .wording import LONGEST_SUBJECT, Wording, fill, one_line

_SALT: Final = "dunning.letters: an address wants no more letters"


@dataclass(frozen=True, slots=True)
class Mail:
    """What goes out: the letter, `heading` above it, and below it where to unsubscribe ("": there is no need).

    `heading` is there on copies alone, which go to the workspace's own people.
    """

    sender: str
    reply_to: str
    to: tuple[str, ...]
    subject: str
    heading: str
    wording: Wording
    unsubscribe_url: str

    def document(self) -> dict[str, Any]:
        """As JSON, to be kept with the letter; without the link to unsubscribe, which works for whoever has it."""
        return {
            "from": self.sender,
            "reply_to": self.reply_to,
            "to": list(self.to),
            "subject": self.subject,
            "heading": self.heading,
            "text": self.wording.text,
        }


@dataclass(frozen=True, slots=True)
class Identity:
    """Who letters of a workspace are from."""

    name: str
    address: str
    reply_to: str

    @property
    def header(self) -> str:
        return formataddr((one_line(self.name), self.address))


def identity_of(workspace_id: int) -> Identity:
    """The workspace's own address once it is verified, else ours; always under its name. Must run in scope.

    Letters invite answers: as long as they come from us and nobody said where answers go, the first owner gets them.
    """
    row = Sender.objects.filter(workspace_id=workspace_id).first() or Sender()
    own = row.address if row.verified_at else ""
    ours = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    answers = row.reply_to or ("" if own else next(iter(owners_of(workspace_id)), ""))
    return Identity(row.name or name_of(workspace_id), own or ours, answers)


def owners_of(workspace_id: int) -> tuple[str, ...]:
    """The addresses of the workspace's owners: letters of test mode go there. One query."""
    rows = Membership.objects.filter(workspace_id=workspace_id, role=Role.OWNER, user__is_active=True)
    return tuple(rows.order_by("joined_at", "pk").values_list("user__email", flat=True))


def compose(letter: Letter, trial_for: str | None = None) -> Mail:
    """A letter as the mail that would go out now. Four queries at most. Must run in scope.

    Test mode writes to the workspace's owners and says so above the letter. `trial_for`: it is tried out by them. In
    such copies the link to unsubscribe is there to be looked at, and mail programs are told of none.
    """
    wording, identity = (
        fill(letter.subject, letter.body, letter.facts, letter.payment_url, letter.pages),
        identity_of(letter.workspace_id),
    )
    to: tuple[str, ...] = (letter.to,)
    heading = prefix = ""
    if trial_for is not None:
        to, prefix = (trial_for,), "[Trial] "
        heading = f"A trial of the letter “{LABELS[letter.kind]}”. No customer has received it."
    elif letter.mode == Mode.TEST:
        to, prefix = owners_of(letter.workspace_id), "[Test mode] "
        heading = f"Test mode: in live mode, this letter would have gone to {letter.to}."
    url = unsubscribe_url(letter, of_copy=bool(heading)) if letter.kind in OPTIONAL else ""
    subject = f"{prefix}{wording.subject}"[:LONGEST_SUBJECT]
    return Mail(identity.header, identity.reply_to, to, subject, heading, wording, url)


def message_of(mail: Mail, name: str, message_id: str) -> EmailMultiAlternatives:
    """The mail itself: plain text and HTML, and the headers by which mail programs unsubscribe (RFC 8058).

    `name` is the workspace's, above its HTML.
    """
    headers = {"Message-ID": message_id, "Auto-Submitted": "auto-generated"}
    if mail.unsubscribe_url and not mail.heading:
        headers["List-Unsubscribe"] = f"<{mail.unsubscribe_url}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    words = {"mail": mail, "name": name}
    message = EmailMultiAlternatives(
        mail.subject,
        render_to_string("emails/letter_body.txt", words).strip() + "\n",
        from_email=mail.sender,
        to=list(mail.to),
        reply_to=[mail.reply_to] if mail.reply_to else None,
        headers=headers,
    )
    message.attach_alternative(render_to_string("emails/letter_body.html", words), "text/html")
    return message


# Unsubscribing -------------------------------------------------------------------------------------------------------


def unsubscribe_url(letter: Letter, *, of_copy: bool = False) -> str:
    """Where the customer of a letter says that they want no more of such. Signed, and good for as long as our key.

    Args:
        of_copy: the letter goes to the workspace's own people, who cannot say so: the page tells what it would be.
    """
    address = "" if of_copy else letter.to.lower()
    token = signing.dumps([letter.workspace_id, str(letter.mode), address], salt=_SALT, compress=True)
    return f"{settings.PQ_BASE_URL}{reverse('letters:unsubscribe', args=[token])}"


def unsubscriber(token: str) -> tuple[int, Mode, str] | None:
    """The workspace id, mode and address that a link is about; None where it is none of ours.

    The address is "" where the letter was a copy for the workspace's own people, as all of test mode are.
    """
    try:
        workspace_id, mode, address = signing.loads(token, salt=_SALT)
    except signing.BadSignature:
        return None
    return int(workspace_id), Mode(mode), "" if mode == Mode.TEST else str(address)
