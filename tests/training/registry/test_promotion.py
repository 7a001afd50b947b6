"""The champion, by hand: only what won or is overridden, only what loads, and back as far as there is somewhere."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from support.registries import Registry

import training.registry.promotion as promotion
from features.errors import BundleDamaged, ChurnRiskError, InputError, SignalsDiffer
from features.signal import signal_names
from training.bundle.bundle import Bundle
from training.registry.champion import PROMOTE, move_champion
from training.registry.promotion import look_up, promote, rollback
from training.registry.tracking import connected, fetch, fetch_bundle
from training.settings import CHAMPION, MODEL_NAME, Environment


@pytest.fixture
def artefact(bundle_folder: Path, tmp_path: Path) -> Path:
    """Return the bundle where MLflow has it below a version's source, to be damaged."""
    return Path(shutil.copytree(bundle_folder, tmp_path / "model" / "artifacts" / "bundle"))


# Promote


def test_the_first_version_was_recorded_as_first(registry: Registry) -> None:
    (only,) = registry.moves
    assert (only.version, only.from_version, only.how, only.override) == ("1", None, "first", False)
    assert look_up(registry.environment, "1").gate == "first"


def test_what_won_at_the_gate_is_promoted(registry: Registry) -> None:
    version = registry.add("won")
    outcome = promote(registry.environment, version)
    assert registry.champion == version == fetch(registry.environment).version
    assert outcome.version == version and outcome.gate == "won" and outcome.move == registry.moves[-1]
    assert (outcome.move.from_version, outcome.move.how, outcome.move.override) == ("1", "promote", False)
    assert outcome.move.reason == ""


def test_to_ask_for_an_override_of_a_win_is_none(registry: Registry) -> None:
    outcome = promote(registry.environment, registry.add("won"), "to be sure", override=True)
    assert outcome.move is not None and not outcome.move.override and outcome.move.reason == "to be sure"


@pytest.mark.parametrize(
    ("gate", "says"),
    [
        ("lost", "it lost against the champion at the gate"),
        ("undecided", "the gate was undecided between it and the champion"),
        ("first", "it met no champion at the gate"),
        (None, "it was never at the gate"),
    ],
)
def test_what_did_not_win_needs_an_override_and_a_reason(registry: Registry, gate: str | None, says: str) -> None:
    version, before = registry.add(gate), registry.moves
    for reason, override, missing in (
        ("", False, "--override and a --reason"),
        ("a hunch", False, "--override and a --reason"),
        ("", True, "a --reason"),
        (" \n ", True, "a --reason"),
    ):
        with pytest.raises(InputError) as refused:
            promote(registry.environment, version, reason, override)
        assert str(refused.value) == f"version {version}: {says}; to promote it give {missing}"
    assert registry.champion == "1" and registry.moves == before
    outcome = promote(registry.environment, version, " new  \n product ", override=True)
    assert registry.champion == version and outcome.move == registry.moves[-1]
    assert outcome.move.override and outcome.move.reason == "new product"


def test_promoting_the_champion_again_records_nothing(registry: Registry) -> None:
    before = registry.moves
    outcome = promote(registry.environment, "1")
    assert outcome.move is None and outcome.version == "1" and outcome.as_dict()["moved"] is False
    assert registry.champion == "1" and registry.moves == before


@pytest.mark.parametrize("version", ["99", "0", "latest", "champion", "", "1.0"])
def test_an_unknown_version_is_bad_input(registry: Registry, version: str) -> None:
    with pytest.raises(InputError, match=f"there is no version '{version}'"):
        promote(registry.environment, version, "because", override=True)
    assert registry.champion == "1"


def test_a_deleted_version_is_unknown(registry: Registry) -> None:
    version = registry.add("won")
    registry.delete(version)
    with pytest.raises(InputError, match="there is no version"):
        promote(registry.environment, version)


def test_a_reason_must_fit_the_record(registry: Registry) -> None:
    version, before = registry.add("won"), registry.moves
    with pytest.raises(InputError, match="1,001 characters are too many, 1,000 at most"):
        promote(registry.environment, version, "x" * 1001)
    assert registry.moves == before
    promote(registry.environment, version, "x" * 999 + "\udcff")
    assert registry.moves[-1].reason == "x" * 999 + "?"


def test_without_a_champion_a_version_can_be_promoted(registry: Registry) -> None:
    version = registry.add("won")
    registry.delete("1")
    assert registry.champion is None
    outcome = promote(registry.environment, version)
    assert outcome.move is not None and outcome.move.from_version is None and registry.champion == version


# Only what loads


def damage_trees(bundle: Path) -> None:
    (bundle / "model.txt").write_text("tree\n")


def remove_manifest(bundle: Path) -> None:
    (bundle / "manifest.json").unlink()


def remove_all(bundle: Path) -> None:
    shutil.rmtree(bundle)


def other_signals(bundle: Path) -> None:
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["signals"][0] = "horoscope"
    (bundle / "manifest.json").write_text(json.dumps(manifest))


DAMAGES = {
    "trees": (damage_trees, BundleDamaged),
    "manifest": (remove_manifest, BundleDamaged),
    "all": (remove_all, BundleDamaged),
    "signals": (other_signals, SignalsDiffer),
}


@pytest.mark.parametrize("fetched", [False, True], ids=["in the registry", "in the registry, fetched before"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_what_does_not_load_is_not_promoted(registry: Registry, artefact: Path, damage: str, fetched: bool) -> None:
    spoil, error = DAMAGES[damage]
    version, before = registry.add("won", artefact), registry.moves
    if fetched:
        fetch_bundle(registry.environment, version)
    spoil(artefact)
    with pytest.raises(error):
        promote(registry.environment, version)
    assert registry.champion == "1" == fetch(registry.environment).version and registry.moves == before


def test_what_was_fetched_here_and_damaged_since_is_not_promoted(registry: Registry) -> None:
    version = registry.add("won")
    damage_trees(fetch_bundle(registry.environment, version))
    with pytest.raises(BundleDamaged):
        promote(registry.environment, version)
    assert registry.champion == "1"


def test_what_does_not_load_is_not_rolled_back_to(registry: Registry, artefact: Path) -> None:
    second, third = registry.add("won", artefact), registry.add("won")
    promote(registry.environment, second)
    promote(registry.environment, third)
    other_signals(artefact)
    before = registry.moves
    with pytest.raises(SignalsDiffer, match=signal_names()[1]):
        rollback(registry.environment)
    assert registry.champion == third and registry.moves == before
    assert promote(registry.environment, "1", "2 does not load", override=True).version == "1", "the way round it"


# Roll back


def test_a_rollback_after_a_rollback_goes_further_back(registry: Registry) -> None:
    second, third = registry.add("won"), registry.add("lost")
    promote(registry.environment, second)
    promote(registry.environment, third, "a test", override=True)
    for expected in (second, "1"):
        outcome = rollback(registry.environment, "it misleads")
        assert outcome.version == expected == registry.champion and outcome.skipped == ()
        assert outcome.move == registry.moves[-1]
        assert (outcome.move.how, outcome.move.override, outcome.move.reason) == ("rollback", False, "it misleads")
    before = registry.moves
    with pytest.raises(InputError, match="nothing to roll back to: version 1 is the champion and no earlier one"):
        rollback(registry.environment)
    assert registry.champion == "1" and registry.moves == before
    promote(registry.environment, third, "again", override=True)
    assert rollback(registry.environment).version == "1"


def test_deleted_versions_are_passed_over_and_named(registry: Registry) -> None:
    versions = [registry.add("won") for _ in range(3)]
    for version in versions:
        promote(registry.environment, version)
    for version in versions[:2]:
        registry.delete(version)
    outcome = rollback(registry.environment)
    assert outcome.version == "1" == registry.champion
    assert outcome.skipped == (versions[1], versions[0]) and outcome.as_dict()["skipped"] == ["3", "2"]


def test_a_rollback_does_not_end_where_it_began(registry: Registry) -> None:
    """1, 2, 1 again, and 2 deleted: what lies below is the champion itself."""
    second = registry.add("won")
    promote(registry.environment, second)
    promote(registry.environment, "1", "back", override=True)
    registry.delete(second)
    with pytest.raises(InputError, match=r"nothing to roll back to.*deleted since: 2"):
        rollback(registry.environment)


def test_a_deleted_champion_can_be_rolled_back_from(registry: Registry) -> None:
    second = registry.add("won")
    promote(registry.environment, second)
    registry.delete(second)
    assert registry.champion is None
    outcome = rollback(registry.environment)
    assert outcome.version == "1" == registry.champion and outcome.skipped == (second,)


def test_a_champion_set_in_mlflow_is_rolled_back_from(registry: Registry) -> None:
    second = registry.add(None)
    with connected(registry.environment) as client:
        client.set_registered_model_alias(MODEL_NAME, CHAMPION, second)
    outcome = rollback(registry.environment)
    assert outcome.version == "1" and outcome.move is not None and outcome.move.from_version == second


def test_without_any_model_there_is_nothing_to_roll_back_to(environment: Environment) -> None:
    with pytest.raises(InputError, match="nothing to roll back to: there is no champion"):
        rollback(environment)


# Somebody else at the same time


@pytest.mark.parametrize("what", ["promote", "rollback"])
def test_a_champion_moved_in_the_meantime_stays(registry: Registry, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    second, third = registry.add("won"), registry.add("won")
    promote(registry.environment, second)
    real = promotion.check_loads

    def meanwhile(environment: Environment, version: str) -> Bundle:
        bundle = real(environment, version)
        with connected(environment) as client:
            assert move_champion(client, environment.home, third, expected=second, how=PROMOTE, staged=None)
        return bundle

    monkeypatch.setattr(promotion, "check_loads", meanwhile)
    with pytest.raises(ChurnRiskError, match="the champion was version 2 a moment ago and is version 3 now"):
        if what == "promote":
            promote(registry.environment, registry.add("won"))
        else:
            rollback(registry.environment)
    assert registry.champion == third and registry.moves[-1].version == third
