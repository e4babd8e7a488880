"""Addresses that came in payloads, before anybody is sent to one."""

from __future__ import annotations

from urllib.parse import urlsplit


def payment_page(url: str | None) -> str | None:
    """The address of Stripe's page of an invoice where it may be a link, else None.

    Any host will do, because such pages may be on a domain of the account's own; but only https, without a user's name
    before the host (which looks like another host), and of printable ASCII alone.
    """
    if not url or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        return None
    return url if named and parts.scheme == "https" else None
