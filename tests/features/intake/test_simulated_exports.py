"""A simulated book as DATEV, HubSpot, Qualtrics and Zendesk export it comes back as the book that was written."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.as_of import customers
from features.batch.computing import compute
from features.errors import InputError
from features.intake.asking.suggesting import suggest
from features.intake.crosswalk import read_links, write_crosswalk
from features.intake.importing import import_book
from features.matrix import Matrix, first_records
from features.simulation import World
from features.simulation.as_exports import SimulatedExports, simulate_as
from features.sources import open_source
from features.validation import validate

SYSTEMS = ("datev", "hubspot", "qualtrics", "zendesk")
WORLD = World(accounts=60, seed=3)


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> SimulatedExports:
    return simulate_as(WORLD, tmp_path_factory.mktemp("simulated") / "exports", SYSTEMS)


@pytest.fixture(scope="module")
def book(exports: SimulatedExports) -> Path:
    """Suggest, answer, import, confirm the pairs that are proposed, import again."""
    mapping, out = exports.out.parent / "mapping.toml", exports.out.parent / "book"
    answers = tomllib.loads((exports.expected / "answers.toml").read_text(encoding="utf-8"))
    made = suggest(exports.out, "exports", answers)
    assert not made.unknown and not made.open_questions
    mapping.write_text(made.text, encoding="utf-8")
    assert import_book(mapping, out).report.proposals == 2 * WORLD.accounts
    pairs, _ = read_links(mapping.parent / "crosswalk.csv")
    write_crosswalk(mapping.parent / "crosswalk.csv", [pair.confirmed_as("yes") for pair in pairs])
    assert import_book(mapping, out).report.proposals == 0
    return out


def matrix(folder: Path) -> Matrix:
    tables = validate(open_source(folder))
    return compute(tables, customers(tables, [WORLD.ends_on]), first_records(tables))


def test_the_matrix_of_the_import_is_that_of_the_rounded_book(exports: SimulatedExports, book: Path) -> None:
    expected, found = matrix(exports.expected), matrix(book)
    assert len(expected) >= 30
    pd.testing.assert_frame_equal(found.keys, expected.keys)
    for name in expected.signals:
        one, other = expected.signals[name], found.signals[name]
        assert (one.isna() == other.isna()).all(), name
        if pd.api.types.is_numeric_dtype(one):
            np.testing.assert_allclose(other.dropna(), one.dropna(), rtol=0, atol=1e-9, err_msg=name)
        else:
            assert list(other.dropna()) == list(one.dropna()), name


def test_signals_that_the_systems_cannot_know_are_listed_beforehand_and_null(
    exports: SimulatedExports, book: Path
) -> None:
    listed = json.loads((exports.expected / "null_signals.json").read_text(encoding="utf-8"))
    signals = matrix(book).signals
    assert set(listed) == {name for name in signals if signals[name].isna().all()}


def test_the_same_seed_gives_the_same_exports(exports: SimulatedExports, tmp_path: Path) -> None:
    again = simulate_as(WORLD, tmp_path / "again", SYSTEMS)
    assert [path.read_bytes() for path in again.files] == [path.read_bytes() for path in exports.files]


def test_what_cannot_be_written_is_refused(exports: SimulatedExports, tmp_path: Path) -> None:
    for systems, rule in ((("datev", "sap"), "unknown sap"), (("hubspot",), "the ledger is missing")):
        with pytest.raises(InputError, match=rule):
            simulate_as(WORLD, tmp_path / "none", systems)
    with pytest.raises(InputError, match="is not empty"):
        simulate_as(WORLD, exports.out, SYSTEMS)
    assert not (tmp_path / "none").exists()
