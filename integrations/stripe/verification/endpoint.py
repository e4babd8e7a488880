"""The check of the endpoint as it is registered at Stripe: URL, enabled, events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings

from billing.modes import Mode
from integrations.stripe.client import Json, PermissionMissing, ReadFailed, StripeReader
from integrations.stripe.events_wanted import (
    REQUIRED_EVENTS,
    WITHOUT_RECOMMENDED,
    missing_recommended,
    missing_required,
)
from integrations.stripe.readonly import is_loopback

from .candidate import Candidate
from .keys import RETRIES, read_failure
from .run import Outcome, Run, State

WHERE: Final = "At Stripe, Developers › Webhooks,"
_PORTS: Final = {"http": 80, "https": 443}


def check_endpoint(candidate: Candidate, run: Run) -> Outcome:
    if not run.passed("key"):
        return Outcome(State.UNKNOWN, "Not asked, because Stripe did not accept the key.")
    try:
        with StripeReader(candidate.key, max_retries=RETRIES) as stripe:
            endpoints = stripe.webhook_endpoints()
    except PermissionMissing:
        return Outcome(
            State.UNKNOWN,
            "The key may not read webhook endpoints, so what is registered cannot be looked at.",
            "Give the key Webhook endpoints: Read to have it checked. Deliveries work without.",
        )
    except ReadFailed as failure:
        return read_failure(failure)
    return judge(candidate, endpoints)


def judge(candidate: Candidate, endpoints: Sequence[Json]) -> Outcome:
    """Say what is wrong with the endpoints that Stripe has registered in this mode, the worst first."""
    ours = [endpoint for endpoint in endpoints if same_url(str(endpoint.get("url")), candidate.webhook_url)]
    if not ours:
        return _not_registered(candidate, endpoints)
    right = [endpoint for endpoint in ours if bool(endpoint.get("livemode")) is (candidate.mode is Mode.LIVE)]
    if not right:
        return Outcome(
            State.FAILED,
            f"The endpoint with this URL is not a {candidate.mode} mode endpoint.",
            f"Switch Stripe's Dashboard to {candidate.mode} mode and register the URL there.",
        )
    enabled = [endpoint for endpoint in right if endpoint.get("status") == "enabled"]
    if not enabled:
        return Outcome(
            State.FAILED, "The endpoint is registered, but disabled.", f"{WHERE} open the endpoint and enable it."
        )
    return _events(enabled)


def same_url(one: str, other: str) -> bool:
    """Whether two URLs are the same endpoint: with or without the final slash, default ports and case aside."""
    return _address(one) == _address(other)


def _events(enabled: Sequence[Json]) -> Outcome:
    selected = {event for endpoint in enabled for event in endpoint.get("enabled_events") or ()}
    if missing := missing_required(selected):
        without = "; ".join(f"{event}: {REQUIRED_EVENTS[event]}" for event in missing)
        return Outcome(
            State.FAILED,
            f"{len(missing)} of the {len(REQUIRED_EVENTS)} required events not selected. Without them: {without}.",
            f"{WHERE} open the endpoint, edit its events and add: {', '.join(missing)}.",
        )
    if len(enabled) > 1:
        return Outcome(
            State.WARNING,
            f"{len(enabled)} endpoints have this URL. Each signs with a secret of its own; one is stored here, and the "
            "deliveries of the others are refused.",
            f"{WHERE} delete all but the one whose signing secret is stored here.",
        )
    if wanted := missing_recommended(selected):
        without = "; ".join(f"{wildcard}: {WITHOUT_RECOMMENDED[wildcard]}" for wildcard in wanted)
        return Outcome(
            State.WARNING,
            f"The {len(REQUIRED_EVENTS)} required events are selected. Recommended as well: {without}.",
            f"{WHERE} edit the endpoint's events and add all of {', '.join(wanted)}.",
        )
    return Outcome(State.OK, "The URL is registered, enabled, and selects what is needed.")


def _not_registered(candidate: Candidate, endpoints: Sequence[Json]) -> Outcome:
    mode, other = candidate.mode, Mode.TEST if candidate.mode is Mode.LIVE else Mode.LIVE
    register = f"{WHERE} in {mode} mode, set the endpoint's URL to the one shown here."
    urls = [str(endpoint.get("url")) for endpoint in endpoints]
    if candidate.other_webhook_url and any(same_url(url, candidate.other_webhook_url) for url in urls):
        return Outcome(
            State.FAILED, f"In {mode} mode, Stripe has the URL of the {other} mode connection registered.", register
        )
    if not _stripe_reaches(candidate.webhook_url):
        return Outcome(
            State.WARNING,
            "Stripe cannot deliver to this machine: its URL is local. No endpoint has it, as was to be expected.",
            "Forward deliveries with `stripe listen --forward-to` and the webhook URL, and store the whsec_… that it "
            "prints. For a server, set PQ_BASE_URL to its public https:// URL.",
        )
    here = urlsplit(candidate.webhook_url)
    if any(urlsplit(url).path.rstrip("/") == here.path.rstrip("/") for url in urls):
        return Outcome(
            State.FAILED,
            f"The endpoint at Stripe has another scheme or host than {here.scheme}://{here.netloc}.",
            f"{register} If that address is the right one, set PQ_BASE_URL to it.",
        )
    if any(urlsplit(url).netloc == here.netloc for url in urls):
        return Outcome(
            State.FAILED,
            f"An endpoint at Stripe leads to {here.netloc}, but its URL is not that of this connection.",
            f"{register} Copy it with the button: every character counts.",
        )
    if not urls:
        return Outcome(State.FAILED, f"No webhook endpoint is registered at Stripe in {mode} mode.", register)
    hosts = ", ".join(sorted({urlsplit(url).netloc.rpartition("@")[2] or "?" for url in urls}))
    return Outcome(
        State.FAILED, f"None of the endpoints at Stripe has this connection's URL; they lead to {hosts}.", register
    )


def _stripe_reaches(url: str) -> bool:
    """False for a local URL, unless Stripe is played by something on this machine too."""
    return not is_loopback(urlsplit(url).hostname) or is_loopback(urlsplit(settings.STRIPE_API_BASE).hostname)


def _address(url: str) -> tuple[str, str, int | None, str, str]:
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return ("", "", None, url, "")
    return (parts.scheme, (parts.hostname or ""), port, parts.path.rstrip("/"), parts.query)
