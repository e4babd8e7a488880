"""The read API, without the wire: a request's method, target and headers in, an answer out."""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from pqintel.simulator.account import Account
from pqintel.simulator.events import SimEvent
from pqintel.simulator.render import NEWEST, Family, family_of, render_event, render_object
from pqintel.simulator.render.checkout import render_line_items
from pqintel.simulator.render.customer import render_deleted_customer
from pqintel.simulator.render.invoice import render_lines
from pqintel.simulator.render.shape import Json
from pqintel.simulator.render.subscription import render_items
from pqintel.simulator.server import refusals
from pqintel.simulator.server.endpoints import WebhookEndpoint
from pqintel.simulator.server.events import EventLog
from pqintel.simulator.server.expansion import Expansion
from pqintel.simulator.server.faults import Faults
from pqintel.simulator.server.keys import ApiKey, KeyRing
from pqintel.simulator.server.listing import listed, page
from pqintel.simulator.server.params import Params
from pqintel.simulator.server.refusals import Refusal
from pqintel.simulator.server.resources import RESOURCES, Resource

_BY_PATH = {resource.path: resource for resource in RESOURCES}


class Headers(Protocol):
    """What is asked of a request's headers; `get` ignores case."""

    def get(self, name: str, /) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer ready for the wire."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class _Request:
    """One authenticated request on its way to its object."""

    key: ApiKey
    path: str
    params: Params
    family: Family
    expand: list[str]


class Api:
    """The Stripe API of one account, GET only.

    Args:
        account: read under its lock; its clock is the API's clock, the `Date` header included.
        keys: who may read what.
        family: in which shape to answer when no `Stripe-Version` is asked for.
        endpoints: gives the registered webhook endpoints, oldest first.
        faults: bad weather on demand.
        delivered: tells of an event whether it was delivered to every endpoint; by default everything was.
    """

    def __init__(
        self,
        account: Account,
        keys: KeyRing,
        *,
        family: Family = NEWEST,
        endpoints: Callable[[], Iterable[WebhookEndpoint]] = tuple,
        faults: Faults | None = None,
        delivered: Callable[[SimEvent], bool] | None = None,
    ) -> None:
        self.account = account
        self.keys = keys
        self.family = family
        self._endpoints = endpoints
        self.faults = faults or Faults()
        self._events = EventLog(account, delivered or (lambda _: True))

    def answer(self, method: str, target: str, headers: Headers) -> Reply:
        """Answer one request. Never raises for what a client can do wrong."""
        version = self.family.version
        try:
            if method != "GET":
                raise refusals.read_only(method)
            key = self.keys.authenticate(headers.get("Authorization"))
            family = self._family(headers.get("Stripe-Version"))
            version = family.version
            self._refuse_foreign(key, headers.get("Stripe-Account"))
            parts = urlsplit(target)
            params = Params(parts.query)
            request = _Request(key, unquote(parts.path).rstrip("/"), params, family, params.many("expand"))
            body = self._read(request)
            return self._reply(200, body, version, {})
        except Refusal as refusal:
            return self._reply(refusal.status, refusal.body, version, refusal.headers)

    def _reply(self, status: int, body: Json, version: str, headers: Mapping[str, str]) -> Reply:
        request_id = f"req_{uuid4().hex[:14]}"
        if "error" in body:
            error: Any = body["error"]
            side = "" if self.account.livemode else "test/"
            url = f"https://dashboard.stripe.com/{self.account.id}/{side}logs/{request_id}"
            body = {"error": {**error, "request_log_url": url}}
        common = {
            "Content-Type": "application/json",
            "Date": formatdate(self.account.now, usegmt=True),
            "Request-Id": request_id,
            "Stripe-Version": version,
        }
        return Reply(status, {**common, **headers}, json.dumps(body, separators=(",", ":")).encode())

    def _family(self, asked: str | None) -> Family:
        try:
            return family_of(asked) if asked else self.family
        except ValueError as failure:
            raise refusals.bad_request(str(failure)) from failure

    def _refuse_foreign(self, key: ApiKey, account: str | None) -> None:
        if account is not None and account != self.account.id:
            raise refusals.foreign_account(key.value, account)

    def _read(self, request: _Request) -> Json:
        if not request.path.startswith("/v1/"):
            raise refusals.unknown_url("GET", request.path)
        path = request.path.removeprefix("/v1/")
        name, identity, part = self._divide(path)
        time.sleep(self.faults.strike(name))
        with self.account.lock:
            body = self._route(request, name, identity, part)
            request.params.refuse_unknown()
            return Expansion(self.account, request.family).expand(body, request.expand)

    @staticmethod
    def _divide(path: str) -> tuple[str, str | None, str | None]:
        """Split a path into the resource's name, an object's id and a part of that object."""
        parts = path.split("/")
        words = 2 if parts[0] == "checkout" else 1
        rest = [*parts[words:], None, None]
        if len(parts) > words + 2:
            raise refusals.unknown_url("GET", f"/v1/{path}")
        return "/".join(parts[:words]), rest[0], rest[1]

    def _route(self, request: _Request, name: str, identity: str | None, part: str | None) -> Json:
        resource = _BY_PATH.get(name)
        if resource is not None:
            self._require(request, resource.permission)
            if identity is None:
                return self._list(request, resource)
            return self._part(request, resource, identity, part) if part else self._one(request, resource, identity)
        if part is None:
            match name:
                case "events":
                    return self._read_events(request, identity)
                case "webhook_endpoints":
                    return self._read_endpoints(request, identity)
                case "subscription_items" if identity is None:
                    return self._list_items(request)
                case "account" if identity is None:
                    return self._read_account(request)
                case "accounts" if identity == self.account.id:
                    return self._read_account(request)
        raise refusals.unknown_url("GET", request.path)

    def _require(self, request: _Request, permission: str) -> None:
        if not request.key.may(permission):
            raise refusals.missing_permission(request.key.value, self.account.id, permission)

    def _list(self, request: _Request, resource: Resource) -> Json:
        rows = resource.rows(self.account, request.params)
        states, has_more = page(rows, request.params, resource.noun, lambda state: str(state.id))
        return listed([render_object(state, request.family) for state in states], has_more, request.path)

    def _find(self, resource: Resource, identity: str) -> Any:
        state = resource.stored(self.account).get(identity)
        if state is None:
            raise refusals.missing_resource(resource.noun, identity)
        return state

    def _one(self, request: _Request, resource: Resource, identity: str) -> Json:
        state = self._find(resource, identity)
        if getattr(state, "deleted", False):
            return render_deleted_customer(state)
        return render_object(state, request.family)

    def _part(self, request: _Request, resource: Resource, identity: str, part: str) -> Json:
        state = self._find(resource, identity)
        match resource.path, part:
            case "invoices", "lines":
                return self._rows(request, render_lines(state, request.family), "line_item")
            case "checkout/sessions", "line_items":
                return self._rows(request, render_line_items(state, request.family), "item")
        raise refusals.unknown_url("GET", request.path)

    def _rows(self, request: _Request, rows: Iterable[Json], noun: str) -> Json:
        data, has_more = page(list(rows), request.params, noun, lambda row: str(row["id"]))
        return listed(data, has_more, request.path)

    def _list_items(self, request: _Request) -> Json:
        self._require(request, "rak_subscription_read")
        identity = request.params.one("subscription")
        if identity is None:
            raise refusals.bad_request("Missing required param: subscription.", "subscription", "parameter_missing")
        subscription = self._find(_BY_PATH["subscriptions"], identity)
        return self._rows(request, render_items(subscription, request.family), "subscription_item")

    def _read_events(self, request: _Request, identity: str | None) -> Json:
        self._require(request, "rak_event_read")
        if identity is not None:
            event = self._events.find(identity, request.family)
            if event is None:
                raise refusals.missing_resource("event", identity)
            return render_event(event, request.family, pending_webhooks=0)
        rows = self._events.rows(request.params, request.family, self.faults.weather.events_lag)
        events, has_more = page(rows, request.params, "event", lambda row: row.id)
        rendered = [render_event(event, request.family, pending_webhooks=0) for event in events]
        return listed(rendered, has_more, request.path)

    def _read_endpoints(self, request: _Request, identity: str | None) -> Json:
        self._require(request, "rak_webhook_read")
        rows = [endpoint.render() for endpoint in reversed(list(self._endpoints()))]
        if identity is None:
            return self._rows(request, rows, "webhook_endpoint")
        for row in rows:
            if row["id"] == identity:
                return row
        raise refusals.missing_resource("webhook_endpoint", identity)

    def _read_account(self, request: _Request) -> Json:
        self._require(request, "rak_accounts_kyc_basic_read")
        account = self.account
        return {
            "id": account.id,
            "object": "account",
            "business_profile": {"mcc": "5734", "name": account.name, "url": "https://shop.example"},
            "business_type": "company",
            "capabilities": {"card_payments": "active", "transfers": "active"},
            "charges_enabled": True,
            "country": account.country,
            "created": account.start,
            "default_currency": account.currency,
            "details_submitted": True,
            "email": "owner@shop.example",
            "metadata": {},
            "payouts_enabled": True,
            "settings": {"dashboard": {"display_name": account.name, "timezone": "Etc/UTC"}},
            "type": "standard",
        }
