"""A secret typed into the page is found nowhere afterwards: not in the database, Redis, logs, pages or errors."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import redis
from django.conf import settings as django_settings
from django.contrib import admin
from django.db import connection
from django.test import Client, RequestFactory
from django.urls import NoReverseMatch, reverse
from django.views.debug import ExceptionReporter
from psycopg import sql
from pytest_django.live_server_helper import LiveServer

from integrations.stripe import verification
from integrations.views import stripe as views
from pqintel.simulator.testing import Simulation
from pqintel.vault.scrub import ScrubFilter
from pqintel.workspaces.models import Membership, Workspace
from pqintel.workspaces.tenancy import scope
from tests.integrations.stage import stored, url_of, values_of, working

PAGE = "/w/acme/settings/integrations/stripe/"
VERIFY, STEP = f"{PAGE}test/verify/", f"{PAGE}test/verify/step/"
HTMX = {"HX-Request": "true"}

pytestmark = pytest.mark.django_db(transaction=True)


def spellings(secret: str) -> list[str]:
    """How a secret may look in a dump: plain, hexadecimal (bytea), base64."""
    return [secret, secret.encode().hex(), base64.b64encode(secret.encode()).decode().rstrip("=")[:-2]]


def found(secrets: list[str], text: str) -> list[str]:
    return [spelling for secret in secrets for spelling in spellings(secret) if spelling in text]


def database_dump() -> str:
    """Every row of every table as text, read by the owner, whom row-level security does not bind."""
    place = connection.settings_dict
    with psycopg.connect(
        host=place["HOST"], port=place["PORT"], user=place["USER"], password=place["PASSWORD"], dbname=place["NAME"]
    ) as session:
        tables = session.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        return "\n".join(
            str(row[0])
            for (table,) in tables.fetchall()
            for row in session.execute(sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(table)))
        )


def redis_dump() -> str:
    store = redis.Redis.from_url(django_settings.REDIS_URL)
    return "\n".join(repr(store.dump(key)) + repr(key) for key in store.scan_iter())


@pytest.fixture
def log() -> Iterator[list[str]]:
    """Everything that any logger says, at any level, as the console would print it."""
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    handler = Keep(logging.DEBUG)
    handler.addFilter(ScrubFilter())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield lines
    root.removeHandler(handler)
    root.setLevel(level)


def admin_pages(client: Client) -> Iterator[str]:
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}_"
        response = client.get(reverse(f"{name}changelist"))
        if response.status_code == 200:
            yield response.content.decode()
        table = model._meta.db_table
        for key in keys_of(table, model._meta.pk.column):
            try:
                response = client.get(reverse(f"{name}change", args=[key]))
            except NoReverseMatch:
                continue
            if response.status_code == 200:
                yield response.content.decode()


def keys_of(table: str, column: str) -> list[Any]:
    place = connection.settings_dict
    with psycopg.connect(
        host=place["HOST"], port=place["PORT"], user=place["USER"], password=place["PASSWORD"], dbname=place["NAME"]
    ) as session:
        statement = sql.SQL("SELECT {} FROM {} LIMIT 5").format(sql.Identifier(column), sql.Identifier(table))
        return [row[0] for row in session.execute(statement).fetchall()]


def test_nothing_that_was_typed_is_found_anywhere(
    workspace: Workspace,
    owner_client: Client,
    superuser_client: Client,
    live_server: LiveServer,
    settings: Any,
    log: list[str],
) -> None:
    settings.PQ_BASE_URL = live_server.url
    pages: list[str] = []

    def post(url: str, data: dict[str, str]) -> Any:
        response = owner_client.post(url, data, headers=HTMX)
        pages.append(response.content.decode())
        return response

    def verify(data: dict[str, str]) -> None:
        response = post(VERIFY, data)
        while response.status_code == 200 and response.context["panel"].next_step:
            response = post(STEP, {})

    with Simulation(seed=51) as simulation, working(workspace):
        settings.STRIPE_API_BASE = simulation.url
        simulation.register(url_of(workspace))
        good = values_of(simulation)
        wrong = {
            "secret_key": "rk_" + "test_" + "wrongcanary" * 3,
            "webhook_secret": "whsec_" + "othercanary" * 3,
        }
        malformed = {"publishable_key": "malformedcanary!", "secret_key": "sk_" + "live_" + "livecanary" * 3}
        verify({**good, **malformed})
        verify({**good, **wrong})
        verify(good)
        verify({"webhook_secret": "whsec_" + "newcanary" * 4})
    secrets = [*good.values(), *wrong.values(), *malformed.values(), "whsec_" + "newcanary" * 4]
    pages.append(owner_client.get(PAGE).content.decode())
    pages.extend(admin_pages(superuser_client))

    row = stored(workspace)
    assert (row.status, row.previous_webhook_secret.reveal()) == ("connected", good["webhook_secret"])
    assert len(pages) > 25
    assert found(secrets, "\n".join(pages)) == []
    dump = database_dump()
    assert str(row.pk) in dump
    assert found([*secrets, row.token.reveal()], dump) == []
    assert found([*secrets, row.token.reveal()], redis_dump()) == []
    assert log
    assert found([*secrets, row.token.reveal()], "\n".join(log)) == []


def test_an_error_report_holds_nothing_that_was_typed(
    workspace: Workspace, owner_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Django's full report, local variables of every frame included, as it would be mailed to operators."""
    typed = {
        "publishable_key": "pk_" + "test_" + "typedcanary" * 2,
        "secret_key": "rk_" + "test_" + "typedcanary" * 2,
        "webhook_secret": "whsec_" + "typedcanary" * 2,
    }

    def failing(*_: Any) -> None:
        raise RuntimeError("something of ours is broken")

    monkeypatch.setattr(verification, "begin", failing)
    owner_client.raise_request_exception = False
    response = owner_client.post(VERIFY, typed)
    assert (response.status_code, found(list(typed.values()), response.content.decode())) == (500, [])

    request: Any = RequestFactory().post(VERIFY, typed)
    request.workspace, request.htmx = workspace, False
    with scope(workspace):
        request.membership = Membership.objects.get(workspace=workspace)
        request.user = request.membership.user
        with pytest.raises(RuntimeError) as raised:
            views.verify(request, "acme", "test")
    within = raised.tb.tb_next  # without this function, which knows what it typed
    report = ExceptionReporter(request, raised.type, raised.value, within)
    shown = report.get_traceback_html() + report.get_traceback_text()
    assert "something of ours is broken" in shown
    assert found(list(typed.values()), shown) == []
