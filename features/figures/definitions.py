"""The page of definitions, docs/figures.md, written from the declarations.

python -m features.figures.definitions docs/figures.md
"""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

from features.figures.figure import Figure, all_figures
from features.figures.programme import ACCOUNT_SPLITS

HEAD = """# The programme's figures

Written by `python -m features.figures.definitions docs/figures.md` from the declarations in
`features/figures/families/`; a test fails when it is stale. `churn-risk figures SOURCE --as-of DATE` computes them,
`--every month` as a series, `--by SPLIT` for groups, `--json`, `--out FILE.csv` or `FILE.parquet` as one relation:
figure, as_of, split, group, value, low, high, n, reason.

- Nothing later than the date is seen. The period of retention is the twelve months before it, or `--months N`; its
  beginning is seen as it was known then. Figures are of customers at the date, those of retention of customers
  at either end.
- What is not known has no value but a reason: a table is missing, or not recorded for the whole period, or there is
  nothing to compare. It is never 0. The group of accounts whose attribute is not known is null and a line of its
  own, so the groups of a sum add up to the whole.
- Splits: {splits}. `account` is the drill-down. `size` (recognised revenue) and `tenure` are those of the beginning of
  the period, of who was a customer then. Some figures have splits of their own, named with them.
- Intervals hold 95 %. Rates have Wilson's, the NPS has Tango's score interval for a difference of paired proportions,
  which it is; 6 promoters, 3 passives and 3 detractors give 25, by the usual formula -21.9 to 71.9, by Tango -23.3 to
  62.7. `python -m benchmarks coverage` shows how often they hold the truth. Sums of money of a book are no estimates
  and have none; those of what is to come, lifetime values and renewals, have one of chance and of the level of all
  estimates.
- Figures of what is to come stand on the estimates of a scoring run: `churn-risk score` stores them at its own date,
  for the book and by manager, lifetime values by segment too, renewals by month and quarter. `churn-risk figures` has
  no model and says so.
- Smallest groups. What somebody answered anonymously shows only among 5 answers: an NPS of fewer is null and says so,
  and an account with fewer counts as unheard in every figure of money or of accounts by what they say. Sums of money
  have no smallest group: an account is a firm, the accounts behind a sum are listed for whoever may see them, and a
  group left out would break the sum. Access rights decide who sees which accounts.
- `churn-risk score SOURCE --as-of DATE` stores the figures with the run: of its date and of the same day of eleven
  months before, for the whole book and for each account manager's accounts, and what each account adds to each sum.
  `GET /v1/figures`, `GET /v1/figures/NAME` (with the accounts behind a sum) and the page `/figures` show those of the
  newest run; a key of an account manager gets figures of his accounts alone, from which nothing of the others can be
  told. It costs some four seconds of processor time, a tenth of scoring 1,100 customers and less of a larger book;
  `--no-figures` leaves it out, and the figures are then null and say so. `store forget` removes what an account adds;
  sums keep it.
- `churn-risk report --board --lang de --out board.pdf` (or `.html`; the link on `/figures`) is the board's monthly
  report of the stored figures ([pages.md](pages.md)). The parts of a sum are rounded so that what is shown adds up; in
  the HTML each value carries the number that the API has.
- `churn-risk losses SOURCE --as-of DATE` reviews each account that left in the twelve months before (`--months N`): ten
  plain facts as of 180, 90 and 30 days before its end, and what the last stored run by then said of it. It was seen if
  it stood at risk or at the top of the list; it would have been seen if only runs say so that were scored after the
  loss; if runs judged it and none had seen it, it is a surprise, and these come
  first, by revenue. A run counts only if its model had learnt from nothing on that day or later: a model of today has
  learnt from the losses themselves. What no run can tell is not known, and says why. The cause is `reason` of the
  table churns, else what was written of the account before it left. `--out FILE.html|FILE.pdf`, `--json`. A scoring
  run keeps the departures of its twelve months too, for the page `/losses` and `GET /v1/losses`.
- Where a figure takes the latest answer of each contact, the answers of an account without a contact count as those of
  one unknown contact: the latest of them alone. A source that names nobody so counts an account once, however often it
  answered. Anonymous answers (`anonymous` is true) may be of several people and count each.
- Shares are fractions, NPS goes from -100 to 100, money is in the book's currency.
"""


def page() -> str:
    """Return the page as Markdown."""
    parts = [HEAD.format(splits=", ".join(f"`{name}`" for name in ACCOUNT_SPLITS))]
    for family, figures in groupby(all_figures(), lambda figure: figure.family):
        parts.append(f"## {family.replace('_', ' ').capitalize()}\n")
        parts += [_entry(figure) for figure in figures]
    return "\n".join(parts)


def _entry(figure: Figure) -> str:
    splits = f" Own splits: {', '.join(figure.rows.splits)}." if figure.rows.splits else ""
    sums = " Groups add up." if figure.adds_up else ""
    needs = ", ".join(figure.needs) + (", the estimates of a scoring run" if figure.estimates else "")
    return (
        f"**`{figure.name}`** {figure.en} / {figure.de} ({figure.unit}). {figure.definition_en}\n"
        f"*{figure.definition_de}* Source: {figure.source}. Needs {needs}.{sums}{splits}\n"
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
