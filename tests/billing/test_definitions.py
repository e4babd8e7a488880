"""The definitions that pages show are the published ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from billing.metrics.definitions import DEFINITIONS, MOVEMENTS, Definition, published
from billing.metrics.statement import KINDS

DOCUMENT = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")


def test_the_document_has_the_definitions_word_for_word() -> None:
    assert published() in DOCUMENT


@pytest.mark.parametrize("definition", DEFINITIONS.values(), ids=DEFINITIONS)
def test_a_formula_is_made_of_numbers_that_are_defined(definition: Definition) -> None:
    assert set(definition.made_of) <= DEFINITIONS.keys()
    assert bool(definition.formula) == bool(definition.made_of)


def test_every_kind_of_movement_is_a_number() -> None:
    assert set(MOVEMENTS) == {str(kind) for kind in KINDS}
