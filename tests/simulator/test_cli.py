"""The simulator as a program: started, delivering, killed, started again, with real processes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import stripe

from pqintel.simulator.control import client
from pqintel.simulator.control.home import Home
from tests.simulator.peer import peer

SIMULATOR = [sys.executable, "-m", "pqintel.simulator"]
SMALL = ("--history-days", "40", "--customers", "12", "--seed", "5")
ROOT = Path(__file__).parents[2]


def run(command: str, home: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SIMULATOR, command, "--home", str(home), *options],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment},
        timeout=120,
        check=False,
    )


def ask(command: str, home: Path, *options: str) -> dict[str, Any]:
    done = run(command, home, *options)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def status(home: Path) -> dict[str, Any]:
    """What `account` prints, without the half second that starting a command takes."""
    return client.ask(Home(home), "GET", "status")


def deliver(home: Path, url: str, **options: Any) -> dict[str, Any]:
    """What `deliver` does, waiting until nothing is pending."""
    client.ask(Home(home), "POST", "deliver", {"url": url, **options})
    until(lambda: status(home)["pending"] == 0)
    return status(home)


@contextmanager
def serving(home: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Run `serve` until it answers; afterwards it is ended if the test has not done so."""
    port_file = home / "port"
    port_file.unlink(missing_ok=True)
    command = [*SIMULATOR, "serve", "--home", str(home), "--port-file", str(port_file), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        until(lambda: port_file.exists() or process.poll() is not None)
        assert process.poll() is None, process.communicate()
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=30)


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that must come; a minute is for the slowest machine, not a limit that is tested."""
    for _ in range(1200):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it never happened")


def credentials(home: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((home / "simulator.json").read_text())
    return found


def test_production_is_refused_in_one_line(tmp_path: Path) -> None:
    done = run("serve", tmp_path / "home", PQ_ENV="production")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "simulator: the simulator is a development tool and does not run with PQ_ENV=production\n"
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("command", ["metrics", "account"])
def test_without_a_simulator_there_is_one_line(tmp_path: Path, command: str) -> None:
    done = run(command, tmp_path)
    expected = f"simulator: there is no simulated account in {tmp_path}; start one with `serve`\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", expected)


def test_a_year_in_the_life_of_a_home(tmp_path: Path) -> None:
    """Start, read, deliver, end, start again: the same account, and nothing acknowledged comes twice."""
    home = tmp_path / "home"
    with peer() as receiver:
        with serving(home, *SMALL) as process:
            facts = credentials(home)
            assert (home / "simulator.json").stat().st_mode & 0o777 == 0o600
            assert (home / "port").read_text() == f"{facts['port']}\n"
            stripe_client = stripe.StripeClient(facts["secret_key"], base_addresses={"api": facts["url"]})
            assert stripe_client.v1.webhook_endpoints.list().data == []
            assert ask("register", home, "--url", "https://pq.example/early") == {
                "listed_url": "https://pq.example/early"
            }
            endpoint = stripe_client.v1.webhook_endpoints.list().data[0]
            assert (endpoint.url, endpoint.status, receiver.ids) == ("https://pq.example/early", "enabled", [])

            done = ask("deliver", home, "--to", receiver.url, "--listed-as", "https://pq.example/hook", "--wait")
            assert (done["pending"], done["refused"]) == (0, {})
            assert Counter(receiver.ids).most_common(1)[0][1] == 1
            _, body, header, _ = receiver.arrived[0]
            assert stripe.WebhookSignature.verify_header(body.decode(), header, facts["webhook_secret"]) is True
            endpoint = stripe_client.v1.webhook_endpoints.list().data[0]
            assert (endpoint.url, endpoint.status) == ("https://pq.example/hook", "enabled")
            types = {json.loads(body)["type"].split(".")[0] for _, body, _, _ in receiver.arrived}
            assert types == {"customer", "invoice", "payment_intent", "checkout"}

            moment = status(home)["history_end"]
            metrics = ask("metrics", home, "--at", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment)))
            assert metrics["at"] == moment
            assert set(metrics["currencies"]) <= {"usd", "eur"}
            assert metrics["currencies"]["usd"]["active_subscribers"] > 0

            arrived = len(receiver.arrived)
            until(lambda: len(receiver.arrived) > arrived)  # the trickle, delivered
            steps = status(home)["steps"]
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=30) == 0
            assert process.communicate()[1] == ""

        with serving(home, "--port", str(facts["port"])):
            assert {**credentials(home), "url": ""} == {**facts, "url": ""}
            assert ask("account", home)["steps"] >= steps
            assert client.ask(Home(home), "GET", f"metrics?at={moment}") == metrics
            arrived = len(receiver.arrived)
            until(lambda: len(receiver.arrived) > arrived)
        assert Counter(receiver.ids).most_common(1)[0][1] == 1
        bodies = {event_id: body for event_id, body, *_ in receiver.arrived}
        assert len(set(bodies.values())) == len(bodies)


def test_killed_in_a_burst_it_loses_nothing_and_tells_nothing_differently(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with peer(wait=0.002) as receiver:
        with serving(home, *SMALL, "--no-trickle") as process:
            client.ask(Home(home), "POST", "deliver", {"url": receiver.url, "concurrency": 2})
            until(lambda: len(receiver.arrived) > 30)
            process.kill()
            process.wait(timeout=30)
        with serving(home, "--no-trickle"):
            done = deliver(home, receiver.url)
    seen: dict[str, bytes] = {}
    for event_id, body, *_ in receiver.arrived:
        assert seen.setdefault(event_id, body) == body
    assert len(seen) == done["acknowledged"]
    repeated = sum(count - 1 for count in Counter(receiver.ids).values())
    assert repeated <= 2  # what was under way when it was killed


def test_a_receiver_that_was_away_gets_everything_when_it_is_back(tmp_path: Path) -> None:
    away = [True]
    home = tmp_path / "home"
    with peer(lambda event_id, seen: 503 if away[0] else 200) as receiver, serving(home, *SMALL, "--no-trickle"):
        client.ask(Home(home), "POST", "deliver", {"url": receiver.url})
        until(lambda: len(receiver.arrived) >= 20)
        away[0] = False
        assert deliver(home, receiver.url)["refused"]["503"] >= 20
        before = len(receiver.arrived)
        again = ask("deliver", home, "--to", receiver.url, "--again", "--events", "*", "--wait")
        assert again["acknowledged"] == again["events"] == len(set(receiver.ids[before:]))


def test_one_refused_event_does_not_hold_up_the_others(tmp_path: Path) -> None:
    refused: list[str] = []

    def answer(event_id: str, seen: int) -> int:
        if not refused:
            refused.append(event_id)
        return 400 if event_id == refused[0] else 200

    home = tmp_path / "home"
    with peer(answer) as receiver, serving(home, *SMALL, "--no-trickle"):
        client.ask(Home(home), "POST", "deliver", {"url": receiver.url})
        until(lambda: status(home)["pending"] == 1)
        until(lambda: receiver.ids.count(refused[0]) > 3)  # it comes again
        assert max(count for event_id, count in Counter(receiver.ids).items() if event_id != refused[0]) == 1


def test_the_control_surface_needs_its_token(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with serving(home, *SMALL, "--no-trickle"):
        facts = credentials(home)
        (home / "simulator.json").write_text(json.dumps({**facts, "control_token": "guessed"}))
        done = run("account", home)
        assert (done.returncode, done.stderr) == (1, "simulator: the control token of simulator.json is needed\n")


def test_what_is_refused_with_one_line(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with serving(home, *SMALL, "--no-trickle"):
        facts = credentials(home)
        second = run("serve", home)
        assert (second.returncode, second.stderr) == (1, f"simulator: a simulator is already running on {home}\n")
        taken = run("serve", tmp_path / "other", *SMALL, "--port", str(facts["port"]))
        assert (taken.returncode, taken.stderr) == (
            1,
            f"simulator: port {facts['port']} cannot be used: Address already in use\n",
        )
        wrong = run("deliver", home, "--to", "ftp://nowhere")
        assert (wrong.returncode, wrong.stderr) == (
            1,
            "simulator: not a URL that events can be delivered to: ftp://nowhere\n",
        )
    other_seed = run("serve", home, "--seed", "6")
    assert other_seed.returncode == 2
    assert other_seed.stderr == f"simulator: {home} holds an account with --seed 5; take another --home\n"
    gone = run("metrics", home)
    assert (gone.returncode, gone.stderr) == (
        1,
        f"simulator: no simulator is running on {home} (nobody answers at {facts['url']})\n",
    )
    assert run("serve", home, "--history-days", "none").returncode == 2
    assert run("serve", home, "--family", "1999-01-01").returncode == 2


def test_credentials_are_printed_as_stripe_connect_reads_them(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with serving(home, *SMALL, "--no-trickle"):
        facts = credentials(home)
        printed = ask("account", home, "--credentials")
        names = ("publishable_key", "secret_key", "webhook_secret")
        assert printed == {name: facts[name] for name in names}
        restricted = ask("account", home, "--credentials", "--restricted")
        assert restricted["secret_key"] == facts["restricted_key"]
        shown = run("account", home).stdout
        assert [name for name in names if facts[name] in shown] == []
