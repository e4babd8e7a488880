"""The signed test event: through the public URL like one of Stripe's, then through the inbox to a worker."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import httpx
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from integrations.models import InboxEvent, InboxState
from integrations.stripe.readonly import is_loopback
from integrations.stripe.selftest import build_event, selftest_secret
from integrations.stripe.signature import sign

from .candidate import Candidate
from .run import Outcome, Run, State

TIMEOUT: Final = httpx.Timeout(15.0, connect=5.0)
WAIT_SECONDS: Final = 20.0
"""How long a worker may take before the check says that there is none."""

LOOK_SECONDS: Final = 1.0
"""How long one step looks, before it says that the check is still running."""

_PAUSE: Final = 0.05
_PROXY: Final = "Look at the proxy in front of PQ Intel: POST to /webhooks/ must reach it unchanged, without a login."


def check_delivery(candidate: Candidate, _: Run) -> Outcome:
    """Send a test event as Stripe would: POST, signed, no redirect followed."""
    now = timezone.now()
    event_id, body = build_event(candidate.connection, now)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Stripe-Signature": sign(body, selftest_secret(candidate.id), int(now.timestamp())),
        "User-Agent": "PQ-Intel-Test-Event/1",
    }
    began = time.monotonic()
    trust_env = not is_loopback(urlsplit(candidate.webhook_url).hostname)
    try:
        with httpx.Client(timeout=TIMEOUT, trust_env=trust_env, follow_redirects=False) as http:
            answer = http.post(candidate.webhook_url, content=body, headers=headers)
    except httpx.HTTPError as error:
        return _no_answer(error)
    took = time.monotonic() - began
    if not answer.is_success:
        return _refused(answer.status_code, answer.headers)
    if _state(candidate, event_id) is None:
        return Outcome(
            State.FAILED,
            f"{_host()} answered {answer.status_code}, but the test event did not arrive: something else answers.",
            "PQ_BASE_URL has to be the address of this installation and this database.",
        )
    return Outcome(
        State.OK,
        f"Answered {answer.status_code} in {took * 1000:.0f} ms.",
        notes={"event_id": event_id, "sent_at": now.timestamp()},
    )


def check_processed(candidate: Candidate, run: Run) -> Outcome:
    """Look for a second whether a worker has processed the test event; `running` until it has, or 20 s are over."""
    event_id = run.notes.get("event_id")
    if event_id is None:
        return Outcome(State.UNKNOWN, "There was nothing to process, because the test event did not arrive.")
    until = time.monotonic() + LOOK_SECONDS
    while (state := _state(candidate, event_id)) == InboxState.PENDING and time.monotonic() < until:
        time.sleep(_PAUSE)
    waited = timezone.now().timestamp() - run.notes["sent_at"]
    if state in (InboxState.DONE, InboxState.IGNORED):
        return Outcome(State.OK, f"A worker processed it within {max(waited, 0.1):.1f} s.")
    if state == InboxState.PENDING and waited < WAIT_SECONDS:
        return Outcome(State.RUNNING, f"Waiting for a worker, {waited:.0f} s so far.")
    if state == InboxState.PENDING:
        return Outcome(
            State.FAILED,
            f"The test event arrived, but no worker has taken it within {WAIT_SECONDS:.0f} s.",
            "Start a worker: celery -A pqintel worker. If one runs, look whether it reaches Redis and the database.",
        )
    return Outcome(
        State.FAILED,
        "A worker took the test event, but did not process it.",
        "Look at the worker's log; then verify again.",
    )


def _state(candidate: Candidate, event_id: str) -> str | None:
    with transaction.atomic():
        rows = InboxEvent.objects.filter(mode=candidate.mode, event_id=event_id)
        return rows.values_list("state", flat=True).first()


def _host() -> str:
    """The public address without the secret part of the path."""
    return str(settings.PQ_BASE_URL)


def _no_answer(error: httpx.HTTPError) -> Outcome:
    text = _chain(error)
    if isinstance(error, httpx.ConnectTimeout):
        detail, remedy = "does not answer: the connection timed out", "Look at the firewall and the DNS record."
    elif isinstance(error, httpx.TimeoutException):
        detail, remedy = "took longer than 15 s to answer", "Look at the load of the web server: Stripe gives up too."
    elif "certificate" in text.lower():
        detail, remedy = "has no valid certificate", "Install a certificate for this host from a public authority."
    elif "ssl" in text.lower() or "tls" in text.lower():
        detail, remedy = "does not speak TLS as Stripe does", "Let the proxy offer TLS 1.2 or 1.3 on this address."
    elif "name or service" in text.lower() or "getaddrinfo" in text.lower() or "nodename" in text.lower():
        detail, remedy = "has no address: its name is not in the DNS", "Correct PQ_BASE_URL, or add the DNS record."
    elif "refused" in text.lower():
        detail, remedy = "refuses connections", "Nothing listens there: start the web server, or correct PQ_BASE_URL."
    else:
        detail, remedy = "could not be reached, or hung up", f"Correct PQ_BASE_URL, or {_PROXY[0].lower()}{_PROXY[1:]}"
    return Outcome(State.FAILED, f"{_host()} {detail}.", remedy)


def _refused(status: int, headers: Mapping[str, str]) -> Outcome:
    if 300 <= status < 400:
        target = urlsplit(headers.get("location", ""))
        where = f" to {target.scheme}://{target.netloc}" if target.netloc else ""
        detail = f"redirects{where} ({status}). Stripe does not follow redirects; a redirect is a failed delivery"
        remedy = "Set PQ_BASE_URL to the final address (https, www or not), or take the redirect out of the proxy."
    elif status in (401, 403):
        detail = f"asks for a login or blocks the request ({status}). PQ Intel never does that here"
        remedy = _PROXY
    elif status in (404, 405):
        detail = f"does not know the path ({status}): the request did not reach PQ Intel"
        remedy = _PROXY
    elif status == 400:
        detail = "did not accept the signature (400): the body was changed on the way, or other keys are in use there"
        remedy = "The proxy must pass the body on byte by byte, and every web server needs the same PQ_KEYS."
    elif status == 413:
        detail, remedy = "finds the request too large (413)", "Let the proxy accept bodies of up to 2 MiB."
    elif status in (502, 504):
        detail = f"answers for a web server that is down or slow ({status})"
        remedy = "Start PQ Intel's web server, or point the proxy at it."
    elif status == 503:
        detail, remedy = "cannot store events now (503)", "Look at /readyz: the database or the keys are not available."
    else:
        detail, remedy = f"answered {status}", _PROXY
    return Outcome(State.FAILED, f"{_host()} {detail}.", remedy)


def _chain(error: BaseException) -> str:
    """The texts of an error and its causes, for telling them apart; never shown."""
    texts: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        texts.append(f"{type(cause).__name__} {cause}")
        cause = cause.__cause__ or cause.__context__
    return " ".join(texts)
