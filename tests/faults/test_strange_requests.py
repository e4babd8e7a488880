"""Requests that nobody should send: refused with 4xx, or kept and set aside if they are signed. Never our error."""

from __future__ import annotations

import http.client
import json
import socket
from collections import Counter
from random import Random
from typing import Any

from django.test import Client

from pqintel.embedded.ports import LOOPBACK
from pqintel.simulator.delivery import Conditions, Parcel
from pqintel.simulator.signing import signature_header
from tests.factories import MembershipFactory

from .burst import Burst
from .stage import Stage, scaled, until
from .tenants import START, Tenant, all_done, history, new_tenant, true_mrr

NUMBERS = (0, -1, 1, 2**31, 2**40, 2**63 - 1, 2**63, -(2**63), 10**30, 1e308, -0.5, 253_402_300_800, 4_102_444_800)
WORDS = ("", " ", "\x00", "\ud800", "﷽" * 300, "x" * 70_000, "1e9", "null", "'; DROP TABLE", "usd", "USD", "xyz", "-5")
SHAPES: tuple[Any, ...] = (None, True, False, [], {}, [[]], {"": None}, [None], {"object": "list", "data": [None]})


def test_strange_signature_headers_are_refused(stage: Stage) -> None:
    tenant = new_tenant()
    body = history()[0].body
    chance = Random("headers")
    server = http.client.HTTPConnection(LOOPBACK, stage.port, timeout=60)
    found: Counter[int] = Counter()
    for _ in range(scaled(400)):
        found[post(server, tenant, body, strange_header(chance, tenant, body))] += 1
    for header in almost_right(tenant, body):
        found[post(server, tenant, body, header)] += 1
    server.close()
    assert set(found) == {400, 431}
    assert tenant.states() == {}


def test_strange_lengths_and_encodings_are_refused(stage: Stage) -> None:
    tenant = new_tenant()
    body = history()[0].body
    signature = tenant.signature(body).encode()
    head = b"POST " + tenant.path.encode() + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nStripe-Signature: " + signature + b"\r\n"
    found = [
        raw(stage, head + more)
        for more in (
            b"\r\n",
            b"Content-Length: -5\r\n\r\n",
            b"Content-Length: \xb2\r\n\r\n",
            b"Content-Length: 0\r\n\r\n",
            b"Content-Length: 3000000\r\n\r\n",
            b"Content-Length: 99999999999999999999999999\r\n\r\n",
            b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
            b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
            b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"X: " + b"x" * 20_000 + b"\r\n\r\n",
            b"\x00\xff: 1\r\nContent-Length: 0\r\n\r\n",
            b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
        )
    ]
    assert {status // 100 for status in found} == {4}
    assert tenant.states() == {}


def test_strange_bodies_with_a_right_signature_are_kept_and_harm_nothing_else(stage: Stage) -> None:
    """Every strange event is dealt with, and the whole history after them as if they had not been there."""
    tenant = new_tenant()
    chance = Random("bodies")
    strange = [strange_event(chance, number) for number in range(scaled(400))]
    with Burst(stage, [tenant], Conditions(concurrency=4, attempts=1), strange) as burst:
        pass
    assert set(burst.statuses()) == {200}
    until("everything strange is dealt with", lambda: all_done([tenant]))
    states = tenant.states()
    assert len(states) == len({parcel.body for parcel in strange})
    assert set(states.values()) <= {"done", "ignored", "rejected", "quarantined"}
    assert Counter(states.values())["quarantined"] > 20
    with Burst(stage, [tenant]) as burst:
        pass
    until("the history is dealt with", lambda: all_done([tenant]))
    states = tenant.states()
    assert {states[parcel.event_id] for parcel in history()} == {"done", "ignored"}
    assert tenant.outcome().mrr.keys() >= true_mrr().keys()
    member = MembershipFactory(workspace=tenant.workspace).user
    client = Client()
    client.force_login(member)
    assert client.get(f"/w/{tenant.workspace.slug}/test/").status_code == 200


def post(server: http.client.HTTPConnection, tenant: Tenant, body: bytes, header: bytes) -> int:
    server.putrequest("POST", tenant.path)
    server.putheader("Content-Length", str(len(body)))
    server.putheader("Stripe-Signature", header)
    server.endheaders(body)
    answer = server.getresponse()
    answer.read()
    return answer.status


def raw(stage: Stage, request: bytes) -> int:
    """The last status that answers these bytes, after a `100 Continue`; 499 when the server just hangs up."""
    with socket.create_connection((LOOPBACK, stage.port), timeout=60) as line:
        line.sendall(request)
        line.shutdown(socket.SHUT_WR)
        answers = [words for words in line.makefile("rb") if words.startswith(b"HTTP/1.1 ")]
    return int(answers[-1].split()[1]) if answers else 499


def strange_header(chance: Random, tenant: Tenant, body: bytes) -> bytes:
    """Pieces of headers, mostly wrong, and never with the right signature."""
    wrong = signature_header(body, ["whsec_" + "0" * 32], chance.choice((0, 1, START, 1_900_000_000, 10**15)))
    pieces = [
        *wrong.split(","),
        *(
            "t=",
            "t",
            "v1=",
            "v1",
            "=",
            "",
            " ",
            "v0=00",
            "v2=x",
            "t=1e9",
            "t=-1",
            "t=٣",
            "v1=" + "f" * 64,
            "v1=" + "F" * 64,
        ),
        *(
            "v1=zz",
            "t=" + "9" * 400,
            "v1=" + "0" * 5000,
            "scheme=" + "s" * 900,
            "\t",
            "é=ü",
            "\x01",
            "%00",
            "t==5",
            "v1==5",
        ),
    ]
    text = chance.choice((",", ",", ", ", ";", "")).join(chance.choice(pieces) for _ in range(chance.randrange(9)))
    return text.encode("utf-8").replace(b"\n", b"")


def almost_right(tenant: Tenant, body: bytes) -> list[bytes]:
    """A right signature with one thing wrong."""
    right = tenant.signature(body)
    time, signature = right.split(",")
    return [
        text.encode()
        for text in (
            right.upper(),
            right[:-1],
            right + "0",
            signature,
            time,
            right.replace("v1=", "v0="),
            right.replace("v1=", "v1= "),
            right.replace("t=", "t=0"),
            right.replace("t=", "T="),
            right.replace(",", ";"),
            tenant.signature(body + b" "),
            signature_header(body, [tenant.secret], START),
            ",".join([time, *[signature] * 6]),
        )
    ]


def strange_event(chance: Random, number: int) -> Parcel:
    """An event of the history with strange values at some places, or bytes that are no event at all."""
    told = chance.choice(history())
    event = json.loads(told.body)
    if chance.random() < 0.1:
        body = bytearray(told.body.replace(told.event_id.encode(), b"evt_strange_%d" % number))
        for _ in range(chance.randrange(1, 20)):
            body[chance.randrange(len(body))] = chance.randrange(256)
        return Parcel(
            f"strange {number}", bytes(body[: chance.randrange(1, len(body))] if chance.random() < 0.5 else body)
        )
    event["id"] = f"evt_strange_{number}"
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        place = chance.choice(list(places(event)))
        place[0][place[1]] = chance.choice((chance.choice(NUMBERS), chance.choice(WORDS), chance.choice(SHAPES)))
    event["id"] = f"evt_strange_{number}"
    return Parcel(event["id"], json.dumps(event).encode())


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every place inside a JSON value, as a container and its key or index."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [place for key in keys for place in ((value, key), *places(value[key]))]
