"""The work of `churn-risk train` without its output: a book goes in, a trained and judged model comes out.

A model is fitted as of an earlier date and judged on the latest dates, whose outcomes it did not know. Then the model
is fitted again on all slices. The same `fit_model` makes both fits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from features.machine.threads import at_once
from features.tables import OPTIONAL_HISTORY, Tables
from training.bundle.bundle import Bundle
from training.judge.ablation import Ablated, ablate
from training.judge.champion_gate import NOBODY_REIGNS, Gate, decide
from training.judge.leaks import Suspect, is_too_good, model_warning, suspects
from training.judge.origins import Origin, contend, latest_origin
from training.judge.outlook import Making, Outlook, look_ahead
from training.judge.reigning import reigning_probability
from training.judge.small_book import SmallBook, small_book
from training.judge.treated import Apart, judge_apart
from training.judge.verdict import MODEL, REIGNING, Verdict, judge_all, judge_silent
from training.models.calibration import Platt
from training.models.choice import Choice
from training.models.fitting import Fitted, Progress, fit_model, shared, silent
from training.models.margin import Recipe
from training.models.trees import Trees
from training.refresh.renewing import Renewal, Renewing, renew
from training.rivals import CHEAP
from training.settings import TrainingSettings
from training.slices.dataset import Dataset
from training.slices.preparing import Prepared
from training.worth.reliability import Reliability, reliability
from training.worth.silent_already import SilentAlready


@dataclass(frozen=True)
class Judged:
    """The rows that the model was judged on, with the probabilities of the model and its rivals.

    Attributes
    ----------
    data : Dataset
        n rows.
    probabilities : dict of name to ndarray, (n,)
        Churn probabilities, 0-1; 'model' first.
    """

    data: Dataset
    probabilities: dict[str, np.ndarray]


@dataclass(frozen=True)
class Findings:
    """Further results on the judged rows.

    Attributes
    ----------
    reliability : Reliability
    apart : Apart or None
        Treated and untreated accounts; None if the book does not tell who was treated.
    outlook : Outlook
        When an account may leave, and what revenue may be lost though it stays.
    ablation : tuple of Ablated
    suspects : tuple of Suspect
        Signals that look like leaks.
    warnings : tuple of str
    refresh : Renewal or None
        The decision on a routine retraining; None if the run was none.
    small_book : SmallBook or None
        What the book lacks; None if it is not small, or was not asked for.
    silent : SilentAlready or None
        The judged rows that had been silent already; None where churn is not told by silence.
    too_good : float or None
        The model's ROC AUC where it is too good to be true, 0-1; else None.
    """

    reliability: Reliability
    apart: Apart | None
    outlook: Outlook
    ablation: tuple[Ablated, ...]
    suspects: tuple[Suspect, ...]
    warnings: tuple[str, ...]
    refresh: Renewal | None = None
    small_book: SmallBook | None = None
    silent: SilentAlready | None = None
    too_good: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the findings as plain values."""
        return {
            "reliability": self.reliability.as_dict(),
            "apart": None if self.apart is None else self.apart.as_dict(),
            **self.outlook.as_dict(),
            "ablation": [ablated.as_dict() for ablated in self.ablation],
            "suspects": [vars(suspect) for suspect in self.suspects],
            "warnings": list(self.warnings),
            "refresh": None if self.refresh is None else self.refresh.as_dict(),
            "small_book": None if self.small_book is None else self.small_book.as_dict(),
            "silent_already": None if self.silent is None else self.silent.as_dict(),
            "too_good": self.too_good,
        }


@dataclass(frozen=True)
class Trained:
    """A model with its settings, data, verdict and findings."""

    fitted: Fitted
    settings: TrainingSettings
    prepared: Prepared = field(repr=False)
    verdict: Verdict
    gate: Gate
    findings: Findings
    judged: Judged = field(repr=False)
    judged_how: str
    missing_tables: tuple[str, ...]
    currency: str | None

    @property
    def data(self) -> Dataset:
        """All mature slices."""
        return self.prepared.data

    @property
    def trees(self) -> Trees:
        """The trees, grown on all slices."""
        return self.fitted.trees

    @property
    def calibrator(self) -> Platt:
        """The map from the trees' margin to probabilities."""
        return self.fitted.calibrator

    @property
    def choice(self) -> Choice:
        """Weighting and number of rounds."""
        return self.fitted.choice

    @property
    def out_of_fold(self) -> tuple[np.ndarray, np.ndarray]:
        """Margins (n,) and outcomes (n,) that the calibrator was fitted on."""
        return self.fitted.out_of_fold


def train(
    tables: Tables,
    prepared: Prepared,
    settings: TrainingSettings,
    progress: Progress = silent,
    champion: Bundle | None = None,
    refresh: bool = False,
) -> Trained:
    """Train and judge a model; the module's docstring says how.

    Parameters
    ----------
    tables : Tables
    prepared : Prepared
        The result of `prepare` for these tables. It does not depend on the settings that tuning changes.
    settings : TrainingSettings
    progress : Progress
        Called with what is being done and how far it is.
    champion : Bundle, optional
        The reigning champion, which is judged on the same rows.
    refresh : bool
        Whether this is a routine retraining: then a model of the champion's recipe need not win at the gate.
    """
    origin = latest_origin(prepared.data, settings)
    of_origin, of_all = shared(progress, 2)
    (then, probabilities, verdict), fitted = at_once(
        lambda: _judged(origin, champion, settings, of_origin),
        lambda: fit_model(prepared.data, settings, of_all),
        len(prepared.data),
    )
    making = Making(tables, prepared, origin, then, fitted, settings)
    gate = NOBODY_REIGNS if champion is None else decide(verdict)
    renewal = _renewal(making, champion, gate, progress) if refresh and champion is not None else None
    findings = _examine(making, verdict, probabilities, progress)
    return Trained(
        fitted=fitted,
        settings=settings,
        prepared=prepared,
        verdict=verdict,
        gate=gate if renewal is None else renewal.gate,
        findings=replace(findings, refresh=renewal),
        judged=Judged(origin.test, probabilities),
        judged_how=origin.how,
        missing_tables=tuple(sorted(tables.missing)),
        currency=tables.currency,
    )


def _judged(
    origin: Origin, champion: Bundle | None, settings: TrainingSettings, progress: Progress
) -> tuple[Fitted, dict[str, np.ndarray], Verdict]:
    """Return the model as it would have been fitted at the origin, all probabilities there, and the verdict."""
    then, probabilities = contend(origin, CHEAP, settings, progress)
    reigning = None if champion is None else reigning_probability(champion, origin, then, settings)
    if reigning is not None:
        probabilities[REIGNING] = reigning
    return then, probabilities, judge_all(origin.test, probabilities, settings)


def advised(trained: Trained, progress: Progress = silent) -> Trained:
    """Return a run with what its book lacks, where that is small."""
    choice, margin = trained.fitted.choice, trained.fitted.margin
    found = small_book(
        latest_origin(trained.data, trained.settings),
        trained.judged.probabilities[MODEL],
        trained.verdict.intervals["roc_auc"],
        set(trained.missing_tables) & set(OPTIONAL_HISTORY),
        Recipe(trained.settings, choice.rounds, choice.weighting, margin.linear.penalty),
        margin.weights,
        progress,
        trained.data,
    )
    return replace(trained, findings=replace(trained.findings, small_book=found))


def _renewal(making: Making, champion: Bundle, gate: Gate, progress: Progress) -> Renewal:
    prepared, settings = making.prepared, making.settings
    case = Renewing(making.tables, prepared, settings, champion, making.origin, making.then, making.fitted, gate)
    return renew(case, progress)


def _examine(making: Making, verdict: Verdict, probabilities: Mapping[str, np.ndarray], progress: Progress) -> Findings:
    settings = making.settings
    ablation, findings = at_once(
        lambda: ablate(making.origin, making.then, settings, progress),
        lambda: _others(making, verdict, probabilities),
        len(making.prepared.data),
    )
    return replace(findings, ablation=ablation)


def _others(making: Making, verdict: Verdict, probabilities: Mapping[str, np.ndarray]) -> Findings:
    """Return all findings but the worth of families."""
    settings, test, probability = making.settings, making.origin.test, probabilities[MODEL]
    leaking = suspects(making.prepared.data, settings.rule)
    trusted = reliability(test, probability, settings)
    silent = judge_silent(test, probabilities, settings)
    roc_auc = verdict.metrics[MODEL].roc_auc
    told = (model_warning(roc_auc, silent=silent), trusted.warning())
    return Findings(
        reliability=trusted,
        apart=judge_apart(making.tables, test, settings.rule, probability, settings.bootstraps, settings.seed),
        outlook=look_ahead(making),
        ablation=(),
        suspects=leaking,
        warnings=(*(suspect.message() for suspect in leaking), *(warning for warning in told if warning)),
        silent=silent,
        too_good=roc_auc if is_too_good(roc_auc, silent) else None,
    )
