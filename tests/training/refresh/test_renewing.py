"""A routine retraining: newer data are taken in by themselves, a spoilt book is held, a changed recipe needs a win."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from importlib.metadata import version

import numpy as np
import pandas as pd
import pytest
from support.handmade import frames_of, tables_of

from features.tables import Tables
from training.bundle.bundle import Bundle
from training.card.rival_tables import against_champion
from training.judge.champion_gate import UNDECIDED, Gate
from training.judge.origins import Origin, latest_origin
from training.making.packing import reference_of
from training.making.pipeline import Trained
from training.models.fitting import Fitted, fit_model, silent
from training.refresh.checks import Check
from training.refresh.newest import check_customers
from training.refresh.renewing import AGREEMENT, CHANGED, Renewal, Renewing, known_until, renew
from training.refresh.rewritten import check_past
from training.refresh.volume import check_tables, check_volume
from training.settings import ChurnRule
from training.slices.dataset import fingerprint
from training.slices.preparing import Prepared, prepare

#: The champion's data end a quarter before the book's.
KNOWN_UNTIL = date(2025, 10, 1)
Frames = dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def champion(book: Tables, bundle: Bundle, trained: Trained) -> Bundle:
    """Return what the same settings make of the book as it was a quarter earlier."""
    settings = replace(trained.settings, until=KNOWN_UNTIL)
    prepared = prepare(book, settings)
    fitted, judged = fit_model(prepared.data, settings), latest_origin(prepared.data, settings)
    verdict = bundle.manifest.verdict | {"as_of": [str(day) for day in judged.test.dates]}
    verdict["metrics"] = {"model": {"churn_rate": float(judged.test.churned.mean())}}
    manifest = bundle.manifest.model_copy(
        update={
            "slices": prepared.data.dates,
            "recorded_since": prepared.recorded_since,
            "data_fingerprint": fingerprint(prepared.data),
            "reference": reference_of(prepared.data, fitted, settings.economics),
            "code_version": f"{version('churn-risk')}+abc123",
            "judged_how": judged.how,
            "verdict": verdict,
        }
    )
    return replace(bundle, version="7", margin=fitted.margin, calibrator=fitted.calibrator, manifest=manifest)


@pytest.fixture(scope="module")
def then(trained: Trained) -> tuple[Origin, Fitted]:
    origin = latest_origin(trained.data, trained.settings)
    return origin, fit_model(origin.learnt, trained.settings)


Renews = Callable[..., Renewal]


@pytest.fixture(scope="module")
def renewed(book: Tables, trained: Trained, champion: Bundle, then: tuple[Origin, Fitted]) -> Renews:
    gate = Gate(UNDECIDED, "not told apart")

    def decided(tables: Tables = book, prepared: Prepared | None = None, **changed: object) -> Renewal:
        made = prepared or trained.prepared
        case = Renewing(tables, made, trained.settings, champion, *then, trained.fitted, gate)
        return renew(replace(case, **changed), silent)

    return decided


def failed(renewal: Renewal) -> list[str]:
    return [check.name for check in renewal.checks if not check.passed]


def test_the_same_recipe_on_newer_data_is_let_in_with_its_reason(
    renewed: Renews, bundle: Bundle, champion: Bundle
) -> None:
    renewal = renewed()
    assert known_until(champion) == KNOWN_UNTIL
    assert renewal.gate.decision == "refresh" and renewal.gate.opens, renewal.gate.why
    assert "on data to 2026-01-01 in place of 2025-10-01" in renewal.gate.why and "fewer than 30" in renewal.gate.why
    assert renewal.way == AGREEMENT and not failed(renewal)
    found = {check.name: check.found for check in renewal.checks}
    assert found["past"] == "the fingerprint of the champion's slices is what it was"
    assert set(found) >= {"tables", "volume", "churn rate", "null shares", "rank agreement", "expected churns"}
    manifest = bundle.manifest.model_copy(update={"findings": {"refresh": renewal.as_dict()}})
    (table,) = against_champion(manifest).tables
    assert table.title == f"Refresh of version 7, {AGREEMENT}" and len(table.rows) == len(renewal.checks)


def test_a_changed_recipe_still_needs_a_win(renewed: Renews, champion: Bundle, trained: Trained) -> None:
    other = replace(trained.settings, rule=ChurnRule(90), seed=5)
    renewal = renewed(settings=other)
    assert renewal.gate.decision == UNDECIDED and renewal.way == CHANGED and not renewal.checks
    assert "rule.horizon_days 180 -> 90, seed 0 -> 5" in renewal.gate.why and "only a win counts" in renewal.gate.why
    old = replace(champion, manifest=champion.manifest.model_copy(update={"code_version": "0.0.1+abc123"}))
    assert f"release 0.0.1 -> {version('churn-risk')}" in renewed(champion=old).gate.why


@pytest.fixture(scope="module")
def frames(book: Tables) -> Frames:
    return frames_of(book)


def late(frame: pd.DataFrame, column: str) -> np.ndarray:
    return (pd.to_datetime(frame[column]) >= pd.Timestamp(KNOWN_UNTIL)).to_numpy()


def some(frame: pd.DataFrame, share: float) -> np.ndarray:
    return np.random.default_rng(3).random(len(frame)) < share


def spoilt(frames: Frames, **tables: pd.DataFrame) -> Tables:
    return tables_of(frames | {name: frame.reset_index(drop=True) for name, frame in tables.items()})


def test_half_of_the_invoices_gone_is_held(renewed: Renews, trained: Trained, frames: Frames) -> None:
    """The model is that of the sound book: the data alone speak against it, so any model would be held."""
    book = spoilt(frames, invoices=frames["invoices"][some(frames["invoices"], 0.5)])
    renewal = renewed(book, prepare(book, trained.settings))
    assert renewal.gate.decision == "held" and not renewal.gate.opens
    (past,) = [check for check in renewal.checks if check.name == "past"]
    assert not past.passed and "signals have other quantiles at 2025-04-04" in past.found
    assert past.found in renewal.gate.why


def test_half_of_the_newest_invoices_gone_or_answers_that_stop_are_odd(book: Tables, frames: Frames) -> None:
    end = date(2026, 1, 1)
    assert check_volume(book, KNOWN_UNTIL, end).passed
    invoices, surveys = frames["invoices"], frames["surveys"].copy()
    new = late(invoices, "invoiced_on")
    fewer = check_volume(spoilt(frames, invoices=invoices[~(new & some(invoices, 0.5))]), KNOWN_UNTIL, end)
    assert not fewer.passed and fewer.found.startswith("invoices.invoiced_on ")
    twice = pd.concat([invoices, invoices[new].assign(invoice_id="again " + invoices[new]["invoice_id"])])
    more = check_volume(spoilt(frames, invoices=twice), KNOWN_UNTIL, end)
    assert not more.passed and more.found.startswith("invoices.invoiced_on ")
    surveys.loc[late(surveys, "sent_at"), ["answered_at", "score", "comment"]] = None
    unanswered = check_volume(spoilt(frames, surveys=surveys), KNOWN_UNTIL, end)
    assert not unanswered.passed and "surveys.answered_at " in unanswered.found
    assert "surveys.sent_at" not in unanswered.found


def test_amounts_in_another_unit_are_odd(trained: Trained) -> None:
    last = trained.data.on(trained.data.dates[-1:]).matrix
    assert check_customers(trained.data, last).passed
    cents = replace(last, facts=100 * last.facts)
    assert not check_customers(trained.data, cents).passed
    assert not check_customers(trained.data, last.take(np.arange(len(last)) % 2 == 0)).passed, "half are gone"


def test_late_records_are_seen_and_no_reason_to_hold(champion: Bundle, frames: Frames) -> None:
    invoices = frames["invoices"]
    past = check_past(spoilt(frames, invoices=invoices[some(invoices, 0.98)]), champion, KNOWN_UNTIL)
    assert past.passed and "the fingerprint of the champion's slices differs" in past.found


def test_tables_that_go_or_come_are_named(book: Tables) -> None:
    assert check_tables(book, sorted(book.missing)).passed
    gone = replace(book, missing=frozenset({"loops"}))
    assert check_tables(gone, ["referrals"]) == Check("tables", False, "loops is missing now; referrals is new")


def test_the_end_of_the_data_that_a_champion_knows_has_the_embargo(champion: Bundle) -> None:
    settings = champion.manifest.settings | {"embargo_days": 10}
    later = replace(champion, manifest=champion.manifest.model_copy(update={"settings": settings}))
    assert known_until(later) == KNOWN_UNTIL + timedelta(days=10)
