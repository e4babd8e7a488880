"""One running product for all tests of this folder, simulated Stripe accounts, and people who look at it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from playwright.sync_api import Browser

from pqintel.simulator.scenario import saas_year
from pqintel.simulator.testing import Simulation
from tests.smtp import Mailbox, mail_server

from .accounts import Accounts, deliver
from .people import Person, Team
from .stage import Stage
from .visitor import Visitor


@pytest.fixture(scope="session")
def mailbox() -> Iterator[Mailbox]:
    """Where all mails of the product arrive."""
    with mail_server() as box:
        yield box


@pytest.fixture(scope="session")
def accounts() -> Iterator[Accounts]:
    with Accounts() as opened:
        yield opened


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory, mailbox: Mailbox, accounts: Accounts) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("stage")
    with Stage(folder / "home", stripe=accounts.url, mail_port=mailbox.port) as running:
        yield running


@pytest.fixture(scope="session")
def team(stage: Stage, django_db_blocker: Any) -> Team:
    """Makes people and workspaces in the running product's database."""
    return Team(stage, django_db_blocker)


@pytest.fixture
def owner(team: Team) -> Person:
    """The owner of a new workspace."""
    return team.founder()


@pytest.fixture
def stripe(accounts: Accounts) -> Simulation:
    """A new account in test mode, a month old, in which nothing has happened."""
    return accounts.open()


@pytest.fixture(scope="session")
def busy(team: Team, accounts: Accounts) -> Person:
    """The owner of a workspace whose test account has a lively quarter behind it, in two currencies."""
    person, stripe = team.founder(), accounts.open(days=90)
    saas_year(stripe.account, int(time.time()), customers=12)
    report = deliver(stripe, team.connect(person, stripe))
    assert report.refused == {}
    return person


@pytest.fixture
def visit(browser: Browser, browser_context_args: Mapping[str, Any], stage: Stage) -> Iterator[Callable[..., Visitor]]:
    """Opens a browser, signed in as somebody or nobody. At the end no browser may have complained about anything."""
    visitors: list[Visitor] = []

    def open_browser(person: Person | None = None, **options: Any) -> Visitor:
        context = browser.new_context(**{**browser_context_args, "base_url": stage.url, **options})
        visitors.append(Visitor(context, stage.url, person))
        return visitors[-1]

    yield open_browser
    for visitor in visitors:
        visitor.context.close()
    assert [line for visitor in visitors for line in visitor.complaints] == []
