"""The page of signals, docs/signals.md, written from the declarations.

python -m training.registry.signal_page docs/signals.md
"""

from __future__ import annotations

import inspect
import sys
from itertools import groupby
from pathlib import Path

from features.signal import Signal, all_signals

HEAD = """# The signals

Written by `python -m training.registry.signal_page docs/signals.md` from the declarations in `features/signals/`; a
test fails when it is stale. `churn-risk features SOURCE --as-of DATE --out FILE.parquet` computes them, in single
precision; predictions and reports give them as reasons. Nothing later than the as-of date is seen ([data.md](data.md)).

- *Null without* names the tables that must be there, *looks back* the days of records without which a signal is null,
  *told by* the optional column that one of the account's records at least must have.
- A *relative change* is (now - before) / (|now| + |before|), from -1 (all is gone) to 1 (all is new): a fall by half is
  -.333. People are shown the change as a share of what was before. A *flag* is 1 or 0.
- *Riskier* is the direction in which the model may raise the risk; *either* leaves it to the data.
"""


def signal_page() -> str:
    """Return the page, Markdown."""
    lines = [HEAD]
    for family, signals in groupby(all_signals(), key=lambda signal: signal.family):
        first, *others = signals
        about = inspect.getdoc(inspect.getmodule(first.expression)) or ""
        lines += [f"\n## {family.capitalize()}\n", about, "", *map(_entry, [first, *others])]
    return "\n".join(lines) + "\n"


def _entry(signal: Signal) -> str:
    asked = [f"null without {', '.join(signal.needs)}"]
    if signal.history_days is not None:
        asked.append(f"looks back {signal.history_days} days")
    if signal.told_by is not None:
        asked.append(f"told by {signal.told_by}")
    if signal.when_none is not None:
        asked.append(f"{signal.when_none:g} without a record")
    meaning = " ".join((inspect.getdoc(signal.expression) or "").split())
    return (
        f"- **`{signal.name}`** {signal.en} / {signal.de} ({signal.unit}; riskier {signal.riskier}). {meaning} "
        f"*{'; '.join(asked).capitalize()}.*"
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(signal_page(), encoding="utf-8")
