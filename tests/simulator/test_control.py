"""The control surface and the courier, in this process: keys, faults, endpoint and destination."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pqintel.simulator.control.destination import Destination
from pqintel.simulator.control.home import Home, HomeError
from pqintel.simulator.control.life import Life
from pqintel.simulator.control.service import Service
from pqintel.simulator.server import PERMISSIONS, USUAL_EVENTS
from tests.simulator.peer import peer

END = 1_767_225_600


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def service(home: Home) -> Iterator[Service]:
    """A service that answers, and whose clock stands where its history ended."""
    service = serve(home)
    yield service
    service.close()


def serve(home: Home) -> Service:
    facts = home.facts() or home.begin(
        seed=5, history_days=40, customers=12, family="2025-03-31.basil", livemode=False, now=END
    )
    service = Service(home, facts, trickle=False)
    service.courier.start()
    service.server.start()
    return service


def call(service: Service, method: str, path: str, body: Any = None, token: str | None = None) -> tuple[int, Any]:
    token = service.facts.control_token if token is None else token
    return send(service, method, f"/_simulator/{path}", token, body)


def read(service: Service, path: str, key: str) -> tuple[int, Any]:
    return send(service, "GET", f"/v1/{path}", key)


def send(service: Service, method: str, target: str, token: str, body: Any = None) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", service.facts.port, timeout=10)
    content = None if body is None else json.dumps(body)
    connection.request(method, target, body=content, headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    found = json.loads(answer.read())
    connection.close()
    return answer.status, found


def test_the_surface_answers_only_who_holds_the_token(service: Service) -> None:
    assert call(service, "GET", "status")[0] == 200
    assert call(service, "GET", "status", token="")[0] == 401
    assert call(service, "GET", "status", token=service.facts.secret_key)[0] == 401
    assert call(service, "GET", "nothing")[0] == 404
    assert call(service, "POST", "status")[0] == 405
    assert call(service, "POST", "faults", [1]) == (400, {"error": "an object is expected"})


def test_the_metrics_are_the_truth_at_a_moment(service: Service) -> None:
    status, body = call(service, "GET", f"metrics?at={END - 86_400}")
    truth = service.life.account
    assert (status, body["at"]) == (200, END - 86_400)
    assert call(service, "GET", "metrics")[1]["at"] == truth.now == END
    assert call(service, "GET", "metrics?at=yesterday")[0] == 400


def test_keys_are_made_limited_and_revoked_and_stay_so_after_a_restart(home: Home) -> None:
    service = serve(home)
    made = call(service, "POST", "keys", {"create": "rk", "permissions": ["rak_customer_read"]})[1]["key"]
    assert (read(service, "customers", made)[0], read(service, "invoices", made)[0]) == (200, 403)
    call(service, "POST", "keys", {"limit": made, "permissions": ["rak_invoice_read"]})
    assert (read(service, "customers", made)[0], read(service, "invoices", made)[0]) == (403, 200)
    call(service, "POST", "keys", {"revoke": service.facts.secret_key})
    service.close()
    again = serve(home)
    assert (read(again, "customers", made)[0], read(again, "invoices", made)[0]) == (403, 200)
    assert read(again, "customers", again.facts.secret_key)[0] == 401
    assert read(again, "customers", again.facts.restricted_key)[0] == 200
    assert len(call(again, "GET", "keys")[1]["keys"]) == 4
    again.close()


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"create": "xx"},
        {"revoke": "unknown"},
        {"limit": "unknown", "permissions": list(PERMISSIONS)},
        {"create": "rk", "permissions": ["rak_everything"]},
        {"create": "rk", "permissions": "all"},
    ],
)
def test_senseless_changes_of_keys_are_refused(service: Service, wanted: dict[str, Any]) -> None:
    assert call(service, "POST", "keys", wanted)[0] == 400
    assert len(call(service, "GET", "keys")[1]["keys"]) == 3


def test_faults_strike_the_api_and_not_the_surface(service: Service) -> None:
    assert call(service, "POST", "faults", {"fail_next": 1, "limit_next": 1})[1]["fail_next"] == 1
    key = service.facts.secret_key
    assert [read(service, "coupons", key)[0] for _ in range(3)] == [429, 500, 200]
    assert call(service, "GET", "faults")[1]["fail_next"] == 0
    assert call(service, "POST", "faults", {"storm": 1}) == (400, {"error": "unknown fault: storm"})


def test_the_endpoint_is_listed_as_it_was_told(service: Service) -> None:
    key = service.facts.secret_key
    assert read(service, "webhook_endpoints", key)[1]["data"] == []
    with peer() as receiver:
        call(service, "POST", "deliver", {"url": receiver.url})
        listed = read(service, "webhook_endpoints", key)[1]["data"][0]
        assert (listed["url"], listed["status"]) == (receiver.url, "enabled")
        assert (listed["enabled_events"], listed["api_version"]) == (list(USUAL_EVENTS), "2025-03-31.basil")
        call(service, "POST", "endpoint", {"listed_url": "https://wrong.example/", "enabled_events": ["invoice.paid"]})
        listed = read(service, "webhook_endpoints", key)[1]["data"][0]
        assert (listed["url"], listed["enabled_events"]) == ("https://wrong.example/", ["invoice.paid"])
        call(service, "POST", "endpoint", {"status": "disabled"})
        assert read(service, "webhook_endpoints", key)[1]["data"][0]["status"] == "disabled"
        call(service, "POST", "endpoint", {"registered": False})
        assert read(service, "webhook_endpoints", key)[1]["data"] == []
    assert call(service, "POST", "endpoint", {"url": "http://127.0.0.1/"})[0] == 400


def test_only_selected_events_are_sent_and_the_rest_counts_as_delivered(service: Service) -> None:
    with peer() as receiver:
        call(service, "POST", "deliver", {"url": receiver.url, "enabled_events": ["invoice.paid"]})
        wanted = [event.id for event in service.life.account.events if event.type == "invoice.paid"]
        while call(service, "GET", "status")[1]["pending"]:
            pass
        assert sorted(receiver.ids) == sorted(wanted)
        key = service.facts.secret_key
        assert read(service, "events?delivery_success=false", key)[1]["data"] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"colour": "red"},
        {"url": 7},
        {"url": "ftp://x/"},
        {"rate": 0},
        {"rate": True},
        {"concurrency": 0},
        {"concurrency": "4"},
        {"enabled_events": []},
        {"enabled_events": "invoice.paid"},
        {"status": "asleep"},
        {"registered": 1},
    ],
)
def test_senseless_destinations_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Destination().changed(changes)


def test_a_life_told_again_is_the_same_to_the_byte(home: Home) -> None:
    facts = home.begin(seed=5, history_days=40, customers=12, family="2026-10-28.endive", livemode=False, now=END)
    first = Life(home, facts, trickle=True)
    first.wake(END)
    for moment in range(END, END + 120, 7):
        first.advance(moment)
    first.close()

    second = Life(home, facts, trickle=True)
    assert second.account.events == first.account.events[: len(second.account.events)]
    second.wake(END + 5000)  # away for more than an hour: the company slept
    second.advance(END + 5100)
    second.close()
    assert second.account.events[: len(first.account.events)] == first.account.events
    slept = [event for event in second.account.events if END + 120 < event.created < END + 5000]
    assert [event.type for event in slept if event.type.startswith("customer.created")] == []

    third = Life(home, facts, trickle=True)
    third.wake(END + 5100)
    third.advance(END + 5100)
    assert third.account.events == second.account.events
    third.close()


def test_a_history_that_is_told_otherwise_than_before_is_noticed(home: Home) -> None:
    first = serve(home)
    assert first.retold is False
    first.close()
    second = serve(home)
    assert second.retold is False
    second.close()
    home.update(second.facts, history="0" * 64)
    third = serve(home)
    assert third.retold is True
    third.close()


def test_a_line_that_a_crash_cut_off_does_not_count(home: Home) -> None:
    (home.path / "life.log").write_text('{"step": 1}\n{"ste')
    assert home.lines("life.log") == ['{"step": 1}']
    with home.append_to("life.log") as log:
        log.write('{"step": 2}\n')
    assert (home.path / "life.log").read_text() == '{"step": 1}\n{"step": 2}\n'


def test_a_damaged_home_is_said_so(home: Home) -> None:
    (home.path / "simulator.json").write_text("{")
    with pytest.raises(HomeError, match="cannot read"):
        home.facts()
    (home.path / "simulator.json").write_text('{"seed": 1}')
    with pytest.raises(HomeError, match="is not a simulator's"):
        home.facts()
    (home.path / "simulator.json").write_text("[]")
    with pytest.raises(HomeError, match="does not hold an object"):
        home.facts()
