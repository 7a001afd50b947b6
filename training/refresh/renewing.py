"""The gate's decision on a routine retraining: `refresh` or `held`, with its reasons.

In: a run's new model, its book and the champion. Out: a `Renewal`.

A model of the same recipe on newer data need not win, since the gate makes the champion again by its recipe and the two
tie by construction. It must not be worse. Its data must look like the champion's (`training.refresh.rewritten`,
`volume` and `newest`), whatever its figures say: a spoilt book spoils outcomes and figures alike. Then it is judged on
outcomes that the champion did not know (`training.refresh.forward`), or, where these are too few, by what both say of
today's book (`training.refresh.agreement`). A changed recipe still needs a win.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from features.matrix import Matrix
from features.tables import Tables
from training.bundle.bundle import Bundle
from training.judge.champion_gate import HELD, REFRESH, Gate
from training.judge.origins import Origin
from training.models.fitting import Fitted, Progress
from training.refresh.agreement import check_agreement
from training.refresh.checks import Check
from training.refresh.forward import LEAST_CHURNED, check_forward, forward_rows
from training.refresh.newest import check_churn_rate, check_customers, check_nulls, todays_book
from training.refresh.recipe import recipe_changes
from training.refresh.rewritten import check_past
from training.refresh.volume import check_tables, check_volume
from training.settings import TrainingSettings
from training.slices.preparing import Prepared

CHANGED, FORWARD, AGREEMENT = "the recipe has changed", "on forward rows", "by agreement on today's book"


@dataclass(frozen=True)
class Renewing:
    """What a run has made and the champion that it may take the place of.

    Attributes
    ----------
    origin, then : Origin, Fitted
        Where the run judged its model, and the model fitted there.
    fitted : Fitted
        The new model, which has learnt all slices.
    gate : Gate
        What the gate says without a refresh.
    """

    tables: Tables
    prepared: Prepared
    settings: TrainingSettings
    champion: Bundle
    origin: Origin
    then: Fitted
    fitted: Fitted
    gate: Gate

    @property
    def known_until(self) -> date:
        """First day that the champion's data do not hold."""
        return known_until(self.champion)


@dataclass(frozen=True)
class Renewal:
    """The decision on a refresh.

    Attributes
    ----------
    gate : Gate
        'refresh' or 'held'; for a changed recipe what the gate said anyway.
    way : str
        How it was decided.
    champion : str
        The champion's version.
    data_until : tuple of date
        First day without data, of the champion's and of this book.
    rows : str or None
        The forward rows in words; None where they were too few.
    checks : tuple of Check
    """

    gate: Gate
    way: str
    champion: str
    data_until: tuple[date, date]
    rows: str | None = None
    checks: tuple[Check, ...] = field(default=())

    def as_dict(self) -> dict[str, Any]:
        """Return the decision as plain values."""
        before, now = self.data_until
        return {
            "decision": self.gate.decision,
            "why": self.gate.why,
            "way": self.way,
            "champion": self.champion,
            "champion_data_until": before.isoformat(),
            "data_until": now.isoformat(),
            "forward_rows": self.rows,
            "checks": [check.as_dict() for check in self.checks],
        }


def known_until(champion: Bundle) -> date:
    """Return the first day that the champion's data do not hold; its latest label was known then."""
    return champion.learnt_until


def renew(case: Renewing, progress: Progress) -> Renewal:
    """Decide whether a new model takes the champion's place as a refresh."""
    ends = (case.known_until, case.prepared.end)
    changes = recipe_changes(case.champion, case.settings)
    if changes:
        why = f"the recipe has changed ({', '.join(changes)}), so only a win counts: {case.gate.why}"
        return Renewal(replace(case.gate, why=why), CHANGED, case.champion.version, ends)
    progress("checking the data for a refresh", 0, 1)
    by_silence = case.settings.rule.by_silence
    today = todays_book(case.tables, case.prepared.end, by_silence, case.prepared.recorded_since)
    checks = list(_of_data(case, today))
    rows = forward_rows(
        case.prepared.data, case.champion, case.known_until, case.origin, case.then, case.settings, progress
    )
    judged = [] if rows is None else check_forward(rows, case.settings)
    if rows is None or not rows.is_fresher:
        recorded = case.champion.manifest.recorded_since
        same = recorded == case.prepared.recorded_since
        as_served = today if same else todays_book(case.tables, case.prepared.end, by_silence, recorded)
        served = case.champion.margin(as_served)
        judged += check_agreement(case.champion.calibrator(served), case.fitted.probability(today), today.value)
    described = None if rows is None else rows.described()
    way = AGREEMENT if rows is None else FORWARD
    gate = _decided(checks, judged, described, ends)
    return Renewal(gate, way, case.champion.version, ends, described, (*checks, *judged))


def _of_data(case: Renewing, today: Matrix) -> Iterator[Check]:
    """Yield the checks of the data."""
    manifest, data = case.champion.manifest, case.prepared.data
    yield check_tables(case.tables, manifest.missing_tables)
    yield check_past(case.tables, case.champion, case.known_until)
    yield check_volume(case.tables, case.known_until, case.prepared.end)
    yield check_customers(data, today)
    yield check_churn_rate(data, max(manifest.slices))
    yield check_nulls(data, today)


def _decided(data: Sequence[Check], judged: Sequence[Check], rows: str | None, ends: tuple[date, date]) -> Gate:
    """Return the gate: every check must have passed."""
    failed = [f"{check.name}: {check.found}" for check in (*data, *judged) if not check.passed]
    if failed:
        return Gate(HELD, f"not taken in by itself: {'. '.join(failed)}")
    few = f"by agreement, since fewer than {LEAST_CHURNED} accounts have churned on rows that it did not know"
    how = few if rows is None else f"on {rows}"
    figures = "; ".join(check.found for check in judged)
    return Gate(REFRESH, f"the champion's recipe on data to {ends[1]} in place of {ends[0]}, judged {how}: {figures}")
