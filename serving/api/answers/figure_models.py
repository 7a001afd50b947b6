"""The programme's figures as GET /v1/figures returns them, and what of the newest run a caller may see of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from features.figures.figure import Unit
from serving.access.principal import Principal
from serving.api.answers.responses import REQUEST_ID
from serving.api.answers.shown import WARNINGS, ModelBrief, WarningOut
from serving.api.answers.stored import run_model, run_warnings
from serving.programme.stored_words import in_words
from serving.scoring.cautions import Caution
from serving.scoring.scoring import CENTS, DECIMALS
from serving.store import Behind, ScoreStore, StoredFigures
from serving.words.figure_words import FigureInWords
from serving.words.formats import Lang, rounded_parts

VALUE: Any = Field(description="The value in its unit; null when it is not known")
LOW: Any = Field(description="Lower end of the 95 % interval; null where the figure has none")
HIGH: Any = Field(description="Upper end of the interval")
COUNTED: Any = Field(
    description="What it was made of: accounts, answers, records. Of a share the denominator; of what follows "
    "customers over a period those at its beginning, also for the number at its end. "
    "The count of a figure itself is its `value`"
)
REASON: Any = Field(description="Why there is no value, as a sentence; null where there is one")


def rounded_number(number: float | None, unit: Unit) -> float | None:
    """Return a number as answers have it: money to cents, all else to six decimals.

    Examples
    --------
    >>> rounded_number(13353648.337380031, "currency"), rounded_number(0.123456789, "share")
    (13353648.34, 0.123457)
    """
    return None if number is None else round(number, CENTS if unit == "currency" else DECIMALS) + 0.0


def rounded_point(point: Any, unit: Unit) -> Any:
    """Return a point or a group with its numbers rounded; what is kept is not, so that parts sum to the whole."""
    numbers = {name: rounded_number(getattr(point, name), unit) for name in ("value", "low", "high")}
    return replace(point, **numbers)


class FigurePoint(BaseModel):
    """A figure at one date of its series."""

    model_config = ConfigDict(from_attributes=True)
    as_of: date = Field(description="What was known before this day was used")
    value: float | None = VALUE
    low: float | None = LOW
    high: float | None = HIGH
    n: float | None = COUNTED
    reason: str | None = REASON


class GroupOut(BaseModel):
    """A figure of one group at the run's own date."""

    model_config = ConfigDict(from_attributes=True)
    split: str = Field(description="segment, month or quarter")
    group: str | None = Field(description="The group's name; null: not known of these accounts")
    value: float | None = VALUE
    low: float | None = LOW
    high: float | None = HIGH
    n: float | None = COUNTED
    reason: str | None = REASON


class FigureOut(BaseModel):
    """One figure of the programme with its definition and its series."""

    name: str = Field(description="Name of the figure, as docs/figures.md and the command `figures` have it")
    family: str = Field(description="What it belongs to: retention, promoters, heard, ...")
    label: str = Field(description="What it is called in the language")
    unit: Unit = Field(description="share: a fraction; currency: in `currency`; NPS points: -100 to 100")
    definition: str = Field(description="What exactly it is")
    source: str = Field(description="Who defines it so")
    needs: list[str] = Field(description="Tables without which it is not known")
    adds_up: bool = Field(description="Whether it is a sum over accounts, so that there are accounts behind it")
    value: float | None = VALUE
    low: float | None = LOW
    high: float | None = HIGH
    n: float | None = COUNTED
    reason: str | None = REASON
    series: list[FigurePoint] = Field(description="The figure a month apart, oldest first, the last of `as_of`")
    groups: list[GroupOut] = Field(
        description="Groups that the run keeps: lifetime values by segment, renewals by month and quarter; else empty"
    )

    @classmethod
    def fields_of(cls, found: FigureInWords) -> dict[str, Any]:
        """Return the fields by name."""
        figure, unit = found.figure, found.figure.unit
        now = rounded_point(found.now, unit)
        points = [rounded_point(point, unit) for point in found.points if point.as_of is not None]
        series = [FigurePoint.model_validate(point) for point in points]
        return {
            "name": figure.name, "family": figure.family, "label": found.label, "unit": figure.unit,
            "definition": found.definition, "source": found.source, "needs": list(figure.needs),
            "adds_up": figure.adds_up, "value": now.value, "low": now.low, "high": now.high, "n": now.n,
            "reason": now.reason, "series": series,
            "groups": [GroupOut.model_validate(rounded_point(group, unit)) for group in found.groups],
        }  # fmt: skip


class OfRun(BaseModel):
    """Whose figures, and of which run."""

    model_config = ConfigDict(protected_namespaces=())
    request_id: str = REQUEST_ID
    as_of: date | None = Field(description="The run's as-of date; null while no scores are stored")
    model_version: str | None = Field(description="Version of the model that scored; null while no scores are stored")
    model: ModelBrief | None = Field(description="The model and its grade; null while no scores are stored")
    whole_book: bool = Field(description="Whether they are of the whole book, not of some managers' accounts")
    currency: str | None = Field(description="Currency of all sums, where it is known")
    warnings: list[WarningOut] = WARNINGS

    @classmethod
    def fields_of_run(
        cls, stored: StoredFigures | None, whole_book: bool, request_id: str, lang: Lang, beside: Sequence[Caution]
    ) -> Any:
        """Return the fields by name; `beside` is what else to warn of."""
        run = {} if stored is None else stored.run
        record = None if stored is None else stored.record
        return {
            "request_id": request_id, "as_of": run.get("as_of"), "model_version": run.get("model_version"),
            "model": run_model(run.get("model_version"), run.get("model", {}), lang),
            "whole_book": whole_book, "currency": None if record is None else record["currency"],
            "warnings": run_warnings(run.get("model", {}), run.get("as_of"), lang, beside),
        }  # fmt: skip


class FiguresOut(OfRun):
    """Every figure of the newest run."""

    figures: list[FigureOut] = Field(description="Every figure that this version knows, by family")


class BehindOut(BaseModel):
    """What one account adds to a figure."""

    model_config = ConfigDict(from_attributes=True)
    account_id: str = Field(description="The account's id as in the accounts table")
    name: str | None = Field(description="The account's name, where it is known")
    account_manager: str | None = Field(description="Whose account it was when it was scored")
    value: float = Field(description="What it adds to the figure, in the figure's unit")


class OneFigureOut(OfRun, FigureOut):
    """One figure with the accounts behind it; with `others_value` they sum to the figure."""

    accounts: list[BehindOut] | None = Field(
        description="Accounts that add to it, the largest first; null for a figure that is no sum or not known"
    )
    others: int | None = Field(description="Number of accounts that add to it and are not listed")
    others_value: float | None = Field(description="What these add together")


def figures_for(store: ScoreStore, principal: Principal, asked: str | None) -> StoredFigures | None:
    """Return the newest run's figures that a caller may see: of the whole book, or of some managers' accounts.

    Who sees some managers' accounts gets the figures of these, and of nobody's where another manager is asked for, as
    if that manager had no accounts.
    """
    found = store.figures(principal.whose(asked))
    if found is not None and not principal.may_ask_for(asked):
        return replace(found, record=None)
    return found


def figures_out(
    stored: StoredFigures | None, whole: bool, request_id: str, lang: Lang, beside: Sequence[Caution] = ()
) -> FiguresOut:
    """Return the answer with every figure; `beside` is what else to warn of."""
    figures = [FigureOut(**FigureOut.fields_of(found)) for found in in_words(stored, lang, bool(beside))]
    return FiguresOut(**OfRun.fields_of_run(stored, whole, request_id, lang, beside), figures=figures)


def one_figure_out(
    stored: StoredFigures | None,
    whole: bool,
    name: str,
    behind: Behind | None,
    request_id: str,
    lang: Lang,
    beside: Sequence[Caution] = (),
) -> OneFigureOut:
    """Return the answer with one figure, of which `behind` has the accounts; `beside` is what else to warn of."""
    (found,) = (found for found in in_words(stored, lang, bool(beside)) if found.figure.name == name)
    accounts: dict[str, Any] = {"accounts": None, "others": None, "others_value": None}
    if behind is not None:
        values, others_value = _rounded_behind(behind, found.now.value, found.figure.unit)
        rows = zip(behind.accounts, values, strict=True)
        listed = [BehindOut.model_validate({**row, "value": value}) for row, value in rows]
        accounts = {"accounts": listed, "others": behind.others, "others_value": others_value}
    run = OfRun.fields_of_run(stored, whole, request_id, lang, beside)
    return OneFigureOut(**run, **FigureOut.fields_of(found), **accounts)


def _rounded_behind(behind: Behind, total: float | None, unit: Unit) -> tuple[list[float], float]:
    """Return what each account and all others add, rounded, so that they sum to the rounded figure.

    The others take what rounding leaves over; where all accounts are listed, those take it that it is nearest to.
    """
    digits = CENTS if unit == "currency" else DECIMALS
    values = [float(row["value"]) for row in behind.accounts]
    whole = sum(values) + behind.others_value if total is None else total
    if not behind.others:
        return rounded_parts(values, whole, digits), 0.0
    rounded = [round(value, digits) + 0.0 for value in values]
    return rounded, round(round(whole, digits) - sum(rounded), digits) + 0.0
