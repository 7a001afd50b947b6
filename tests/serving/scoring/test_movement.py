"""Why a score moved: parts that sum to the change, of the account and of the model, each the mean of both orders."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from support.versions import version_of_bundle

from features.as_of import customers
from features.batch.computing import compute
from features.tables import Tables
from serving.scoring.movement import Movement, movement, movements, stored_matrix
from serving.scoring.scores import Reason, Score
from serving.scoring.scoring import Scored, score_matrix
from training.bundle.bundle import Bundle, load_bundle
from training.bundle.explanation import in_probability

ACCOUNTS = 40


@pytest.fixture(scope="module")
def former(bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A model that answers otherwise: its calibrator lies elsewhere, so that its base does too."""
    return load_bundle(version_of_bundle(bundle_folder, tmp_path_factory.mktemp("former") / "6", "6", shift=-0.7))


@pytest.fixture(scope="module")
def scored(book: Tables, bundle: Bundle, former: Bundle, as_of: date) -> dict[str, Scored]:
    """The accounts 180 days ago and now, each time under both models."""
    matrices = []
    for day in (as_of - timedelta(days=180), as_of):
        found = customers(book, [day], bundle.rule.by_silence)
        spine = book["accounts"].get_backend().create_table("moved", found, temp=True, overwrite=True)
        matrices.append(compute(book, spine, bundle.manifest.recorded_since))
    then, now = matrices
    both = sorted(set(then.keys["account_id"]) & set(now.keys["account_id"]))[:ACCOUNTS]
    found = {}
    for when, matrix in (("then", then), ("now", now)):
        rows = matrix.take(matrix.keys["account_id"].isin(both).to_numpy())
        for which, model in (("former", former), ("served", bundle)):
            found[f"{which} {when}"] = score_matrix(rows, model, [()] * len(rows))
    return found


def rows(scored: Scored) -> list[Score]:
    return list(scored.rows())


def assert_sums(moved: Movement) -> None:
    assert moved.account is not None and moved.model is not None and moved.whole_only is None
    change = moved.after.churn_probability - moved.before.churn_probability
    assert moved.change == pytest.approx(change, abs=1e-12)
    assert moved.account + moved.model == pytest.approx(change, abs=1e-12)
    assert sum(moved.themes.values()) == pytest.approx(moved.account, abs=1e-9)
    sizes = [abs(part) for part in moved.themes.values()]
    assert sizes == sorted(sizes, reverse=True)


def test_two_models_share_the_change_by_the_mean_of_both_orders(
    scored: dict[str, Scored], bundle: Bundle, former: Bundle
) -> None:
    found = movements(
        rows(scored["former then"]), rows(scored["served now"]), {"6": former, bundle.version: bundle}.get
    )
    old, new = (
        {when: scored[f"{which} {when}"].explained for when in ("then", "now")} for which in ("former", "served")
    )
    for row, moved in enumerate(found):
        assert_sums(moved)
        first, second = (
            old["now"].probability - old["then"].probability,
            new["now"].probability - new["then"].probability,
        )
        assert moved.account == pytest.approx((first[row] + second[row]) / 2, abs=3e-6)
        by_signal = (old["now"].contributions - old["then"].contributions)[row]
        by_signal = (by_signal + (new["now"].contributions - new["then"].contributions)[row]) / 2
        for code, part in moved.themes.items():
            own = [n for n, name in enumerate(bundle.manifest.signals) if code_of(moved.after)[name] == code]
            assert part == pytest.approx(by_signal[own].sum(), abs=2e-5)
    assert max(abs(moved.model) for moved in found) > 0.05  # The test would see a part that is always nothing.


def code_of(score: Score) -> dict[str, str]:
    return {reason.signal: reason.code for reason in score.reasons}


def test_one_model_has_no_part_and_needs_no_bundle(scored: dict[str, Scored]) -> None:
    for moved in movements(rows(scored["served then"]), rows(scored["served now"]), never):
        assert_sums(moved)
        assert moved.model == 0.0 and moved.account == moved.change


def never(version: str) -> Bundle | None:
    raise AssertionError(f"version {version} was asked for")


def test_an_unchanged_account_is_moved_by_the_model_alone(
    scored: dict[str, Scored], bundle: Bundle, former: Bundle
) -> None:
    before, after = rows(scored["former now"]), rows(scored["served now"])
    for moved in movements(before, after, {"6": former, bundle.version: bundle}.get):
        assert_sums(moved)
        assert moved.account == pytest.approx(0.0, abs=3e-6) and abs(moved.change) > 1e-4


def test_what_cannot_be_told_apart_is_the_whole_only(scored: dict[str, Scored], bundle: Bundle, former: Bundle) -> None:
    before, after = rows(scored["former then"])[0], rows(scored["served now"])[0]
    bundles = {"6": former, bundle.version: bundle}
    fewer = replace(before, reasons=before.reasons[1:])
    other = replace(before, reasons=(Reason("x", "signal_of_old", 1.0, None, 0.0, True), *before.reasons[1:]))
    doubted = replace(before, churn_probability=before.churn_probability + 0.01)
    same_name = replace(before, model_version=bundle.version)  # Two models under one version, such as "unregistered".
    cases = [
        (before, {bundle.version: bundle}, "model_away"),
        (before, {"6": former}, "model_away"),
        (fewer, bundles, "signals_differ"),
        (other, bundles, "signals_differ"),
        (doubted, bundles, "not_reproduced"),
        (same_name, bundles, "not_reproduced"),
    ]
    for score, known, why in cases:
        moved = movement(score, after, known.get)
        assert (moved.whole_only, moved.account, moved.model, moved.themes) == (why, None, None, {})
        assert moved.change == round(after.churn_probability - score.churn_probability, 7), "no binary fractions"


def test_stored_signals_give_the_stored_score(scored: dict[str, Scored], bundle: Bundle) -> None:
    kept = rows(scored["served now"])
    explained = in_probability(bundle, *bundle.margin.explain(stored_matrix(kept)))
    np.testing.assert_allclose(explained.probability, [score.churn_probability for score in kept], atol=2e-6)
