"""A new key, from the first day to the last of the old one; wrong and missing keys at boot."""

import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection

from billing.modes import Mode
from integrations.models import Connection, InboxEvent
from pqintel.vault import Ring, Secret, ring, seal, unseal
from pqintel.vault import rewrap as rewrapping
from pqintel.vault.canaries import key_problems, plant, verify_keys
from pqintel.vault.checks import keys_are_well_formed, keys_fit_the_data
from pqintel.vault.columns import sealed_columns
from pqintel.vault.models import Canary
from pqintel.vault.references import references
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction
from tests.factories import ConnectionFactory, InboxEventFactory, WorkspaceFactory

pytestmark = pytest.mark.django_db(transaction=True)

OLD, BOTH, NEW = f"k1:{'1' * 64}", f"k2:{'2' * 64},k1:{'1' * 64}", f"k2:{'2' * 64}"
BODY = b'{"id": "evt_rotation", "canary": true}'


@pytest.fixture(autouse=True)
def old_key(settings: Any) -> None:
    settings.PQ_KEYS = OLD


def body_place(workspace: Workspace, event_id: str) -> tuple[object, ...]:
    return ("integrations_inboxevent", "body", workspace.pk, event_id)


def waiting(stripe: Connection, event_id: str) -> InboxEvent:
    sealed = seal(BODY, *body_place(stripe.workspace, event_id))
    event: InboxEvent = InboxEventFactory(connection=stripe, event_id=event_id, body=sealed)
    return event


@pytest.fixture
def stripe() -> Connection:
    """A connection (four sealed values) with two waiting events, and another workspace's with one."""
    mine: Connection = ConnectionFactory(workspace__slug="acme")
    waiting(mine, "evt_1")
    waiting(mine, "evt_2")
    InboxEventFactory(connection=mine, event_id="evt_done", body=None)
    other = ConnectionFactory(workspace__slug="bolt", mode=Mode.LIVE, previous_webhook_secret="whsec_" + "o" * 24)
    waiting(other, "evt_1")
    return mine


def command(name: str, *words: str) -> tuple[int, Any]:
    """Exit code and output of a command, parsed where --json was given."""
    out, code = StringIO(), 0
    try:
        call_command(name, *words, stdout=out)
    except SystemExit as end:
        code = int(str(end.code))
    text = out.getvalue()
    return code, json.loads(text) if "--json" in words else text


def every_value_opens(stripe: Connection) -> bool:
    with scoped_transaction(stripe.workspace_id):
        found = Connection.objects.get(pk=stripe.pk)
        events = list(InboxEvent.objects.filter(body__isnull=False))
    bodies = [unseal(bytes(e.body), *body_place(stripe.workspace, e.event_id)) for e in events]
    return (found.webhook_secret, bodies) == (Secret("whsec_" + "w" * 32), [BODY, BODY])


def test_every_sealed_column_is_known() -> None:
    assert sorted(map(str, sealed_columns())) == [
        "integrations_channel.secret",
        "integrations_connection.draft_publishable_key",
        "integrations_connection.draft_secret_key",
        "integrations_connection.draft_webhook_secret",
        "integrations_connection.previous_webhook_secret",
        "integrations_connection.publishable_key",
        "integrations_connection.secret_key",
        "integrations_connection.token",
        "integrations_connection.webhook_secret",
        "integrations_inboxevent.body",
    ]


def test_a_rotation_from_beginning_to_end(stripe: Connection, settings: Any) -> None:
    plant()
    assert references() == {"k1": 12}
    settings.PQ_KEYS = BOTH
    plant()
    assert command("keys_status", "--droppable", "k1")[0] == 1
    assert command("keys_rewrap", "--json") == (
        0,
        {"active": "k2", "workspaces": 2, "resealed": 12, "unreadable": 0, "busy": 0},
    )
    assert references() == {"k2": 12}
    assert every_value_opens(stripe)
    assert command("keys_status", "--droppable", "k1", "--json") == (
        0,
        {
            "keys": [
                {"id": "k2", "active": True, "in_ring": True, "references": 12, "droppable": False},
                {"id": "k1", "active": False, "in_ring": True, "references": 0, "droppable": True},
            ],
            "missing": [],
        },
    )
    assert command("keys_forget", "k1") == (0, "k1 may be taken out of PQ_KEYS.\n")
    settings.PQ_KEYS = NEW
    verify_keys()
    assert every_value_opens(stripe)
    assert command("keys_rewrap")[1] == "Active key k2, 2 workspaces: 0 resealed, 0 unreadable, 0 busy\n"


def test_progress_is_told_by_workspace(stripe: Connection, settings: Any) -> None:
    settings.PQ_KEYS = BOTH
    code, told = command("keys_rewrap", "--batch", "1")
    assert code == 0
    assert told.splitlines() == [
        "acme: 6 resealed, 0 unreadable, 0 busy",
        "bolt: 6 resealed, 0 unreadable, 0 busy",
        "Active key k2, 2 workspaces: 12 resealed, 0 unreadable, 0 busy",
    ]


def test_killed_half_way_it_goes_on_where_it_stopped(
    stripe: Connection, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PQ_KEYS = BOTH

    class Killed(BaseException):
        pass

    calls = []

    def dying(self: Ring, plain: bytes, *place: object) -> bytes:
        calls.append(place)
        if len(calls) == 6:
            raise Killed
        return self.seal_with(self.active, plain, *place)

    with monkeypatch.context() as patch:
        patch.setattr(Ring, "seal", dying)
        with pytest.raises(Killed):
            list(rewrapping.rewrap(batch=1))
    assert references() == {"k2": 5, "k1": 7}
    assert every_value_opens(stripe)
    assert command("keys_rewrap", "--json")[1]["resealed"] == 7
    assert references() == {"k2": 12}


def test_a_row_that_somebody_holds_is_met_in_a_later_pass(
    stripe: Connection, settings: Any, monkeypatch: pytest.MonkeyPatch, second_session: Callable[[], Any]
) -> None:
    settings.PQ_KEYS = BOTH
    other = second_session()
    other.execute("SELECT FROM integrations_inboxevent WHERE event_id = 'evt_2' FOR UPDATE")
    pauses: list[float] = []

    def release(seconds: float) -> None:
        pauses.append(seconds)
        other.rollback()

    monkeypatch.setattr(rewrapping.time, "sleep", release)
    assert command("keys_rewrap", "--json")[1] == {
        "active": "k2",
        "workspaces": 2,
        "resealed": 12,
        "unreadable": 0,
        "busy": 0,
    }
    assert pauses == [rewrapping.PAUSE_SECONDS]


def test_a_row_that_stays_locked_is_told_as_busy(
    stripe: Connection, settings: Any, monkeypatch: pytest.MonkeyPatch, second_session: Callable[[], Any]
) -> None:
    settings.PQ_KEYS = BOTH
    monkeypatch.setattr(rewrapping, "PASSES", 2)
    second_session().execute("SELECT FROM integrations_inboxevent WHERE event_id = 'evt_2' FOR UPDATE")
    code, told = command("keys_rewrap", "--json")
    assert (code, told["resealed"], told["busy"]) == (1, 11, 1)


def test_what_cannot_be_opened_is_counted_and_left(stripe: Connection, settings: Any) -> None:
    settings.PQ_KEYS = NEW
    assert command("keys_rewrap", "--json") == (
        1,
        {"active": "k2", "workspaces": 2, "resealed": 0, "unreadable": 12, "busy": 0},
    )
    assert references() == {"k1": 12}


def test_status_names_a_key_that_is_missing(stripe: Connection, settings: Any) -> None:
    settings.PQ_KEYS = NEW
    assert command("keys_status") == (
        1,
        "k2: 0 sealed values, active\nk1: 12 sealed values, MISSING from PQ_KEYS: these values cannot be opened\n",
    )
    with pytest.raises(CommandError, match="No key 'k7'") as refusal:
        command("keys_status", "--droppable", "k7")
    assert refusal.value.returncode == 2


def test_a_key_in_use_is_not_forgotten(stripe: Connection, settings: Any) -> None:
    plant()
    settings.PQ_KEYS = BOTH
    for key, said in (("k1", "12 sealed values still need k1"), ("k2", "k2 is the active key")):
        with pytest.raises(CommandError, match=said):
            command("keys_forget", key)
    assert command("keys_forget", "k1", "--lost")[1] == ("k1 may be taken out of PQ_KEYS. 12 values stay unreadable.\n")


def test_boot_plants_a_canary_for_every_key_once(settings: Any) -> None:
    verify_keys()
    verify_keys()
    assert list(Canary.objects.values_list("key_id", flat=True)) == ["k1"]
    settings.PQ_KEYS = BOTH
    verify_keys()
    assert sorted(Canary.objects.values_list("key_id", flat=True)) == ["k1", "k2"]
    sealed = bytes(Canary.objects.get(key_id="k2").sealed)
    assert Ring.key_id(sealed) == "k2"


def test_boot_refuses_another_key_under_a_known_id(settings: Any) -> None:
    verify_keys()
    settings.PQ_KEYS = f"k1:{'f' * 64}"
    with pytest.raises(ImproperlyConfigured, match="'k1' is not the key that sealed"):
        verify_keys()
    assert [problem.id for problem in keys_fit_the_data(databases=["default"])] == ["vault.E002"]


def test_boot_refuses_to_lose_a_key_that_is_needed(stripe: Connection, settings: Any) -> None:
    verify_keys()
    settings.PQ_KEYS = NEW
    with pytest.raises(ImproperlyConfigured, match="'k1' is missing, and 12 sealed values need it"):
        verify_keys()
    assert sorted(Canary.objects.values_list("key_id", flat=True)) == ["k1"]
    settings.PQ_KEYS = BOTH
    verify_keys()


def test_boot_lets_a_key_go_that_nothing_needs(settings: Any) -> None:
    WorkspaceFactory()
    verify_keys()
    settings.PQ_KEYS = NEW
    verify_keys()
    assert key_problems() == []


def test_boot_refuses_a_short_key(settings: Any) -> None:
    settings.PQ_KEYS = f"k1:{'1' * 32}"
    with pytest.raises(ImproperlyConfigured, match="32 bytes"):
        verify_keys()
    assert [problem.id for problem in keys_are_well_formed()] == ["vault.E001"]
    assert keys_fit_the_data(databases=["default"]) == []


def test_checks_are_quiet_when_all_is_well(settings: Any) -> None:
    plant()
    assert keys_are_well_formed() == []
    assert keys_fit_the_data(databases=["default"]) == []
    assert keys_fit_the_data(databases=None) == []


def test_boot_goes_on_without_a_database(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "PORT", "1")
    verify_keys()
    monkeypatch.undo()
    assert [record.message for record in caplog.records] == [
        "The keys could not be checked: the database does not answer (OperationalError)."
    ]


def test_the_canary_holds_no_key(settings: Any) -> None:
    plant()
    assert b"1" * 16 not in bytes(Canary.objects.get().sealed)
    assert ring().active == "k1"
