"""The model card in MLflow and on the command line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import mlflow
import pytest
from support.cards import changed, shown_in_markdown
from support.registries import Registry, at_gate
from support.served import Done, run_command

import training.registry.tracking as tracking
from training.bundle.bundle import MANIFEST, Bundle, Manifest
from training.card.card import card_of
from training.card.card_html import html_of, markdown_of, summary_of
from training.judge.champion_gate import WON
from training.making.pipeline import Trained
from training.registry.run_records import LONGEST_DESCRIPTION, log_card
from training.registry.tracking import connected, fetch_bundle
from training.settings import MODEL_NAME, Environment

Command = Callable[..., Done]


@pytest.fixture(scope="module")
def manifest(bundle: Bundle) -> Manifest:
    return bundle.manifest


def test_a_version_is_registered_with_its_card(registry: Registry) -> None:
    folder = fetch_bundle(registry.environment, "1")
    card = card_of(Manifest.model_validate_json((folder / MANIFEST).read_text()), "1")
    with connected(registry.environment) as client:
        version = client.get_model_version(MODEL_NAME, "1")
        html, markdown = (mlflow.artifacts.load_text(f"runs:/{version.run_id}/card.{kind}") for kind in ("html", "md"))
    assert html == html_of(card) and markdown == markdown_of(card)
    assert version.description == summary_of(card) and card.remarks[0].text in shown_in_markdown(version.description)


def test_a_long_description_is_cut(registry: Registry, manifest: Manifest) -> None:
    with connected(registry.environment) as client:
        run_id = client.get_model_version(MODEL_NAME, "1").run_id
        log_card(client, run_id, "1", changed(manifest, findings={"warnings": ["leak " * 2000]}))
        described = client.get_model_version(MODEL_NAME, "1").description
    assert len(described) == LONGEST_DESCRIPTION and described.endswith("…")


def test_a_crash_at_the_card_leaves_the_champion(
    registry: Registry, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise RuntimeError("no card")

    monkeypatch.setattr(tracking, "draw_plots", lambda trained, folder: [])
    monkeypatch.setattr(tracking, "log_card", crash)
    with pytest.raises(RuntimeError, match="no card"):
        tracking.register(at_gate(trained, WON), registry.environment, "a folder")
    assert registry.champion == "1"


@pytest.fixture
def churn_risk(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    return lambda *arguments: run_command(monkeypatch, capfd, *arguments)


def test_help_and_bad_usage(churn_risk: Command, environment: Environment) -> None:
    assert "│ card " in churn_risk("--help").out
    helped = churn_risk("card", "--help")
    assert helped.code == 0 and "FILE.html|FILE.md" in helped.out and "--json" in helped.out
    done = churn_risk("card", "--out", "card.pdf")
    assert (done.code, done.out) == (2, "") and done.err == "error: --out card.pdf: a card is written as .html or .md\n"
    assert churn_risk("card", "1", "2").code == 2
    assert not environment.home.exists()


def test_without_a_model_there_is_no_card(churn_risk: Command, registry: Registry, tmp_path: Path) -> None:
    done = churn_risk("card", "9", "--out", tmp_path / "card.md")
    assert (done.code, done.out) == (2, "") and "there is no version '9'" in done.err
    assert done.err.rstrip().endswith("; the versions there: 1")
    (fetch_bundle(registry.environment, "1") / MANIFEST).write_text("{}")
    done = churn_risk("card", "--out", tmp_path / "card.md")
    assert (done.code, done.out) == (1, "") and "manifest.json" in done.err and "differ" in done.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("arguments", [(), ("1",)], ids=["champion", "version"])
def test_card(churn_risk: Command, registry: Registry, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    folder = fetch_bundle(registry.environment, "1")
    card = card_of(Manifest.model_validate_json((folder / MANIFEST).read_text()), "1")
    for name, expected in (("card.html", html_of(card)), ("card.md", markdown_of(card))):
        done = churn_risk("card", *arguments, "--out", tmp_path / "new" / name)
        assert (done.code, done.out) == (0, "") and done.err.startswith("card of version 1 in ")
        assert (tmp_path / "new" / name).read_text(encoding="utf-8") == expected
    done = churn_risk("card", *arguments)
    assert (done.code, done.err) == (0, "") and done.out == markdown_of(card) + "\n"
    done = churn_risk("card", *arguments, "--json", "--out", tmp_path / "again.html")
    assert (done.code, done.err) == (0, "") and set(done.result) == {"model_version", "out", "card"}
    assert done.result["model_version"] == "1" and done.result["card"] == json.loads(json.dumps(card.as_dict()))
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == html_of(card)


def test_a_version_with_other_signals_has_a_card_too(churn_risk: Command, registry: Registry, tmp_path: Path) -> None:
    folder = tmp_path / "MODEL" / "artifacts" / "bundle"
    shutil.copytree(fetch_bundle(registry.environment, "1"), folder)
    other = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(other | {"signals": [*other["signals"], "moon_phase_30d"]}))
    done = churn_risk("card", registry.add("lost", folder))
    assert done.code == 0 and "# Churn risk, version 2" in done.out and "moon_phase_30d" in done.out
