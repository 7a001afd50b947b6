"""Two versions side by side: what differs is named, and only rows in common are compared, account by account."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from support.registries import Registry

from features.errors import BundleDamaged, InputError
from training.bundle.bundle import Bundle
from training.contacting import Economics
from training.judge.paired import Common, match, paired
from training.making.pipeline import Trained
from training.models.folds import BY_ACCOUNT, FORWARD
from training.registry.comparison import Comparison, Side, compare, compare_sides
from training.registry.promotion import Version
from training.registry.tracking import connected, fetch_bundle
from training.settings import MODEL_NAME
from training.worth.economics import expected_profit, realised_profit
from training.worth.evaluation import captured

FEW = 20


def judged(
    seed: int, skill: float = 1.0, dates: tuple[str, ...] = ("2025-01-01",), accounts: int = 200
) -> pd.DataFrame:
    """Return rows judged by a made-up version; outcomes and revenue are the same for every seed and skill."""
    book, own = np.random.default_rng(7), np.random.default_rng(seed)
    frames = []
    for day in dates:
        churned = book.random(accounts) < 0.3
        revenue = book.lognormal(8, 1, accounts).round(2)
        score = skill * churned + own.normal(size=accounts)
        frames.append(
            pd.DataFrame(
                {
                    "account_id": [f"A{number}" for number in range(accounts)],
                    "as_of": pd.Timestamp(day),
                    "churned": churned,
                    "revenue_365d": revenue,
                    "value": revenue * 1.1,
                    "probability": 1 / (1 + np.exp(-score)),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def on_common(first: pd.DataFrame, second: pd.DataFrame, bootstraps: int = FEW) -> Common:
    found = paired(match(first, second), Economics(), bootstraps)
    assert found is not None
    return found


# Paired differences


def test_the_figures_are_those_of_each_version_on_the_rows_in_common() -> None:
    first, second = judged(1), judged(2, skill=3)
    first, second = first.iloc[:150], second.iloc[50:].sample(frac=1, random_state=0)
    found = on_common(first, second)
    ours, theirs = first.iloc[50:], second.sort_index().iloc[:100]
    assert (found.rows, found.accounts, found.as_of) == (100, 100, ("2025-01-01",))
    assert found.churned == ours["churned"].sum()
    for frame, side in ((ours, "first"), (theirs, "second")):
        columns = ("churned", "probability", "revenue_365d", "value")
        churned, probability, revenue, value = (frame[name].to_numpy() for name in columns)
        assert found.figures.keys() == {"roc_auc", "captured_10", "profit_at_capacity"}
        auc, caught, profit = (getattr(figure, side) for figure in found.figures.values())
        assert auc == pytest.approx(roc_auc_score(churned, probability))
        assert caught == pytest.approx(captured(churned, revenue, probability * revenue, np.ones(100)))
        called = np.argsort(-expected_profit(probability, value, Economics()))[:10]
        assert profit == pytest.approx(realised_profit(churned, probability, value, Economics())[called].sum() / 100)
    for figure in found.figures.values():
        assert figure.difference.value == pytest.approx(figure.second - figure.first)
        assert figure.difference.low <= figure.difference.value <= figure.difference.high


def test_a_better_version_is_told_from_a_worse_one_and_not_from_itself() -> None:
    poor, good = judged(1, skill=0.2), judged(2, skill=4)
    assert on_common(poor, good).figures["roc_auc"].difference.low > 0
    assert on_common(good, poor).figures["roc_auc"].difference.high < 0
    same = on_common(good, good)
    assert all(item.difference.as_dict() == {"value": 0, "low": 0, "high": 0} for item in same.figures.values())


def test_pairing_takes_out_what_both_share() -> None:
    """Two versions that all but agree differ by much less than either's own figure is uncertain."""
    first = judged(1)
    second = first.assign(probability=first["probability"] + np.random.default_rng(0).normal(0, 0.01, len(first)))
    close = on_common(first, second).figures["roc_auc"].difference
    apart = on_common(first, judged(2)).figures["roc_auc"].difference
    assert close.high - close.low < 0.2 * (apart.high - apart.low)


def test_intervals_go_by_account_not_by_row() -> None:
    """The same rows at two dates tell nothing new: as rows the interval would shrink, as accounts it does not."""
    first, second = judged(1), judged(2)
    later = pd.Timestamp("2025-04-01")
    once = on_common(first, second)
    twice = on_common(*(pd.concat([frame, frame.assign(as_of=later)]) for frame in (first, second)))
    assert twice.rows == 2 * once.rows and twice.accounts == once.accounts
    for name, figure in once.figures.items():
        assert twice.figures[name].difference.as_dict() == pytest.approx(figure.difference.as_dict())


def test_the_intervals_are_seeded() -> None:
    assert on_common(judged(1), judged(2)) == on_common(judged(1), judged(2))


def test_rows_with_another_label_are_left_out_and_restated_revenue_is_counted() -> None:
    first, second = judged(1), judged(2)
    second.loc[:4, "churned"] = ~second.loc[:4, "churned"]
    second.loc[:9, "revenue_365d"] += 100.0
    found = match(first, second)
    assert (len(found.rows), found.relabelled, found.restated) == (195, 5, 5)
    assert (found.rows["churned"].to_numpy() == first["churned"][5:].to_numpy()).all()


@pytest.mark.parametrize("outcome", [True, False])
def test_without_both_outcomes_at_a_date_nothing_is_compared(outcome: bool) -> None:
    first, second = (frame[frame["churned"] == outcome] for frame in (judged(1), judged(2)))
    assert len(match(first, second).rows) > 0
    assert paired(match(first, second), Economics(), FEW) is None


# Side by side


def side(bundle: Bundle, version: str, frame: pd.DataFrame | None, **changed: Any) -> Side:
    """Return a version with the tests' manifest, but for what is changed."""
    manifest = bundle.manifest.model_copy(update={"judged_how": FORWARD} | changed)
    return Side(Version(version, "run", "won", "1"), manifest, frame)


def compared(first: Side, second: Side) -> Comparison:
    return compare_sides(first, second, FEW)


def test_what_differs_is_named(bundle: Bundle) -> None:
    settings = json.loads(json.dumps(bundle.manifest.settings))
    settings["fit"]["num_leaves"] += 1
    del settings["folds"]
    signals = ["horoscope", *bundle.manifest.signals[1:]]
    found = compared(
        side(bundle, "1", judged(1)), side(bundle, "2", judged(2), settings=settings, signals=signals, rounds=7)
    )
    leaves = bundle.manifest.settings["fit"]["num_leaves"]
    assert dict(found.settings) == {
        "fit.num_leaves": (leaves, leaves + 1),
        "folds": (bundle.manifest.settings["folds"], None),
    }
    assert found.signals == ((bundle.manifest.signals[0],), ("horoscope",))
    told = found.as_dict()
    first, second = told["versions"]
    assert (first["champion"], second["champion"]) == (True, False)
    assert first["rounds"] == bundle.manifest.rounds and second["rounds"] == 7
    assert first["rows"] == bundle.manifest.rows and first["signals"] == len(bundle.manifest.signals)
    assert first["metrics"] == bundle.manifest.verdict["metrics"]["model"]
    assert set(first["intervals"]) >= {"roc_auc", "captured_10"} and set(first["intervals"]) <= set(first["metrics"])
    assert told["settings"]["fit.num_leaves"] == [leaves, leaves + 1]
    json.dumps(told, allow_nan=False)


def test_the_period_is_that_of_the_data(bundle: Bundle) -> None:
    told = side(bundle, "1", None, slices=[date(2025, 1, 1), date(2025, 2, 1)]).as_dict()
    assert told["data_from"] == str(bundle.manifest.recorded_since["invoices"])
    assert told["data_until"] == "2025-07-31", "180 days after the last slice"


def test_rows_in_common_are_compared_and_what_was_learnt_since_is_said(bundle: Bundle) -> None:
    learnt = {"slices": [date(2024, 9, 1)]}
    found = compared(side(bundle, "1", judged(1), **learnt), side(bundle, "2", judged(2, 3), **learnt))
    assert found.common is not None and found.common.rows == 200
    assert found.common.figures["roc_auc"].difference.value > 0
    (note,) = found.notes
    assert "labels of these dates were learnt since by version 1 and version 2" in note
    before = {"slices": [date(2024, 7, 5)]}  # its labels end on the date judged
    assert compared(side(bundle, "1", judged(1), **before), side(bundle, "2", judged(2), **before)).notes == ()
    (note,) = compared(side(bundle, "1", judged(1), **before), side(bundle, "2", judged(2), **learnt)).notes
    assert "labels of these dates were learnt since by version 2" in note


def test_judging_by_account_flatters(bundle: Bundle) -> None:
    found = compared(side(bundle, "1", judged(1), judged_how=BY_ACCOUNT), side(bundle, "2", judged(2)))
    assert found.notes[0].startswith("version 1 is flattered: it was judged by account")
    assert not any(note.startswith("version 2 is flattered") for note in found.notes)


def test_a_fresher_fit_is_named(bundle: Bundle) -> None:
    dates = ("2025-01-01", "2025-02-01", "2025-03-01")
    first, second = judged(1, dates=dates), judged(2, dates=dates)
    found = compared(side(bundle, "4", first), side(bundle, "5", second[second["as_of"] >= "2025-02-01"]))
    assert found.common is not None and found.common.as_of == ("2025-02-01", "2025-03-01")
    assert found.notes[0] == (
        "version 5 was judged from 2025-02-01 on and had learnt what was known by then, version 4 from 2025-01-01 on: "
        "31 days of freshness are part of the difference"
    )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"frame": None}, "the rows judged were not kept with version 2"),
        ({"rule": {"horizon_days": 90, "lead_days": 0, "silence_days": None}}, "their rules of churn differ"),
        ({"frame": judged(2, dates=("2025-01-02",))}, "no date was judged in common"),
        ({"frame": judged(2).query("churned")}, "no date was judged in common"),
    ],
    ids=["nothing kept", "another rule", "other dates", "one outcome"],
)
def test_without_rows_in_common_it_is_said_why(bundle: Bundle, change: dict[str, Any], says: str) -> None:
    options = {"frame": judged(2)} | change
    found = compared(side(bundle, "1", judged(1)), side(bundle, "2", options.pop("frame"), **options))
    assert found.common is None and len(found.notes) == 1 and says in found.notes[0]
    assert found.as_dict()["common"] is None


def test_profit_is_reckoned_for_both_with_one_economics(bundle: Bundle) -> None:
    dear = {"actions": {"visit": {"success_rate": 0.3, "incentive_share": 0.05, "contact_cost": 1000.0}}}
    first, second = side(bundle, "1", judged(1)), side(bundle, "2", judged(1), economics=dear)
    found = compared(first, second)
    assert found.notes[0] == "their economics differ: profit is reckoned for both with those of version 2"
    assert found.common is not None
    profit = found.common.figures["profit_at_capacity"]
    assert profit.first == profit.second
    swapped = compared(second, first).common
    assert swapped is not None and swapped.figures["profit_at_capacity"].first > profit.first + 50


def test_books_that_tell_differently_are_named(bundle: Bundle) -> None:
    other = judged(2)
    other.loc[:1, "churned"] = ~other.loc[:1, "churned"]
    other.loc[10:12, "revenue_365d"] *= 2
    notes = compared(side(bundle, "1", judged(1)), side(bundle, "2", other)).notes
    assert notes[0].startswith("2 rows were left out") and notes[1].startswith(
        "the revenue of 3 rows differs between the books: that of"
    )


# Out of the registry


def test_versions_come_with_the_rows_they_were_judged_on(registry: Registry, trained: Trained) -> None:
    found = compare(registry.environment, "1", registry.add("won"), FEW)
    assert found.common is not None and found.common.rows == len(trained.judged.data)
    ours = found.common.figures["roc_auc"]
    assert ours.first == ours.second == pytest.approx(trained.verdict.metrics["model"].roc_auc)
    assert found.common.figures["captured_10"].first == pytest.approx(trained.verdict.metrics["model"].captured_10)
    assert found.settings == {} and found.signals == ((), ())
    assert found.first.version.is_champion and not found.second.version.is_champion
    assert found.second.version.gate == "won"


def test_a_version_with_other_signals_can_be_compared(registry: Registry, bundle_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(bundle_folder, tmp_path / "model" / "artifacts" / "bundle"))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["signals"][0] = "horoscope"
    (folder / "manifest.json").write_text(json.dumps(manifest))
    version = registry.add(None, folder)
    assert compare(registry.environment, "1", version, FEW).signals[1] == ("horoscope",)
    (fetch_bundle(registry.environment, version) / "manifest.json").write_text("{")
    with pytest.raises(BundleDamaged, match="not the manifest of a model"):
        compare(registry.environment, "1", version, FEW)


@pytest.mark.parametrize("pair", [("1", "9"), ("9", "1"), ("1", "champion")])
def test_an_unknown_version_is_bad_input(registry: Registry, pair: tuple[str, str]) -> None:
    with pytest.raises(InputError, match="there is no version"):
        compare(registry.environment, *pair)


def test_a_run_without_the_rows_judged_is_shown_without_them(registry: Registry) -> None:
    with connected(registry.environment) as client:
        like = client.get_model_version(MODEL_NAME, "1")
        bare = client.create_run(client.get_run(like.run_id).info.experiment_id).info.run_id
        version = client.create_model_version(MODEL_NAME, like.source, bare).version
    found = compare(registry.environment, "1", str(version), FEW)
    assert found.second.judged is None and found.common is None
    assert found.notes == ("the rows judged were not kept with version 2: nothing to be paired",)
