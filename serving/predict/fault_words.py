"""What is wrong with a field, in this product's own words: a fault as pydantic lists it becomes a sentence.

The readers of `serving.predict.values` raise sentences themselves; the rest (a field that is absent, a list that is too
long, a parameter of a path or query) is told by its kind here. A sentence says what is expected and quotes the value.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from features.tables import TABLES
from features.validation.names import akin, near
from serving.predict.values import A_DATE, A_FLAG, A_NUMBER, A_TEXT, A_WHOLE_NUMBER, AN_INSTANT, quoted

#: Names of the contract, which stand for themselves wherever they are.
NAMES = {*TABLES, *(column.name for table in TABLES.values() for column in table.columns)}
#: How many other names are compared with one that is missing.
MOST_STRANGE = 20
_OBJECT, _LIST = "an object", "a list"
#: What each kind of fault expects; words in braces stand for the limits that the fault names.
EXPECTED: Mapping[str, str] = {
    "list_type": _LIST,
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), _OBJECT),
    "string_type": A_TEXT,
    "string_unicode": "a text of whole characters",
    "string_too_short": "a text of {min_length} characters or more",
    "string_too_long": "a text of at most {max_length} characters",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float", "int_parsing_size"), A_WHOLE_NUMBER),
    **dict.fromkeys(("float_type", "float_parsing", "finite_number"), A_NUMBER),
    **dict.fromkeys(("bool_type", "bool_parsing"), A_FLAG),
    **dict.fromkeys(("date_type", "date_parsing", "date_from_datetime_parsing"), A_DATE),
    **dict.fromkeys(("datetime_type", "datetime_parsing", "datetime_from_date_parsing"), AN_INSTANT),
    "literal_error": "one of {expected}",
    "greater_than": "more than {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "less than {lt}",
    "less_than_equal": "{le} or less",
    "string_pattern_mismatch": "a text of the form {pattern}",
}
#: Patterns of parameters and fields in words.
VISIBLE, NOT_BLANK = r"^[\x21-\x7e]+$", r"[^ \t\n\r\v\f]"
IN_WORDS: Mapping[str, str] = {
    VISIBLE: "a text of visible ASCII characters, without blanks,",
    NOT_BLANK: "a text that is not blank",
}


def sentence(fault: Mapping[str, Any]) -> str:
    """Return what is wrong, from one entry of `ValidationError.errors`."""
    kind, limits = fault["type"], fault.get("ctx") or {}
    if kind == "value_error":
        return str(limits["error"])
    if kind == "missing":
        return f"missing{_instead(str(fault['loc'][-1]), fault.get('input'))}"
    if kind == "extra_forbidden":
        return "there is no such field"
    if kind == "too_short":
        return f"{limits['min_length']} or more are expected, not {limits['actual_length']}"
    if kind == "too_long":
        return f"at most {limits['max_length']} are expected, not {limits['actual_length'] or 'more'}"
    if kind.startswith("string_") and fault.get("input") in (None, ""):
        return f"missing; {A_TEXT} is expected"
    value = quoted(fault.get("input"))
    if kind not in EXPECTED:
        return f"{value} is not as the document of the API has it"
    if kind == "string_pattern_mismatch" and limits["pattern"] in IN_WORDS:
        return f"{IN_WORDS[limits['pattern']]} is expected, not {value}"
    if kind == "literal_error":
        limits = {"expected": str(limits["expected"]).replace("'", "")}
    return f"{EXPECTED[kind].format_map(limits)} is expected, not {value}"


def _instead(name: str, beside: Any) -> str:
    """Return what stands in the place of a field that is missing, where something does."""
    if not isinstance(beside, dict):
        return ""
    account = beside.get("account")
    if name in TABLES and isinstance(account, dict) and name in account:
        return "; it stands within account, where it is not read"
    strange = sorted(islice((key for key in beside if key not in NAMES), MOST_STRANGE))
    key = near(name, strange) or akin(name, strange)
    return "" if key is None else f"; {quoted(key)} is there, which is not read"
