"""The URLs of allauth's pages, set up for how they work."""

from __future__ import annotations

from collections.abc import Iterable

from allauth import urls
from django.db import transaction
from django.urls import URLPattern, URLResolver


def account_urls() -> list[URLPattern | URLResolver]:
    """allauth's URLs; its views run outside ATOMIC_REQUESTS.

    allauth opens transactions where it needs them. Its rate limits must not be in one: they have to count what failed
    and was rolled back, and their locks must not be held while a password is hashed, or a handful of tries from one
    address would occupy every thread of the server.
    """
    for pattern in _pages(urls.urlpatterns):
        transaction.non_atomic_requests(pattern.callback)
    return list(urls.urlpatterns)


def _pages(patterns: Iterable[URLPattern | URLResolver]) -> Iterable[URLPattern]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _pages(pattern.url_patterns)
        else:
            yield pattern
