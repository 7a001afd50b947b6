"""Texts become numbers, days, instants and flags, as SQL of DuckDB; what cannot be read gives null.

In: SQL of a text, and how the mapping says to read it. Out: SQL of the value. An offset in a text stands above the zone
of the mapping. Of an hour that occurs twice the later one is meant; one that never occurs is moved forward by an hour.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from features.intake.language.mapping_model import ISO, Condition, Value
from features.schema import Kind
from features.validation.conversion import FLAG_TEXTS

#: Kind of a column -> DuckDB's type.
TYPES = {
    Kind.TEXT: "VARCHAR",
    Kind.NUMBER: "DOUBLE",
    Kind.INTEGER: "BIGINT",
    Kind.FLAG: "BOOLEAN",
    Kind.DATE: "DATE",
    Kind.INSTANT: "TIMESTAMP",
}
#: Between thousands, beside the mark of the language: blanks within a line, and strokes.
APART = " \u00a0\u202f'’"
#: Beside a number: currency signs and codes, blanks of all kinds, strokes between thousands, an asterisk of SAP.
BESIDE = f"[€$£¥%\\s{APART}*]|(?:^|\\b)[A-Za-z]{{3}}(?:\\b|$)"
#: Signs of currencies; those that several have stand for themselves.
SIGNS = {"€": "EUR", "£": "GBP", "$": "$", "¥": "¥"}
#: A day, perhaps with a time, as ISO writes it. DuckDB's own cast passes over what follows: 2:45 PM would be 2:45.
WALL = "\\d{4}[-/]\\d{1,2}[-/]\\d{1,2}([ T]\\d{1,2}:\\d{2}(:\\d{2}(\\.\\d*)?)?)?"
HALF_DAYS = ("%Y-%m-%d %I:%M %p", "%Y-%m-%d %I:%M:%S %p")
#: A form with nothing between its parts, of which DuckDB would read 2025123, too.
ALL_DIGITS = re.compile("(%[YymdHIMS])+")
#: Beginnings of German months that differ from the English ones.
MONTHS = (("jän", "Jan"), ("m(ä|ae)rz?|mrz", "Mar"), ("mai", "May"), ("okt", "Oct"), ("dez", "Dec"))
#: The end of a time that says how far it is from UTC.
OFFSET = ":\\d{2}(\\.\\d+)?\\s*(Z|UTC|[+-]\\d{2}(:?\\d{2})?)$"


def quoted(text: str) -> str:
    """Return a text as SQL."""
    return "'" + text.replace("'", "''") + "'"


def typed_sql(kind: Kind, text: str, value: Value, zone: str | None = None, year_from: str | None = None) -> str:
    """Return the SQL that reads a text as a kind; a whole number may still have decimals (`whole_sql`).

    Parameters
    ----------
    text : str
        SQL of the text, already cut.
    zone : str, optional
        The zone of the text where it names none: an IANA name, or "day".
    year_from : str, optional
        The first day, YYYYMMDD, of the year in which day and month lie.
    """
    if kind is Kind.TEXT:
        return text
    if kind is Kind.FLAG:
        return _flag(text)
    if kind is Kind.DATE:
        return _day(text, value, zone, year_from)
    if kind is Kind.INSTANT:
        return _instant(text, value, zone)
    number = number_sql(text, value.decimal, percent=value.divide_by != 1)
    if isinstance(value.divide_by, float | int) and value.divide_by != 1:
        number = f"({number} / {value.divide_by!r})"
    return number


def whole_sql(number: str) -> str:
    """Return the SQL of a whole number; one with decimals is null."""
    return f"CASE WHEN {number} = floor({number}) THEN TRY_CAST({number} AS BIGINT) END"


def number_sql(text: str, decimal: str = ".", percent: bool = True) -> str:
    """Return the SQL of a number: `-1,332.33`, `1.332,33-`, `(40.00)`, `$ 12`, by the mark before its decimals.

    Without `percent` a text such as `8 %` is none: it would be read as 8, where .08 is meant.
    """
    thousands = "," if decimal == "." else "."
    digits = f"(\\d{{1,3}}([{APART}\\{thousands}]\\d{{3}})+|\\d+)?(\\{decimal}\\d*)?"
    beside = BESIDE if percent else BESIDE.replace("%", "")
    # Not of the text without them: two numbers of one cell would become one.
    some = f"(?:{beside})*"
    form = quoted(f"{some}[+-]?{some}{digits}{some}-?{some}|{some}\\({some}{digits}{some}\\){some}")
    bare = f"regexp_replace({text}, {quoted(beside)}, '', 'g')"
    plain = f"regexp_replace(replace(replace({bare}, '{thousands}', ''), '{decimal}', '.'), '[()+-]', '', 'g')"
    slow = (
        f"CASE WHEN regexp_full_match({text}, {form}) THEN "
        f"CASE WHEN regexp_matches({bare}, '^-|-$|^\\(') THEN -1 ELSE 1 END * TRY_CAST({plain} AS DOUBLE) END"
    )
    return _else(plain_number_sql(text, decimal), slow)


def plain_number_sql(text: str, decimal: str = ".") -> str:
    """Return the SQL of a number that is written with digits, a sign and the mark before its decimals alone."""
    if decimal == ".":
        return f"TRY_CAST({text} AS DOUBLE)"
    return f"CASE WHEN NOT contains({text}, '.') THEN TRY_CAST(replace({text}, ',', '.') AS DOUBLE) END"


def currency_sql(text: str) -> str:
    """Return the SQL of the currency that the text of an amount names, as `7 CHF` and `€ 5`; few texts name any."""
    signs = "".join(f" WHEN contains({text}, '{sign}') THEN '{code}'" for sign, code in SIGNS.items())
    word = f"upper(regexp_extract({text}, '(?:^|[^A-Za-z])([A-Za-z]{{3}})(?:[^A-Za-z]|$)', 1))"
    word = f"CASE WHEN {word} NOT IN ('', 'NAN', 'INF') THEN {word} END"
    some = f"left({text}, 1) > '9' OR right({text}, 1) > '9' OR contains({text}, '$')"
    return f"CASE WHEN {some} THEN coalesce({word}, CASE{signs} END) END"


def _else(quick: str, slow: str) -> str:
    """Return the SQL of `quick`, and where it is null of `slow`.

    Not by COALESCE: DuckDB works out what stands twice in its arguments for every row, needed or not.
    """
    return f"CASE WHEN {quick} IS NOT NULL THEN {quick} ELSE {slow} END"


def trimmed(text: str) -> str:
    """Return the SQL of a text without blanks around it, null where nothing is left; few texts have any."""
    # What is empty or begins with a blank comes before '!': one comparison is cheaper than two tests.
    blank = f"{text} < '!' OR ends_with({text}, ' ')"
    return f"CASE WHEN {blank} THEN nullif(trim({text}), '') ELSE {text} END"


def _flag(text: str) -> str:
    texts = {flag: ", ".join(quoted(each) for each in FLAG_TEXTS if FLAG_TEXTS[each] is flag) for flag in (True, False)}
    return f"CASE WHEN lower({text}) IN ({texts[True]}) THEN true WHEN lower({text}) IN ({texts[False]}) THEN false END"


def formed_sql(text: str, forms: Sequence[str]) -> str:
    """Return the SQL of a time by forms as of strptime; months may have German names, and a full stop behind them."""
    if any("%b" in form for form in forms):
        text = english_sql(text)
    loose = [form for form in forms if not _digits(form)]
    reads = [_strptime(text, loose)] if loose else []
    reads += [f"CASE WHEN length({text}) = {_digits(form)} THEN {_strptime(text, [form])} END"
              for form in forms if _digits(form)]  # fmt: skip
    return first_sql(reads)


def _digits(form: str) -> int:
    """Return how many digits a time of this form has; 0 where something stands between its parts."""
    return sum(4 if part == "Y" else 2 for part in form[1::2]) if ALL_DIGITS.fullmatch(form) else 0


def _strptime(text: str, forms: Sequence[str]) -> str:
    """Return the SQL of a time by forms. DuckDB reads `infinity` and `epoch` as 1900, and in 11.02.25 the year 25.

    It takes the first form that fits, so forms with a year of two digits come first: they fit no year of four.
    """
    short_first = sorted(forms, key=lambda form: "%y" not in form)
    read = f"TRY_STRPTIME({text}, [{', '.join(map(quoted, short_first))}])"
    sure = f"{read} <> TIMESTAMP '1900-01-01' OR contains({text}, '1900')"
    return f"CASE WHEN {read} >= TIMESTAMP '1000-01-01' AND ({sure}) THEN {read} END"


def english_sql(text: str) -> str:
    """Return the SQL of a text in which months, with English or German names, are the three signs that `%b` reads."""
    for german, english in MONTHS:
        text = f"regexp_replace({text}, '(?i){german}', '{english}')"
    return f"regexp_replace({text}, '([A-Za-z]{{3}})[a-z]*\\.?', '\\1')"


def _or_epoch(text: str, value: Value, otherwise: str) -> str:
    """Return the SQL of a bare number as the time since 1970, and of another text as it is read otherwise.

    Fewer digits than times of the last decades have are no such number: 20250131 is a day.
    """
    digits = 9 if value.epoch == "seconds" else 12
    is_number = f"regexp_full_match({text}, '-?\\d{{{digits},}}(\\.\\d*)?')"
    return f"CASE WHEN {is_number} THEN {_epoch(text, value)} ELSE {otherwise} END"


def _epoch(text: str, value: Value) -> str:
    scale = 1_000_000 if value.epoch == "seconds" else 1_000
    return f"CAST(make_timestamp(CAST(TRY_CAST({text} AS DECIMAL(24, 6)) * {scale} AS BIGINT)) AS TIMESTAMP)"


def _day(text: str, value: Value, zone: str | None, year_from: str | None) -> str:
    """Return the SQL of a day: as it is written, or the day of an instant in its zone."""
    if year_from is not None:
        return _day_of_year(text, value, year_from)
    if value.epoch is not None:
        plain = value.model_copy(update={"epoch": None})
        return f"CAST({_or_epoch(text, value, _day(text, plain, zone, None))} AS DATE)"
    if ISO in value.date:
        return _else(*(_day(text, each, zone, None) for each in _with_and_without_forms(value)))
    if value.date:
        return f"CAST({formed_sql(text, value.date)} AS DATE)"
    where = zone if zone not in (None, "day") else "UTC"
    moved = f"CAST(timezone({quoted(str(where))}, {_aware(text)}) AS DATE)"
    compact = formed_sql(text, ("%Y%m%d",))
    # Ten signs are a day and nothing else: most columns hold no others, and no pattern need be tried.
    quick = f"CASE WHEN length({text}) = 10 THEN TRY_CAST({text} AS DATE) END"
    slow = (
        f"CASE WHEN regexp_matches({text}, {quoted(OFFSET)}) THEN {moved} "
        f"ELSE CAST({_else(_wall(text), compact)} AS DATE) END"
    )
    return _else(quick, slow)


def _with_and_without_forms(value: Value) -> tuple[Value, Value]:
    forms = tuple(form for form in value.date if form != ISO)
    return value.model_copy(update={"date": forms}), value.model_copy(update={"date": ()})


def _wall(text: str) -> str:
    """Return the SQL of a time that names no zone."""
    return (
        f"CASE WHEN regexp_full_match({text}, {quoted(WALL)}) THEN TRY_CAST({text} AS TIMESTAMP) "
        f"ELSE {_strptime(text, HALF_DAYS)} END"
    )


def _aware(text: str) -> str:
    """Return the SQL of a time that ends with its distance from UTC, a blank before it or none."""
    return f"TRY_CAST(regexp_replace({text}, '\\s+([+-])', '\\1') AS TIMESTAMPTZ)"


def _day_of_year(text: str, value: Value, first: str) -> str:
    """Return the SQL of day and month in the year that begins on a day; a longer text is none, naming a year itself."""
    year, padded = int(first[:4]), f"CASE WHEN length({text}) <= 4 THEN lpad({text}, 4, '0') END"
    dated = [f"TRY_STRPTIME({padded} || '{each}', {quoted(value.date[0] + '%Y')})" for each in (year, year + 1)]
    begin = f"DATE '{first[:4]}-{first[4:6]}-{first[6:8]}'"
    return f"CAST(CASE WHEN {dated[0]} >= {begin} THEN {dated[0]} ELSE {dated[1]} END AS DATE)"


def _instant(text: str, value: Value, zone: str | None) -> str:
    """Return the SQL of an instant in UTC."""
    if value.epoch is not None:
        return _or_epoch(text, value, _instant(text, value.model_copy(update={"epoch": None}), zone))
    if ISO in value.date:
        return _else(*(_instant(text, each, zone) for each in _with_and_without_forms(value)))
    wall = formed_sql(text, value.date) if value.date else _wall(text)
    if zone == "day":
        return f"date_trunc('day', {wall})"
    local = wall if zone in (None, "UTC") else f"timezone('UTC', timezone({quoted(str(zone))}, {wall}))"
    if value.date:
        return f"CAST({local} AS TIMESTAMP)"
    aware = f"timezone('UTC', {_aware(text)})"
    return f"CASE WHEN regexp_matches({text}, {quoted(OFFSET)}) THEN {aware} ELSE {local} END"


def not_before_sql(later: str, text: str, earlier: str) -> str:
    """Return the SQL of an instant of which only the day is written: not before one of the same day, but with it."""
    plain = f"NOT contains({text}, ':') AND {later} < {earlier} AND {earlier} < {later} + INTERVAL 1 DAY"
    return f"CASE WHEN {plain} THEN {earlier} ELSE {later} END"


def condition_sql(text: str, condition: Condition) -> str:
    """Return the SQL of a condition on a text; of a null text it is false where the test is another."""
    lower = f"lower({text})"
    if condition.is_empty is not None:
        return f"({text} IS {'' if condition.is_empty else 'NOT '}NULL)"
    if condition.is_in is not None:
        return f"coalesce({lower} IN ({texts_sql(condition.is_in)}), false)"
    if condition.is_not_in is not None:
        return f"coalesce({lower} NOT IN ({texts_sql(condition.is_not_in)}), true)"
    if condition.matches is not None:
        return f"coalesce(regexp_matches({text}, {quoted(condition.matches)}), false)"
    return f"coalesce({number_sql(text, condition.when.decimal)} < {condition.below!r}, false)"


def first_sql(texts: Sequence[str]) -> str:
    """Return the SQL of the first text that is there."""
    return texts[0] if len(texts) == 1 else f"coalesce({', '.join(texts)})"


def texts_sql(texts: Sequence[str]) -> str:
    """Return texts as SQL, in small letters and without outer blanks."""
    return ", ".join(quoted(text.strip().lower()) for text in texts)


def long_id_sql(text: str) -> str:
    """Return the SQL of an id of Salesforce with 18 signs: one of 15 gets three that say which are capitals.

    Each of the three stands for five signs: the place in A to Z, 0 to 5 of the number whose bits are the capitals.
    """
    signs = []
    for block in range(3):
        bits = "+".join(
            f"CASE WHEN {text}[{5 * block + i + 1}] BETWEEN 'A' AND 'Z' THEN {2**i} ELSE 0 END" for i in range(5)
        )
        signs.append(f"'ABCDEFGHIJKLMNOPQRSTUVWXYZ012345'[{bits}+1]")
    return (
        f"CASE WHEN regexp_full_match({text}, '[A-Za-z0-9]{{15}}') THEN {text} || {' || '.join(signs)} ELSE {text} END"
    )
