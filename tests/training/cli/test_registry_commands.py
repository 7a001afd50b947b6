"""promote, rollback and compare on the command line: exit codes, one JSON object, and what is said."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from support.registries import Registry
from support.served import Done, run_command

from training.making.pipeline import Trained
from training.registry.tracking import fetch_bundle
from training.settings import Environment

Command = Callable[..., Done]
COMMANDS = ("promote", "rollback", "compare")


@pytest.fixture
def churn_risk(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    def run(*arguments: object) -> Done:
        return run_command(monkeypatch, capfd, *arguments)

    return run


@pytest.mark.parametrize("command", COMMANDS)
def test_help(churn_risk: Command, command: str) -> None:
    assert f"│ {command} " in churn_risk("--help").out
    done = churn_risk(command, "--help")
    assert done.code == 0 and done.err == "" and f"churn-risk {command}" in done.out and "--json" in done.out


@pytest.mark.parametrize(
    "arguments",
    [("promote",), ("promote", "1", "2"), ("promote", "1", "--reason"), ("rollback", "1"), ("compare", "1"),
     ("compare", "1", "2", "3")],
    ids=" ".join,
)  # fmt: skip
def test_bad_usage_ends_with_2(churn_risk: Command, environment: Environment, arguments: tuple[str, ...]) -> None:
    done = churn_risk(*arguments)
    assert done.code == 2 and done.out == "" and "Traceback" not in done.err
    assert not environment.home.exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("promote", "9"), "there is no version '9' of churn-risk"),
        (("compare", "1", "9"), "there is no version '9' of churn-risk"),
        (("rollback",), "there is nothing to roll back to: version 1 is the champion"),
    ],
    ids=["promote", "compare", "rollback"],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_what_cannot_be_ends_with_2(
    churn_risk: Command, registry: Registry, arguments: tuple[str, ...], says: str, as_json: bool
) -> None:
    done = churn_risk(*arguments, *(["--json"] if as_json else []))
    assert done.code == 2 and done.out == "" and done.err.startswith(f"error: {says}")
    assert registry.champion == "1" and len(registry.moves) == 1


@pytest.mark.parametrize("arguments", [("promote", "1"), ("compare", "1", "2"), ("rollback",)], ids=" ".join)
def test_without_any_model_nothing_is_made(
    churn_risk: Command, environment: Environment, arguments: tuple[str, ...]
) -> None:
    done = churn_risk(*arguments)
    assert done.code == 2 and done.out == "" and done.err.startswith("error: there is no")
    assert not environment.home.exists()


def test_promote_what_won(churn_risk: Command, registry: Registry) -> None:
    version = registry.add("won")
    done = churn_risk("promote", version)
    assert done.code == 0 and done.out == "" and "override" not in done.err
    assert done.err.startswith("version 2 is the champion now in place of version 1")
    assert registry.champion == version


def test_promote_by_override(churn_risk: Command, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURN_RISK_USER", "Ada [ops]")
    version = registry.add("lost")
    for options in ((), ("--override",), ("--reason", "a new product")):
        done = churn_risk("promote", version, *options)
        assert done.code == 2 and done.out == ""
        assert done.err.startswith("error: version 2: it lost against the champion at the gate; to promote it give ")
    assert registry.champion == "1" and len(registry.moves) == 1
    done = churn_risk("promote", version, "--override", "--reason", "a new product")
    assert done.code == 0 and "by override, recorded with the name Ada [ops]" in done.err
    move = registry.moves[-1]
    assert (move.version, move.by, move.override, move.reason) == ("2", "Ada [ops]", True, "a new product")


def test_promote_and_rollback_as_json(churn_risk: Command, registry: Registry) -> None:
    version = registry.add("undecided")
    done = churn_risk("promote", version, "--override", "--reason", "März", "--json")
    assert done.code == 0 and done.err == ""
    assert set(done.result) == {"model_version", "moved", "gate", "skipped", "published", "move"}
    assert done.result["model_version"] == "2" and done.result["moved"] is True and done.result["gate"] == "undecided"
    assert done.result["move"] == vars(registry.moves[-1])
    again = churn_risk("promote", version, "--json")
    assert again.code == 0 and again.result["moved"] is False and again.result["move"] is None
    back = churn_risk("rollback", "--reason", "it misleads", "--json")
    assert back.code == 0 and back.err == "" and back.result["model_version"] == "1"
    assert back.result["move"]["how"] == "rollback" and back.result["move"]["from_version"] == "2"
    assert back.result["skipped"] == [] and registry.champion == "1"


def test_promoting_the_champion_again_says_so(churn_risk: Command, registry: Registry) -> None:
    done = churn_risk("promote", "1")
    assert done.code == 0 and done.err == "version 1 is the champion already: nothing to do\n"
    assert len(registry.moves) == 1


def test_rollback_names_what_it_passes_over(churn_risk: Command, registry: Registry) -> None:
    for version in (registry.add("won"), registry.add("won")):
        assert churn_risk("promote", version).code == 0
    registry.delete("2")
    done = churn_risk("rollback")
    assert done.code == 0 and "version 2 was champion before, but is deleted: passed over" in done.err
    assert "version 1 is the champion now in place of version 3" in done.err


def test_a_damaged_version_is_a_failure(churn_risk: Command, registry: Registry) -> None:
    version = registry.add("won")
    (fetch_bundle(registry.environment, version) / "model.txt").write_text("")
    done = churn_risk("promote", version)
    assert done.code == 1 and done.out == "" and "checksum differs" in done.err and "Traceback" not in done.err
    assert registry.champion == "1" and len(registry.moves) == 1


def test_compare(churn_risk: Command, registry: Registry, trained: Trained) -> None:
    version = registry.add("won")
    done = churn_risk("compare", "1", version)
    assert done.code == 0 and done.out == ""
    verdict = trained.verdict
    auc, interval = verdict.metrics["model"].roc_auc, verdict.intervals["roc_auc"]
    assert f"{auc:.3f} ({interval.low:.3f} to {interval.high:.3f})" in done.err
    for words in (
        "version 1", "version 2", "champion", "candidate", "won", "no setting differs", f"{len(trained.data):,}",
        f"On the {len(trained.judged.data):,} rows", "version 2 less version 1", "ROC AUC: +0.000",
        "lost revenue captured, top 10 %: +0.000 (+0.000 to +0.000); ", "note: ",
    ):  # fmt: skip
        assert words in done.err
    assert registry.champion == "1"


def test_compare_as_json(churn_risk: Command, registry: Registry, trained: Trained) -> None:
    done = churn_risk("compare", "1", registry.add(None), "--json")
    assert done.code == 0 and done.err == ""
    assert set(done.result) == {"versions", "settings", "signals_only_in", "common", "notes"}
    first, second = done.result["versions"]
    assert first["model_version"] == "1" and first["champion"] is True and first["gate"] == "first"
    assert second["model_version"] == "2" and second["champion"] is False and second["gate"] is None
    assert first["metrics"] == json.loads(json.dumps(trained.verdict.as_dict()["metrics"]["model"]))
    assert done.result["common"]["rows"] == len(trained.judged.data)
    assert done.result["common"]["figures"]["captured_10"]["difference"] == {"value": 0, "low": 0, "high": 0}
