"""The client of Stripe's API can only read, one account, from one host, over TLS 1.3."""

from __future__ import annotations

import inspect
import ipaddress
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import stripe
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.core.exceptions import ImproperlyConfigured

from integrations.checks import stripe_is_reached_safely
from integrations.stripe.client import StripeReader, Unreachable
from integrations.stripe.readonly import OnlyReads, is_loopback, tls_1_3
from pqintel.vault import Secret
from tests.integrations.peers import Peer, Reply


def reader(base: str, *, max_retries: int = 0) -> StripeReader:
    return StripeReader(Secret("rk_" + "test_" + "x" * 24), base=base, max_retries=max_retries, first_delay=0.0)


def services(root: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every service below one of stripe-python's client; they are made when they are first named."""
    for name in getattr(type(root), "__annotations__", {}):
        service = getattr(root, name)
        yield f"{path}.{name}", service
        yield from services(service, f"{path}.{name}")


def writing_methods(service: Any) -> Iterator[tuple[str, Any]]:
    """Its methods whose source sends something other than GET."""
    for name, method in inspect.getmembers(service, inspect.ismethod):
        source = inspect.getsource(method)
        if not name.startswith("_") and ('"post"' in source or '"delete"' in source):
            yield name, method


def call(method: Any, **options: Any) -> None:
    """Call with a plausible value for every parameter that needs one; run a coroutine up to its first pause."""
    parameters = inspect.signature(method).parameters.values()
    needed = [p.name for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
    result = method(*({} if name == "params" else "id_1" for name in needed), **options)
    if inspect.iscoroutine(result):
        result.send(None)


def test_no_write_leaves_through_any_service_of_the_client() -> None:
    written = set()
    with Peer(lambda asked: Reply()) as peer, reader(peer.url) as stripe_reader:
        for version in ("v1", "v2"):
            for path, service in services(getattr(stripe_reader.client, version), version):
                for name, method in writing_methods(service):
                    with pytest.raises(OnlyReads):
                        call(method)
                    written.add(f"{path}.{name}")
    assert {
        "v1.customers.create", "v1.customers.create_async", "v1.subscriptions.update", "v1.subscriptions.cancel",
        "v1.invoices.pay", "v1.payment_intents.confirm", "v1.webhook_endpoints.delete", "v1.files.create",
        "v1.test_helpers.test_clocks.advance", "v2.core.event_destinations.create",
    } <= written  # fmt: skip
    assert len(written) > 600
    assert peer.connections == 0


@pytest.mark.parametrize("method", ["post", "delete", "put", "patch", "head", "POST"])
def test_no_write_leaves_through_a_raw_request(method: str) -> None:
    with (
        Peer(lambda asked: Reply()) as peer,
        reader(peer.url) as stripe_reader,
        pytest.raises((OnlyReads, stripe.APIConnectionError)),
    ):
        stripe_reader.client.raw_request(method, "/v1/customers")
    assert peer.connections == 0


@pytest.mark.parametrize("option", ["stripe_account", "stripe_context"])
def test_no_other_account_is_asked_for(option: str) -> None:
    with Peer(lambda asked: Reply()) as peer, reader(peer.url) as stripe_reader:
        with pytest.raises(OnlyReads):
            stripe_reader.ask("/v1/account", **{option: "acct_other"})
        with pytest.raises(OnlyReads):
            stripe_reader.client.v1.customers.list(options={option: "acct_other"})
        with pytest.raises(OnlyReads):
            stripe_reader.client.v1.customers.list(options={"headers": {"STRIPE-Account": "acct_other"}})
    assert peer.connections == 0


def test_reading_by_stream_is_refused_as_well() -> None:
    with Peer(lambda asked: Reply()) as peer, reader(peer.url) as stripe_reader, pytest.raises(OnlyReads):
        stripe_reader.client.v1.quotes.pdf("qt_1")
    assert peer.connections == 0


def test_the_key_goes_to_no_other_host() -> None:
    with (
        Peer(lambda asked: Reply()) as peer,
        Peer(lambda asked: Reply()) as other,
        reader(peer.url) as stripe_reader,
        pytest.raises(OnlyReads),
    ):
        stripe_reader.client._requestor._client.request("get", f"{other.url}/v1/account", {})
    assert (peer.connections, other.connections) == (0, 0)


def test_telemetry_is_off() -> None:
    assert stripe.enable_telemetry is False


# The way there -------------------------------------------------------------------------------------------------------


def test_a_base_in_the_clear_is_found_by_the_system_checks(settings: Any) -> None:
    assert stripe_is_reached_safely() == []
    settings.STRIPE_API_BASE = "http://api.stripe.com"
    assert [problem.id for problem in stripe_is_reached_safely()] == ["integrations.E001"]


@pytest.mark.parametrize("base", ["http://api.stripe.com", "http://10.0.0.1:8000", "ftp://127.0.0.1", "api.stripe.com"])
def test_a_base_in_the_clear_is_refused(base: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="must be https"):
        reader(base)


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True), ("localhost.example", False),
     ("10.0.0.1", False), ("", False), (None, False)],
)  # fmt: skip
def test_loopback(host: str | None, local: bool) -> None:
    assert is_loopback(host) is local


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    file.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture
def trusting(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Our client trusts the certificate, as an operator would say: by SSL_CERT_FILE."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    tls_1_3.cache_clear()
    yield
    tls_1_3.cache_clear()


def serving(certificate: Path, newest: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.maximum_version = newest
    return context


def test_tls_1_3_is_spoken(certificate: Path, trusting: None) -> None:
    context = serving(certificate, ssl.TLSVersion.TLSv1_3)
    with Peer(lambda asked: Reply(body={"id": "acct_1"}), context) as peer, reader(peer.url) as stripe_reader:
        assert stripe_reader.account() == {"id": "acct_1"}


def test_tls_1_2_is_refused(certificate: Path, trusting: None) -> None:
    context = serving(certificate, ssl.TLSVersion.TLSv1_2)
    with (
        Peer(lambda asked: Reply(), context) as peer,
        reader(peer.url, max_retries=2) as stripe_reader,
        pytest.raises(Unreachable, match=r"TLS 1\.3"),
    ):
        stripe_reader.account()
    assert peer.asked == []
    assert peer.connections == 1


def test_an_unknown_authority_is_refused(certificate: Path) -> None:
    context = serving(certificate, ssl.TLSVersion.TLSv1_3)
    with (
        Peer(lambda asked: Reply(), context) as peer,
        reader(peer.url) as stripe_reader,
        pytest.raises(Unreachable, match=r"TLS 1\.3"),
    ):
        stripe_reader.account()
    assert peer.asked == []
