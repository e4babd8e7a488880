"""Slack, Telegram and email: channels, the outbox of deliveries to them, and how they are sent.

The only room that speaks to them. Whoever decides that something is to be said calls `deliver` in the transaction that
decides it; everything after that is this room's affair.
"""

from .message import Link, Message, Severity
from .outbox import Post, deliver, deliver_all

__all__ = ["Link", "Message", "Post", "Severity", "deliver", "deliver_all"]
