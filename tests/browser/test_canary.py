"""Secrets that were typed into the page are nowhere afterwards, whatever went wrong meanwhile."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings

from pqintel.simulator.delivery import Conditions
from pqintel.simulator.testing import Simulation

from .accounts import deliver, sell
from .connecting import Panel
from .people import Person, Team
from .places import Place, files, holders, queues, tables
from .stage import Stage
from .visitor import Visitor, expect

PAGES = ("test/", "live/", "settings/", "settings/members/", "settings/integrations/stripe/")
CONNECTION_PAGE = ("the answer to what was typed", "the page after the checks", "settings/integrations/stripe/")
RECORDS = ("integrations/connection", "integrations/inboxevent", "integrations/refuseddelivery", "workspaces/workspace")


def canary(*beginning: str) -> str:
    """Has the form of a credential, and is like nothing else."""
    return "_".join((*beginning, secrets.token_hex(16)))


def test_no_secret_is_left_anywhere(
    visit: Callable[..., Visitor], team: Team, stage: Stage, owner: Person, stripe: Simulation
) -> None:
    keys = {"publishable_key": canary("pk", "test"), "secret_key": canary("rk", "test")}
    refused, first, second, foreign = canary("sk", "test"), canary("whsec"), canary("whsec"), canary("whsec")
    for value in keys.values():
        stripe.keys.add(value)
    visitor = visit(owner)
    page = visitor.page
    seen: list[Place] = []

    def look(name: str) -> None:
        seen.append((name, page.content().encode()))

    page.goto(owner.page())
    panel = Panel(page)
    url = panel.webhook_url()
    token = urlsplit(url).path.split("/")[3]
    stripe.register(url)
    for values in (
        {"publishable_key": refused, "secret_key": first, "webhook_secret": keys["secret_key"]},  # in the wrong fields
        {**keys, "secret_key": refused, "webhook_secret": first},
        {**keys, "webhook_secret": first},
        {"webhook_secret": second},  # the one before stays good for a day
    ):
        panel.save(**values)
        look(CONNECTION_PAGE[0])
        panel.finished()
        look(CONNECTION_PAGE[1])
    expect(panel.status).to_have_text("Connected")
    sell(stripe)
    assert deliver(stripe, url, secret=first).refused == {}
    assert set(deliver(stripe, url, secret=foreign, conditions=Conditions(attempts=1)).refused) == {400}

    with stage.without("worker"):
        sell(stripe)
        assert deliver(stripe, url, secret=second).refused == {}
        panel.save(**keys)
        waiting = list(queues(stage))
        while "queue drain" not in {name for name, _ in waiting}:
            waiting = list(queues(stage))
    panel.finished()
    page.goto("about:blank")  # the panel asks for its state by itself, and would be refused meanwhile
    with stage.without_database():
        (csrf,) = (c["value"] for c in visitor.context.cookies() if c["name"] == settings.CSRF_COOKIE_NAME)
        form = {**keys, "webhook_secret": second, "csrfmiddlewaretoken": csrf}
        answer = visitor.context.request.post(f"{owner.page()}test/verify/", form=form)
        assert answer.status == 503
        seen.append(("the page of an outage", answer.body()))
        for path in PAGES:
            page.goto(owner.page(path))
            expect(page.get_by_role("heading", name="Back in a moment")).to_be_visible()
            look(f"{path} without a database")

    for path in PAGES:
        page.goto(owner.page(path))
        look(path)
    page = visit(team.staff()).page
    for path in RECORDS:
        page.goto(f"/admin/{path}/?q={owner.slug}")
        look(f"admin: list of {path}")
        record = str(page.locator("#result_list tbody th a").first.get_attribute("href")).partition("?")[0]
        for there in (record, record.removesuffix("change/") + "history/"):
            answer = page.goto(there)
            assert answer
            assert answer.status == 200
            look(f"admin: {path}")

    places = [*seen, *waiting, *tables(stage), *queues(stage), *files(stage)]
    assert holders(places, *keys.values(), refused, first, second, foreign) == set()
    assert holders(places, token) == {*CONNECTION_PAGE}  # the webhook URL is shown where it is copied from
    # That they would be found is shown by what is no secret.
    assert holders(places, stripe.account.id) >= {"table integrations_connection", *CONNECTION_PAGE[1:]}
    assert any(name.startswith("file postgres/") for name in holders(places, stripe.account.id))
    assert b"integrations.tasks.drain" in dict(waiting)["queue drain"]
