"""Delivery against a real receiver on loopback: retries, duplicates, order, drops, stopping, and the figures."""

import socket
import threading
from collections import Counter

import pytest
import stripe

from pqintel.simulator.delivery import Conditions, Deliverer, Parcel, percentile
from pqintel.simulator.delivery.conditions import arrange
from tests.simulator.peer import peer

SECRET = "whsec_" + "s" * 32
PARCELS = [Parcel(f"evt_{number:03}", b'{"id": "evt_%03d"}' % number) for number in range(60)]
IDS = [parcel.event_id for parcel in PARCELS]


def test_every_event_arrives_once_signed_over_kept_alive_connections() -> None:
    with peer() as receiver:
        report = Deliverer(receiver.url, [SECRET], Conditions(concurrency=4)).deliver(PARCELS)
    assert sorted(receiver.ids) == IDS
    assert len({connection for *_, connection in receiver.arrived}) == 4
    for event_id, body, header, _ in receiver.arrived:
        assert stripe.WebhookSignature.verify_header(body.decode(), header, SECRET, tolerance=300) is True
        assert body == b'{"id": "%s"}' % event_id.encode()
    assert (report.sent, report.acknowledged, report.refused) == (60, frozenset(IDS), {})
    assert (report.dropped, report.abandoned) == (frozenset(), frozenset())


def test_ordered_delivery_holds_everything_back_until_the_failing_event_is_through() -> None:
    with peer(lambda event_id, seen: 500 if event_id == "evt_003" and seen < 2 else 200) as receiver:
        report = Deliverer(receiver.url, [SECRET], Conditions(ordered=True, backoff=0.001)).deliver(PARCELS[:6])
    assert receiver.ids == ["evt_000", "evt_001", "evt_002", "evt_003", "evt_003", "evt_003", "evt_004", "evt_005"]
    assert [answer.attempt for answer in report.answers] == [1, 1, 1, 1, 2, 3, 1, 1]
    assert report.refused == {500: 2}


def test_an_ordered_delivery_gives_up_after_the_last_attempt_and_goes_on() -> None:
    with peer(lambda event_id, seen: 400 if event_id == "evt_000" else 200) as receiver:
        report = Deliverer(receiver.url, [SECRET], Conditions(ordered=True, attempts=3, backoff=0.001)).deliver(
            PARCELS[:2]
        )
    assert receiver.ids == ["evt_000", "evt_000", "evt_000", "evt_001"]
    assert (report.abandoned, report.acknowledged) == (frozenset({"evt_000"}), frozenset({"evt_001"}))


@pytest.mark.parametrize("status", [301, 304, 400, 404, 500, 503, 0])
def test_anything_but_2xx_is_tried_again(status: int) -> None:
    with peer(lambda event_id, seen: status if seen == 0 else 204) as receiver:
        report = Deliverer(receiver.url, [SECRET], Conditions(backoff=0.001)).deliver(PARCELS[:5])
    assert Counter(receiver.ids) == dict.fromkeys(IDS[:5], 2)
    assert report.refused == {status: 5}
    assert report.acknowledged == frozenset(IDS[:5])


def test_each_attempt_is_signed_anew() -> None:
    clock = iter(range(1_700_000_000, 1_700_000_100))
    with peer(lambda event_id, seen: 200 if seen else 500) as receiver:
        Deliverer(
            receiver.url, [SECRET], Conditions(concurrency=1, backoff=0.001), now=lambda: float(next(clock))
        ).deliver(PARCELS[:1])
    times = [header.split(",")[0] for _, _, header, _ in receiver.arrived]
    assert times == ["t=1700000000", "t=1700000001"]


def test_a_chunked_answer_keeps_the_connection() -> None:
    with peer(chunked=True) as receiver:
        report = Deliverer(receiver.url, [SECRET], Conditions(concurrency=1)).deliver(PARCELS[:10])
    assert len({connection for *_, connection in receiver.arrived}) == 1
    assert len(report.acknowledged) == 10


def test_a_connection_that_the_receiver_closed_while_idle_is_not_a_failure() -> None:
    with peer(close_after_each=True) as receiver:
        deliverer = Deliverer(receiver.url, [SECRET], Conditions(rate=50, concurrency=1))
        report = deliverer.deliver(PARCELS[:5])
    assert (report.sent, report.refused) == (5, {})
    assert len({connection for *_, connection in receiver.arrived}) == 5


def test_duplicates_are_further_copies_of_the_same_bytes() -> None:
    with peer() as receiver:
        report = Deliverer(receiver.url, [SECRET], Conditions(copies=3, shuffle=-1, seed=5)).deliver(PARCELS)
    assert Counter(receiver.ids) == dict.fromkeys(IDS, 3)
    assert (report.sent, len(report.acknowledged)) == (180, 60)


def test_shuffling_follows_the_seed_and_a_window_bounds_how_early_an_event_comes() -> None:
    def order(shuffle: int = 0, seed: int = 0) -> list[str]:
        return [parcel.event_id for parcel, _ in arrange(PARCELS, Conditions(shuffle=shuffle, seed=seed))]

    assert order() == IDS
    assert order(shuffle=-1, seed=1) == order(shuffle=-1, seed=1) != order(shuffle=-1, seed=2)
    assert sorted(order(shuffle=-1, seed=1)) == IDS
    windowed = order(shuffle=8, seed=1)
    assert windowed != IDS
    assert sorted(windowed) == IDS
    assert max(IDS.index(event_id) - place for place, event_id in enumerate(windowed)) <= 7


def test_dropped_events_never_leave() -> None:
    with peer() as receiver:
        report = Deliverer(receiver.url, [SECRET], Conditions(drop=0.25, seed=3)).deliver(PARCELS)
    assert 0 < len(report.dropped) < 60
    assert frozenset(receiver.ids) == report.acknowledged == frozenset(IDS) - report.dropped


def test_delayed_events_are_overtaken_but_arrive() -> None:
    with peer() as receiver:
        report = Deliverer(receiver.url, [SECRET], Conditions(delay=0.05, concurrency=2, seed=1)).deliver(PARCELS)
    assert receiver.ids != IDS
    assert report.acknowledged == frozenset(IDS)


def test_a_rate_spaces_the_events_evenly() -> None:
    with peer() as receiver:
        report = Deliverer(receiver.url, [SECRET], Conditions(rate=200, concurrency=2)).deliver(PARCELS[:40])
    assert len(receiver.ids) == 40
    assert report.seconds >= 39 / 200


def test_with_a_rate_the_latency_counts_from_the_moment_an_event_was_due() -> None:
    with peer(wait=0.03) as receiver:
        report = Deliverer(receiver.url, [SECRET], Conditions(rate=1000, concurrency=1)).deliver(PARCELS[:10])
    waits = [answer.seconds for answer in report.answers]
    assert waits[-1] >= 10 * 0.03 - 9 / 1000
    assert waits == sorted(waits)


def test_no_answer_in_time_is_a_failure() -> None:
    with peer(wait=0.3) as receiver:
        report = Deliverer(receiver.url, [SECRET], Conditions(timeout=0.05, attempts=1)).deliver(PARCELS[:2])
    assert report.refused == {0: 2}
    assert {answer.error for answer in report.answers} == {"timed out"}


def test_nobody_listening_is_a_failure_not_a_crash() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    report = Deliverer(f"http://127.0.0.1:{port}/", [SECRET], Conditions(attempts=2, backoff=0.001)).deliver(
        PARCELS[:1]
    )
    assert report.refused == {0: 2}
    assert report.abandoned == frozenset({"evt_000"})


def test_a_receiver_that_does_not_speak_http_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def babble() -> None:
            connection, _ = listening.accept()
            connection.recv(65536)
            connection.sendall(b"220 mail.example ESMTP\r\n\r\n")
            connection.close()

        thread = threading.Thread(target=babble)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        report = Deliverer(url, [SECRET], Conditions(attempts=1)).deliver(PARCELS[:1])
        thread.join()
    assert [answer.error for answer in report.answers] == ["the peer does not speak HTTP/1"]


def test_stop_ends_a_delivery_early() -> None:
    with peer() as receiver:
        deliverer = Deliverer(receiver.url, [SECRET], Conditions(rate=1), on_acknowledged=lambda _: deliverer.stop())
        report = deliverer.deliver(PARCELS)
    assert 1 <= report.sent <= 2
    assert receiver.ids[0] == "evt_000"


def test_each_acknowledged_event_is_told_once() -> None:
    told: list[str] = []
    with peer(lambda event_id, seen: 200 if seen else 503) as receiver:
        Deliverer(receiver.url, [SECRET], Conditions(copies=2, backoff=0.001), on_acknowledged=told.append).deliver(
            PARCELS[:10]
        )
    assert sorted(told) == IDS[:10]


def test_a_failing_source_of_events_fails_the_delivery() -> None:
    def source() -> object:
        yield PARCELS[0]
        raise RuntimeError("no more")

    with peer() as receiver, pytest.raises(RuntimeError, match="no more"):
        Deliverer(receiver.url, [SECRET]).deliver(source())  # type: ignore[arg-type]  # as wrong as it looks


def test_impossible_conditions_and_urls_are_refused() -> None:
    with pytest.raises(ValueError, match="start at 1"):
        Conditions(copies=0)
    with pytest.raises(ValueError, match="positive"):
        Conditions(rate=0)
    with pytest.raises(ValueError, match="not a URL"):
        Deliverer("ftp://127.0.0.1/", [SECRET])


@pytest.mark.parametrize(("share", "value"), [(0.5, 50.0), (0.95, 95.0), (0.99, 99.0), (1.0, 100.0), (0.07, 7.0)])
def test_percentiles_are_by_nearest_rank(share: float, value: float) -> None:
    assert percentile([float(number) for number in range(100, 0, -1)], share) == value
    assert percentile([], share) == 0.0


def test_the_report_as_json() -> None:
    with peer(lambda event_id, seen: 200 if seen else 500) as receiver:
        figures = Deliverer(receiver.url, [SECRET], Conditions(backoff=0.001)).deliver(PARCELS[:3]).as_dict()
    counts = {key: figures[key] for key in ("sent", "acknowledged", "refused", "dropped", "abandoned")}
    assert counts == {"sent": 6, "acknowledged": 3, "refused": {"500": 3}, "dropped": 0, "abandoned": 0}
