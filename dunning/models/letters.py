"""Letters to customers: every one that was to go out, the workspace's own texts, and what decides whether they go."""

from __future__ import annotations

from django.db import models
from django.db.models import F
from django.utils import timezone

from billing.models.base import BillingModel
from pqintel.workspaces.tenancy import TenantModel


class LetterKind(models.TextChoices):
    """What a letter is about. `PAYMENT_FAILED` goes out at once: only the customer can help."""

    PAYMENT_FAILED = "payment_failed", "Payment failed"
    REMINDER_1 = "reminder_1", "First reminder"
    REMINDER_2 = "reminder_2", "Second reminder"
    FINAL_WARNING = "final_warning", "Final warning"
    ACCESS_REDUCED = "access_reduced", "Access reduced"
    RECOVERED = "recovered", "Payment received"
    CARD_EXPIRING = "card_expiring", "Card expires soon"
    WELCOME = "welcome", "Welcome"
    GOODBYE = "goodbye", "Subscription ended"
    ONBOARDING = "onboarding", "First steps"
    ONBOARDING_FOLLOWUP = "onboarding_followup", "Checkout without a subscription"


class LetterState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    SENT = "sent", "Sent"
    FAILED = "failed", "Failed"
    HELD = "held", "Held"
    SKIPPED = "skipped", "Skipped"


class Letter(BillingModel):
    """One letter to one customer, decided once: `dedupe_key` is unique in a workspace's mode.

    `subject` and `body` are the text as it was when the letter was decided, with its placeholders; `facts` are their
    values. `invoices` (Stripe's ids) are what it asks to be paid: they are looked at again before it is sent; `pages`
    are where each of several is paid (what for, URL); the last may stand for all others, without one. `to` is the
    customer's address, read again before it is sent; of a trial, which is about no customer (`customer` is empty),
    whoever asked for it.

    `claimed_at` is set and committed before the letter is sent, and taken away with its outcome: where it is still set
    later, the sender died in between, and what is sent again may be there already (`possible_duplicate`), once.
    `mail` is what was handed to the mail server last: `from`, `reply_to`, `to`, `subject`, `text`. It is sent under the
    same `message_id` every time. Not before `next_attempt_at`; `give_up_at` ends the tries; `settled_at` is when it was
    sent, failed or skipped. Since `forgotten_at` it is not known any more what it said and to which address it went.
    """

    kind = models.CharField(max_length=20, choices=LetterKind)
    customer = models.TextField()
    dedupe_key = models.TextField(db_collation="C")
    invoices = models.JSONField(default=list)
    subject = models.TextField()
    body = models.TextField()
    facts = models.JSONField(default=dict)
    payment_url = models.TextField(null=True)
    pages = models.JSONField(default=list)
    to = models.TextField(blank=True)
    state = models.CharField(max_length=7, choices=LetterState, default=LetterState.WAITING)
    reason = models.TextField(blank=True, default="")
    tries = models.IntegerField(default=0)
    created_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField()
    give_up_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    answer = models.TextField(blank=True, default="")
    possible_duplicate = models.BooleanField(default=False)
    lost_claims = models.SmallIntegerField(default=0, help_text="How many senders died while sending it.")
    message_id = models.TextField(blank=True, default="")
    mail = models.JSONField(null=True)
    forgotten_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("workspace", "mode", "dedupe_key"), name="letter_decided_once"),)
        indexes = (
            models.Index(
                fields=("workspace", "mode", "next_attempt_at", "id"),
                name="letter_waiting",
                condition=models.Q(state="waiting"),
            ),
            models.Index(fields=("workspace", "mode", "id"), name="letter_held", condition=models.Q(state="held")),
            models.Index(fields=("workspace", "mode", "-id"), name="letter_newest"),
            models.Index(
                fields=("workspace", "mode", "created_at"),
                name="letter_remembered",
                condition=models.Q(forgotten_at=None),
            ),
            models.Index("workspace", "mode", "customer", F("id").desc(), name="letter_of_customer"),
        )

    def __str__(self) -> str:
        return f"{self.dedupe_key} ({self.state})"


class LetterText(BillingModel):
    """A workspace's own text of a kind of letter, and whether it goes out. Without a row, ours and its default hold."""

    kind = models.CharField(max_length=20, choices=LetterKind)
    subject = models.TextField()
    body = models.TextField()
    enabled = models.BooleanField(default=True)
    changed_by = models.TextField(blank=True)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("workspace", "mode", "kind"), name="letter_text_unique"),)

    def __str__(self) -> str:
        return f"{self.kind} ({self.mode})"


class LetterPolicy(BillingModel):
    """The answer to "shall your customers get letters?". Without a row nobody has answered yet."""

    wanted = models.BooleanField()
    answered_by = models.TextField(blank=True)
    answered_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "letter policies"
        constraints = (models.UniqueConstraint(fields=("workspace", "mode"), name="letter_policy_unique"),)

    def __str__(self) -> str:
        return f"letters {'wanted' if self.wanted else 'not wanted'} ({self.mode})"


class Sender(TenantModel):
    """Who a workspace's letters are from, in both modes.

    `address` sends them once `verified_at` is set, which a mailed link does; until then, and without one, PQ Intel's
    own address does, under this name. A link is mailed once a minute at most (`link_mailed_at`).
    """

    name = models.CharField(max_length=80, blank=True)
    address = models.CharField(max_length=254, blank=True)
    verified_at = models.DateTimeField(null=True)
    reply_to = models.CharField(max_length=254, blank=True)
    link_mailed_at = models.DateTimeField(null=True)
    links_today = models.SmallIntegerField(default=0, help_text="Mailed within a day of the first of them.")
    links_since = models.DateTimeField(null=True)
    changed_by = models.TextField(blank=True)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("workspace",), name="letter_sender_unique"),)

    def __str__(self) -> str:
        return self.address or self.name


class Unsubscribed(BillingModel):
    """An address, in small letters, that wants no letters but those about a payment that it owes."""

    address = models.CharField(max_length=254)
    at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "unsubscribed"
        constraints = (
            models.UniqueConstraint(fields=("workspace", "mode", "address"), name="letter_unsubscribed_unique"),
        )

    def __str__(self) -> str:
        return self.address
