"""Prints the results of a run as text on standard error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from features.console import say, table

if TYPE_CHECKING:
    from training.judge.backtest import Backtest
    from training.judge.outlook import Outlook
    from training.judge.treated import Apart
    from training.judge.verdict import Verdict
    from training.making.pipeline import Trained
    from training.models.choice import Choice
    from training.refresh.renewing import Renewal
    from training.worth.bootstrap import Interval
    from training.worth.reliability import Reliability
    from training.worth.silent_already import SilentAlready

#: For each row of the table: label, attribute of Metrics, number format.
ROWS = (
    ("ROC AUC", "roc_auc", ".3f"),
    ("PR AUC", "pr_auc", ".3f"),
    ("Brier", "brier", ".3f"),
    ("calibration error", "calibration_error", ".3f"),
    ("lift at 10 %", "lift_10", ".2f"),
    ("lost revenue captured, top 5 %", "captured_5", ".3f"),
    ("lost revenue captured, top 10 %", "captured_10", ".3f"),
    ("lost revenue captured, top 20 %", "captured_20", ".3f"),
    ("profit at capacity, an account", "profit_at_capacity", ",.2f"),
    ("ROC AUC, by revenue", "weighted_roc_auc", ".3f"),
    ("PR AUC, by revenue", "weighted_pr_auc", ".3f"),
    ("Brier, by revenue", "weighted_brier", ".3f"),
    ("calibration error, by revenue", "weighted_calibration_error", ".3f"),
    ("lift at 10 %, by revenue", "weighted_lift_10", ".2f"),
)
#: Measure -> label and number format.
MEASURES: Mapping[str, tuple[str, str]] = {
    "roc_auc": ("ROC AUC", ".3f"),
    "captured_5": ("lost revenue captured, top 5 %", ".3f"),
    "captured_10": ("lost revenue captured, top 10 %", ".3f"),
    "captured_20": ("lost revenue captured, top 20 %", ".3f"),
    "profit_at_capacity": ("profit at capacity, currency an account", ",.2f"),
    "profit_at_cutoff": ("profit at an earlier cutoff, currency an account", ",.2f"),
}
WORTH = ("roc_auc", "captured_10")
#: One account that holds more than this share of the lost revenue can decide what was captured.
ONE_DECIDES = 0.25


def show_verdict(verdict: Verdict, title: str, silent: SilentAlready | None = None) -> None:
    """Print the metrics of the model and of every rival, the rows silent already, and the intervals of the leads."""
    names = list(verdict.metrics)
    lines = [
        [label, *(_number(getattr(verdict.metrics[name], key), form) for name in names)] for label, key, form in ROWS
    ]
    table(f"{title}: {_period(verdict.as_of)}", ["", *names], lines)
    ours = verdict.metrics["model"]
    say(
        f"\n{ours.rows:,} rows, {ours.churned:,} churned ({ours.churn_rate:.1%}), "
        f"{ours.lost_revenue_share:.1%} of the revenue lost"
    )
    if ours.largest_loss_share > ONE_DECIDES:
        say(
            "too few losses to tell how well the model finds money: one account held "
            f"{ours.largest_loss_share:.0%} of the lost revenue (mean of the dates)"
        )
    if silent is not None:
        say(silent.sentence())
    show_differences(verdict, names[1:], [measure for measure in MEASURES if measure in verdict.intervals])


def show_differences(verdict: Verdict, rivals: Sequence[str], measures: Sequence[str]) -> None:
    """Print each measure with its interval, and the model's lead over every rival."""
    say("\n95 % intervals from resampled accounts; a lead whose interval holds 0 is not told apart from none")
    lines = []
    for measure in measures:
        label, form = MEASURES[measure]
        lines.append([label, "model", interval_text(verdict.intervals[measure], form)])
        lines += [["", f"lead over {name}", _lead(verdict.intervals[f"{measure} - {name}"], form)] for name in rivals]
    table("", ["", "", ""], lines)


def show_training(trained: Trained) -> None:
    """Print all results of a training run."""
    show_verdict(trained.verdict, f"Judged {trained.judged_how}", trained.findings.silent)
    show_choice(trained.choice)
    weights = ", ".join(f"{name} {weight:.2f}" for name, weight in trained.fitted.margin.weights.items())
    say(f"the score adds up experts, each with the weight that paid on unseen rows: {weights}")
    show_reliability(trained.findings.reliability)
    if trained.findings.apart is not None:
        show_apart(trained.findings.apart)
    worth = [
        [
            ablated.family,
            str(ablated.signals),
            *(interval_text(ablated.worth[measure], ".3f", signed=True) for measure in WORTH),
        ]
        for ablated in trained.findings.ablation
    ]
    table("What is lost without a family of signals", ["", "signals", *(MEASURES[name][0] for name in WORTH)], worth)
    show_outlook(trained.findings.outlook)
    if trained.findings.refresh is not None:
        show_renewal(trained.findings.refresh)
    for warning in trained.findings.warnings:
        say(f"warning: {warning}")
    if trained.findings.small_book is not None:
        say("\n" + "\n- ".join(trained.findings.small_book.advice()))


def show_renewal(renewal: Renewal) -> None:
    """Print what a refresh of the champion was decided by."""
    lines = [[check.name, "good" if check.passed else "HELD", check.found] for check in renewal.checks]
    if lines:
        table(f"Refresh of version {renewal.champion}, {renewal.way}", ["", "", ""], lines)


def show_apart(apart: Apart) -> None:
    """Print accounts that were acted on in the label's window beside the others."""
    lines = [
        [
            name,
            f"{part.rows:,}",
            _known(part.churn_rate, ".1%"),
            _known(part.mean_probability, ".1%"),
            "too few" if part.roc_auc is None else interval_text(part.roc_auc, ".3f"),
        ]
        for name, part in (("acted on", apart.treated), ("left alone", apart.untreated))
    ]
    table("Accounts acted on in the label's window, apart", ["", "rows", "churned", "predicted", "ROC AUC"], lines)
    say("an account that an action saved looks safe, so the prediction for those acted on looks too high")


def show_outlook(outlook: Outlook) -> None:
    """Print whether the run keeps the hazard and the contraction, and why."""
    for name, figures in (
        ("when an account leaves", outlook.hazard_figures),
        ("shrinking", outlook.contraction_figures),
    ):
        kept = "kept" if figures["kept"] else "not kept"
        why = figures.get("why") or "figures in the run and on the card"
        say(f"{name}: {kept}, {why}")


def show_choice(choice: Choice) -> None:
    """Print the weighting schemes compared and why one was chosen."""
    lines = [
        [name, f"{scheme.ranking:.3f}", f"{scheme.profit:,.2f}", _lead(scheme.gain, ",.2f"), str(scheme.rounds)]
        for name, scheme in choice.schemes.items()
    ]
    header = ["", "ROC AUC, plain and by revenue", "profit an account", "against none", "rounds"]
    table("Weights compared on rolling origins", header, lines)
    if choice.dropped:
        say(f"dropped early, for they ranked behind: {', '.join(choice.dropped)}")
    say(f"chosen: {choice.weighting}, {choice.rounds} rounds; it {choice.why}")


def show_reliability(reliability: Reliability) -> None:
    """Print predicted and realised figures by revenue band."""
    lines = [
        [
            band.name,
            f"{band.rows:,}",
            f"{band.predicted_rate:.1%}",
            f"{band.churn_rate:.1%}",
            f"{band.predicted_loss:,.0f}",
            f"{band.realised_loss:,.0f}",
            interval_text(band.ratio, ".2f"),
        ]
        for band in reliability.bands
    ]
    header = ["accounts by revenue", "rows", "predicted", "churned", "predicted loss", "realised loss", "ratio"]
    table("Predicted and realised", header, lines)
    slopes = [interval_text(slope, ".2f") for slope in (reliability.slope, reliability.weighted_slope)]
    say(f"calibration slope {slopes[0]}, by revenue {slopes[1]}")


def show_backtest(backtest: Backtest) -> None:
    """Print the origins, all rivals over all origins, accounts seen and unseen, and how models age."""
    lines = [
        [
            origin.as_of,
            str(origin.learnt_slices),
            f"{origin.learnt_rows:,}",
            f"{origin.rows:,}",
            f"{origin.churned:,}",
            f"{origin.weighting}, {origin.rounds}",
            f"{origin.roc_auc:.3f}",
        ]
        for origin in backtest.origins
    ]
    header = ["origin", "slices known", "rows known", "rows judged", "churned", "weights, rounds", "ROC AUC"]
    table("Origins", header, lines)
    show_verdict(backtest.verdict, f"{len(backtest.origins)} origins", backtest.silent)
    for name, part in (("seen", backtest.seen), ("not seen", backtest.unseen)):
        figure = "one outcome only" if part is None else f"ROC AUC {part.roc_auc:.3f} on {part.rows:,} rows"
        say(f"accounts {name} in an earlier slice: {figure}")
    ages = [[str(age.days), str(age.pairs), f"{age.roc_auc:.3f}", f"{age.behind_fresh:+.3f}"] for age in backtest.ages]
    table("Models by age", ["days", "judged", "ROC AUC", "against a fresh one"], ages)
    show_reliability(backtest.reliability)
    say(f"\n{concluded(backtest.verdict, len(backtest.origins))}")


def concluded(verdict: Verdict, origins: int) -> str:
    """Return in which figures a rival is ahead beyond chance over so many origins, or that none is."""
    over = f"over {origins} origins" if origins > 1 else "at the one origin"
    by_measure: dict[str, list[str]] = {}
    for name in verdict.behind():
        measure, rival = name.split(" - ", 1)
        by_measure.setdefault(MEASURES[measure][0], []).append(rival)
    if not by_measure:
        return f"{over}, no rival is ahead of the model beyond chance in any of these figures{_within_chance(verdict)}"
    ahead = "; ".join(f"{label} ({', '.join(rivals)})" for label, rivals in by_measure.items())
    return f"{over}, a rival is ahead of the model beyond chance in: {ahead}{_within_chance(verdict)}"


def _within_chance(verdict: Verdict) -> str:
    """Return how often rivals are ahead by what may be chance; nothing where none is."""
    ahead = [name.split(" - ", 1)[1] for name, lead in verdict.intervals.items() if _maybe_behind(name, lead)]
    told = ", ".join(f"{rival} in {ahead.count(rival)}" for rival in dict.fromkeys(ahead))
    return f"; ahead by what may be chance: {told}" if told else ""


def _maybe_behind(name: str, lead: Interval) -> bool:
    return " - " in name and lead.value < 0 and not lead.below


def interval_text(interval: Interval, form: str, signed: bool = False) -> str:
    """Return `value (low to high)`; a dash if the value is not known."""
    if interval.value != interval.value:
        return "–"
    sign = "+" if signed else ""
    return f"{interval.value:{sign}{form}} ({interval.low:{sign}{form}} to {interval.high:{sign}{form}})"


def _lead(interval: Interval, form: str) -> str:
    return interval_text(interval, form, signed=True) + (
        " better" if interval.above else " WORSE" if interval.below else ""
    )


def _known(value: float | None, form: str) -> str:
    return "too few" if value is None else f"{value:{form}}"


def _number(value: float, form: str) -> str:
    return "" if value != value else f"{value:{form}}"


def _period(dates: Sequence[str]) -> str:
    return dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}, {len(dates)} dates"
