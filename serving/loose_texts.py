"""Texts of small requests before models check them, read as those of records: any case, blanks are nothing."""

from __future__ import annotations

from typing import Any

from features.validation.conversion import BLANKS


def bare_choice(value: Any) -> Any:
    """Return a choice as it is declared, lower case without blanks around it; anything else as it is."""
    return value.strip(BLANKS).lower() if isinstance(value, str) else value


def emptied(value: Any) -> Any:
    """Return None for a text of blanks, which is no value; anything else as it is."""
    return None if isinstance(value, str) and not value.strip(BLANKS) else value
