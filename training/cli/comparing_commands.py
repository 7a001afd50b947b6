"""The command `compare-groups`: accounts that something was done for, beside comparable ones.

A command imports what it needs when it runs, so that `--help` answers at once.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from features.cli.book_commands import read_book
from features.console import DATE_OPTION, JsonOption, SourceArgument, emit, progress_bar, put, say, written_at_once
from training.cli.model_commands import HorizonOption, SilenceOption

if TYPE_CHECKING:
    from training.comparing.matched import Compared

ENDINGS = (".csv", ".parquet")
COMPARE = "loops_fast, loops_late, loops_never, programme, referrals or actions; may be given several times."


def compare_groups(
    source: SourceArgument,
    as_of: Annotated[date, typer.Option(**DATE_OPTION, help="Only what was known before this date counts.")],
    compare: Annotated[list[str] | None, typer.Option(help=COMPARE)] = None,
    horizon_days: HorizonOption = 180,
    silence_days: SilenceOption = None,
    months: Annotated[int, typer.Option(min=1, max=60, help="Months of starts that are looked at.")] = 24,
    program: Annotated[str | None, typer.Option(help="Joining this programme only.", metavar="NAME")] = None,
    action: Annotated[str | None, typer.Option(help="Actions of this kind only.", metavar="KIND")] = None,
    margin_share: Annotated[
        float | None, typer.Option(help="Share of revenue that is margin: above 0, at most 1.", metavar="SHARE")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="File for the accounts behind.", metavar="FILE.csv|.parquet"),
    ] = None,
    lang: Annotated[Literal["de", "en"], typer.Option(help="Language of the text.")] = "en",
    as_json: JsonOption = False,
) -> None:
    """Compare accounts with comparable others: loops closed in time, programmes, referrals, actions. No experiment."""
    from features.figures.asking import problems_of_date
    from training.comparing.asked import Asked, chosen, problems_of
    from training.comparing.matched import compare as compare_matched
    from training.comparing.told import NO_EXPERIMENT, lines
    from training.comparing.told import as_json as plain
    from training.errors import UnusableComparison
    from training.settings import ChurnRule
    from training.slices.labels import check_rule, end_of_data

    tables, names = read_book(source), compare or []
    only = {name: value for name, value in (("programme", program), ("actions", action)) if value is not None}
    problems = problems_of(tables, names, only) + problems_of_date(tables, as_of)
    if margin_share is not None and not 0 < margin_share <= 1:
        problems.append(f"--margin-share {margin_share}: must be above 0 and at most 1")
    if out is not None and out.suffix not in ENDINGS:
        problems.append(f"--out {str(out)!r}: accounts are written as .csv or .parquet")
    if problems:
        raise UnusableComparison(problems)
    rule = ChurnRule(horizon_days, 0, silence_days)
    check_rule(tables, rule)
    asked = Asked(min(as_of, end_of_data(tables, None)), rule, months, only, margin_share)
    wanted, found = chosen(names), []
    with progress_bar(as_json) as step:
        for number, comparison in enumerate(wanted):
            step(comparison.names[lang], number, len(wanted))
            found.append(compare_matched(tables, asked, comparison))
    if out is not None:
        _write(found, out)
    if as_json:
        comparisons = [plain(compared, asked, lang) for compared in found]
        told = {"as_of": as_of.isoformat(), "currency": tables.currency, "no_experiment": NO_EXPERIMENT[lang]}
        emit({**told, "comparisons": comparisons, "warnings": list(tables.warnings)})
        return
    for compared in found:
        put(
            f"{compared.comparison.names[lang]}\n"
            + "\n".join(f"  {line}" for line in lines(compared, asked, tables.currency, lang))
            + "\n"
        )
    put(NO_EXPERIMENT[lang])


def _write(found: list[Compared], out: Path) -> None:
    """Write the rows of all comparisons, one below the other; a comparison that was refused early has none."""
    import pandas as pd

    from features.csv_files import write_csv
    from training.comparing.matched import BEHIND

    behind = [item.behind.assign(comparison=item.comparison.name) for item in found if item.behind is not None]
    rows = pd.concat(behind, ignore_index=True) if behind else pd.DataFrame(columns=["comparison", *BEHIND])
    rows = rows[["comparison", *BEHIND]]
    with written_at_once(out) as scratch:
        if out.suffix == ".csv":
            write_csv(rows.astype({"as_of": str}), scratch)
        else:
            rows.to_parquet(scratch, index=False)
    say(f"{len(rows):,} rows in {out}")


def add_to(app: typer.Typer) -> None:
    """Add `compare-groups` to the root command."""
    app.command("compare-groups")(compare_groups)
