"""One stage for all tests of faults; each has workspaces of its own, and finds and leaves everything running."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest
from pytest_django.plugin import DjangoDbBlocker

from tests.integrations.peers import Peer
from tests.smtp import mail_server

from .burst import Burst
from .outside import Outside, well
from .stage import Stage, until
from .tenants import Outcome, Tenant, all_done, differences, in_peace, true_mrr
from .trace import Step, steps, trespasses

Check = Callable[[Sequence[Burst], Sequence[Tenant]], list[Step]]


@pytest.fixture(scope="session")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The servers, before any of our programs runs, and whom these write to."""
    folder = tmp_path_factory.mktemp("faults")
    with Peer(well) as messengers, mail_server() as post, Stage(folder, messengers.url, post.url) as stage:
        stage.outside = Outside(messengers, post)
        yield stage


@pytest.fixture(scope="session")
def peace(theatre: Stage, django_db_blocker: DjangoDbBlocker) -> Outcome:
    """What becomes of the history when nothing happens to it. It is the truth."""
    with django_db_blocker.unblock(), theatre.inside():
        outcome = in_peace()
    assert outcome.mrr == true_mrr()
    assert len(outcome.states) > 200
    assert set(outcome.states.values()) == {"done", "ignored"}
    return outcome


@pytest.fixture
def stage(theatre: Stage, peace: Outcome, django_db_blocker: DjangoDbBlocker) -> Iterator[Stage]:
    """The stage with web, worker and beat running, and this process's Django on its database."""
    theatre.start_servers()
    theatre.start_programs()
    with django_db_blocker.unblock(), theatre.inside():
        yield theatre


@pytest.fixture
def outside(stage: Stage) -> Iterator[Outside]:
    """Slack, Telegram and the mail server, which have heard of nothing and take everything."""
    found = stage.outside
    assert found is not None
    found.messengers.asked.clear()
    found.post.mails.clear()
    yield found
    found.messengers.answer = well
    found.post.answers.set()


@pytest.fixture
def check(stage: Stage, peace: Outcome) -> Check:
    """The checker: acknowledged is dealt with, nothing was lost or done twice, nobody met in a lane."""

    def checked(bursts: Sequence[Burst], tenants: Sequence[Tenant]) -> list[Step]:
        lanes = [(tenant.workspace.pk, "test") for tenant in tenants]
        until("every acknowledged event is dealt with", lambda: stage.works() and all_done(tenants))
        for tenant in tenants:
            acknowledged = {event for burst in bursts for event in burst.acknowledged(tenant)}
            assert acknowledged == set(tenant.states())
            assert differences(tenant.outcome(), peace) == []
        with stage.owner() as database:
            trace = [step for step in steps(database) if step.lane in lanes]
        assert trespasses(trace) == []
        return trace

    return checked
