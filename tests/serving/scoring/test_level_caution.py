"""What training found of the level of the probabilities stands beside scores and in the report that reads them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from support.reports import MODEL, report
from support.stored import DAY

from serving.scoring.cautions import Caution, cautions
from serving.words.caution_words import told
from serving.words.formats import LANGS, Lang
from training.bundle.bundle import Bundle, Reference

FAR = {"times": 7.04, "low": 2.1, "high": 30.0}


def bundle_of(low: float | None, value: float | None, high: float | None) -> Bundle:
    ratio = {"low": low, "value": value, "high": high}
    band = {"name": "all", "predicted_rate": 0.211, "churn_rate": 0.03, "ratio": ratio}
    manifest = SimpleNamespace(
        verdict={"grade": "B"}, currency=None, rule={"silence_days": 90}, findings={"reliability": {"bands": [band]}}
    )
    reference = Reference(as_of=DAY, accounts=1, threat_value=0.0, signals={}, value_percentiles=[])
    return cast(Bundle, SimpleNamespace(manifest=manifest, reference=reference))


@pytest.mark.parametrize(
    ("ends", "expected"),
    [((2.1, 7.04, 30.0), [FAR]), ((0.1, 0.3, 0.9), [FAR | {"times": 0.3, "low": 0.1, "high": 0.9}]),
     ((0.8, 1.3, 2.0), []), ((None, None, None), []), ((float("nan"), 7.0, float("nan")), [])],
)  # fmt: skip
def test_a_level_that_is_off_beyond_chance_is_a_caution(ends: Any, expected: list[dict[str, float]]) -> None:
    assert [dict(one.figures) for one in cautions(bundle_of(*ends), [1.0], [None])] == expected


@pytest.mark.parametrize(
    ("lang", "high", "low"),
    [("en", "In training 7.0 times the revenue that was lost", "may be too low"),
     ("de", "Im Training war das 7,0-Fache des Umsatzes",
      "können zu niedrig sein")],
)  # fmt: skip
def test_it_is_told_in_words(lang: Lang, high: str, low: str) -> None:
    assert told(Caution("level", FAR), lang).replace("\u00a0", " ").startswith(high)
    assert low in told(Caution("level", FAR | {"times": 0.3}), lang)


@pytest.mark.parametrize("lang", LANGS)
def test_the_report_promises_no_share_that_training_did_not_find(lang: Lang) -> None:
    """ "About that share is expected to leave" stood where 7 times too much was predicted."""
    promise = {"en": "about that share is expected to leave", "de": "wandert etwa dieser Anteil ab"}[lang]
    kept = [{"code": "level", "figures": FAR}]
    off, right = report(lang, model=MODEL | {"cautions": kept}), report(lang, model=MODEL)
    assert promise not in " ".join(off.reading) and promise in " ".join(right.reading)
    assert told(Caution("level", FAR), lang) in " ".join(off.reading)
    assert any(told(Caution("level", FAR), lang) in line for line in off.headline.cautions)
