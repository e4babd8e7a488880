"""A secret does not show itself, whichever way one happens to print, copy or store it."""

import copy
import json
import pickle
from dataclasses import asdict, dataclass

import pytest
from django.core.serializers.json import DjangoJSONEncoder
from kombu.utils.json import dumps as celery_dumps

from pqintel.vault import Secret

SECRET = Secret("whsec_" + "canary")


@dataclass
class Holder:
    secret: Secret


@pytest.mark.parametrize(
    "shown",
    [
        repr(SECRET),
        str(SECRET),
        f"{SECRET}",
        f"{SECRET!r:>40}".strip(),
        "{:>5}".format(SECRET),  # noqa: UP032 - one of the ways
        "%s" % SECRET,  # noqa: UP031 - one of the ways
        repr([SECRET]).strip("[]"),
        repr({"a": SECRET})[6:-1],
        repr(Holder(SECRET)).removeprefix("Holder(secret=")[:-1],
    ],
)
def test_prints_as_a_mask(shown: str) -> None:
    assert shown == "Secret(•••)"


def test_value_is_given_when_asked_for() -> None:
    assert SECRET.reveal() == "whsec_" + "canary"


def test_cannot_be_pickled_copied_or_encoded() -> None:
    for attempt in (
        lambda: pickle.dumps(SECRET),
        lambda: copy.copy(SECRET),
        lambda: copy.deepcopy([SECRET]),
        lambda: asdict(Holder(SECRET)),
        lambda: json.dumps(SECRET),
        lambda: json.dumps([SECRET], cls=DjangoJSONEncoder),
        lambda: celery_dumps({"kwargs": {"key": SECRET}}),
    ):
        with pytest.raises(TypeError) as refusal:
            attempt()
        assert "canary" not in str(refusal.value)


def test_has_no_attributes_to_look_into() -> None:
    with pytest.raises(TypeError):
        vars(SECRET)


def test_compares_by_value_and_only_with_its_like() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert hash(Secret("a")) == hash(Secret("a"))
    assert not Secret("")
