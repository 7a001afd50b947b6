"""Amounts of invoices from a column whose heading says gross: in the contract they are net.

In: the parts of the invoices, with the heads of their files; or the headings of a file that no preset knows. Out: a
doubt where nothing in the mapping takes the tax away, and a note for whoever fills a skeleton.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from features.errors import Problem
from features.intake.files.heads import Head
from features.intake.language.mapping_model import Part, Value

_TAX = "(vat|gst|tva|iva|tax|taxes|sales tax|mw ?st|u ?st|mehrwertsteuer|umsatzsteuer|steuer|steuern)"
_WITH = "(inc|incl|incl of|inclusive|inclusive of|including|inkl|inklusive|einschl|einschließlich|einschliesslich)"
#: Held against the words of a heading, in small letters and with one blank between them.
GROSS = re.compile(
    rf"brutto|\bgross(amount|total|value|price)?\b|\bttc\b|\b{_WITH}( [0-9]+)* {_TAX}\b"
    rf"|\b{_TAX} (incl|included|inclusive)\b"
)
#: A divisor in here takes a tax away; 100 makes units of cents.
TAXED = (1.0, 2.0)


def is_gross(heading: str) -> bool:
    """Return whether a heading says that its amounts are gross: `Brutto`, `grossAmount`, `Total (incl. VAT)`, `TTC`."""
    words = re.sub(r"[\W_]+", " ", re.sub(r"(?<=[a-zäöü])(?=[A-Z])", " ", heading))
    return GROSS.search(words.lower()) is not None


def gross_notes(headings: Sequence[str]) -> Iterator[str]:
    """Yield a line that says of the gross headings of a file how a mapping reads them."""
    named = ", ".join(repr(" ".join(heading.split())) for heading in headings if is_gross(heading))
    if named:
        yield f"{named}: amounts are net here; tax_rate = 0.19 beside the column takes 19 % away"


def gross_amounts(parts: Iterable[tuple[Part, Sequence[Head]]]) -> Iterator[Problem]:
    """Yield a doubt for each gross heading that the amount of invoices comes from with its tax; `tax_rate = 0` says no.

    Parameters
    ----------
    parts : iterable of (Part, sequence of Head)
        Those that fill the invoices.
    """
    for part, heads in parts:
        value = part.columns.get("amount")
        read = () if value is None else _headings(value, part.let, heads)
        for heading in dict.fromkeys(each for each in read if is_gross(each)):
            rule = (
                f"the heading of {heading!r} says gross, and amounts are net in a book: tax_rate = 0.19 beside the "
                "column takes 19 % away, or a value that tells the rate of each row; tax_rate = 0 where it has none"
            )
            yield Problem("invoices", "amount", f"{part.source}: {rule}")


def _headings(value: Value, named: Mapping[str, Value], heads: Sequence[Head]) -> Iterator[str]:
    """Yield the headings from which a value takes a number as it stands there, tax and all."""
    divided = not isinstance(value.divide_by, Value) and TAXED[0] < value.divide_by < TAXED[1]
    if value.tax_rate is not None or value.minus or divided:
        return
    for inner in value.first_of or ():
        yield from _headings(inner, named, heads)
    if value.let is not None and value.let in named:
        yield from _headings(named[value.let], {name: each for name, each in named.items() if name != value.let}, heads)
    for head in heads:
        place = head.position(value.column, value.nth) if value.column else None
        place = value.place - 1 if value.place is not None else place
        if place is not None and place < len(head.headings):
            yield head.headings[place]
