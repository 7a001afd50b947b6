"""Groups of figures that a run keeps as tables: lifetime values by segment, renewals by quarter and month.

A table has a row a group and a column a figure; the rows of a sum add up to the whole. A figure that is known of no
group has no column: the list of figures says once why.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serving.words.figure_words import FigureInWords, Group, written
from serving.words.formats import Formats
from serving.words.glossary import glossary

#: Family, split and the figures that stand side by side.
TABLES: Sequence[tuple[str, str, tuple[str, ...]]] = (
    ("loyalty", "segment", ("lifetime_value", "lifetime_value_promoters", "lifetime_value_passives",
                            "lifetime_value_detractors", "lifetime_value_unheard",
                            "customers_without_lifetime_value")),
    *(("renewals_due", split, ("renewals_due_365d", "renewals_expected_365d", "renewals_expected_lost_365d",
                               "renewals_not_estimated_365d")) for split in ("quarter", "month")),
)  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """A figure of a group; `reason` stands in the place of a value that is not known."""

    head: str
    value: str
    exact: float | None
    interval: str
    reason: str


@dataclass(frozen=True)
class GroupTable:
    """Figures of groups side by side; `rows` are the group's name with a cell a figure."""

    key: str
    title: str
    first: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]


def group_tables(
    family: str, by_name: Mapping[str, FigureInWords], formats: Formats, texts: Mapping[str, str]
) -> Iterator[GroupTable]:
    """Yield the tables of a family of which the run keeps groups; what belongs to no known group comes last."""
    for of_family, split, names in TABLES:
        found = {name: {group.group: group for group in by_name[name].groups if group.split == split} for name in names}
        figures = [by_name[name] for name in names if _is_known(by_name[name], found[name].values())]
        groups = sorted({group for of in found.values() for group in of}, key=lambda name: (name is None, name or ""))
        if of_family != family or not groups or not figures:
            continue
        heads = tuple(_head(figure.label) for figure in figures)
        rows = tuple(
            (
                _called(split, group, formats, texts),
                tuple(
                    _cell(head, figure, found[figure.figure.name].get(group), formats, texts)
                    for head, figure in zip(heads, figures, strict=True)
                ),
            )
            for group in groups
        )
        yield GroupTable(f"{family}-{split}", texts[f"by_{split}_{family}"], texts[f"by_{split}"], heads, rows)


def _is_known(figure: FigureInWords, groups: Iterable[Group]) -> bool:
    return figure.now.value is not None or any(group.value is not None for group in groups)


def _head(label: str) -> str:
    """Return a label without its window, which stands in the table's title."""
    return label.partition(", 365")[0]


def _cell(
    head: str, figure: FigureInWords, group: Group | None, formats: Formats, texts: Mapping[str, Any]
) -> Cell:  # fmt: skip
    if group is None and figure.now.value is None:  # What is known nowhere is known of no group.
        return Cell(head, "", None, "", figure.now.reason or "")
    if group is None:  # The run keeps no row of this kind in the group: nothing of it is there.
        return Cell(head, written(0.0, figure.figure, formats), 0.0, "", "")
    if group.value is None:
        return Cell(head, "", None, "", group.reason or "")

    def say(number: float) -> str:
        return formats.money(number, whole=True) if figure.figure.unit == "currency" else formats.number(number)

    bounded = group.low is not None and group.high is not None and group.low < group.high
    interval = f"{say(group.low)} – {say(group.high)}" if bounded else ""  # type: ignore[arg-type]
    return Cell(head, say(group.value), group.value, interval, "")


def _called(split: str, group: str | None, formats: Formats, texts: Mapping[str, str]) -> str:
    if group is None:
        return texts["no_group"]
    if split == "month":
        return formats.month(group)
    if split == "quarter":
        year, _, quarter = group.partition("-Q")
        return texts["quarter"].format(quarter=quarter, year=year)
    return glossary().say(split, group, formats.lang)
