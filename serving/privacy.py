"""What is personal: the key that finds an account's rows without its id, and the removal of a contact from a record."""

from __future__ import annotations

import hashlib
import json
from typing import Any

#: Fields that name a person, where a record has the person's `contact_id`.
PERSONAL = ("name", "email", "phone")


def account_key(account_id: str) -> str:
    """Return a digest of an account's id, so that an index can hold ids with any characters and any length.

    Examples
    --------
    >>> account_key("A1")[:12]
    '16a36e86f6fe'
    """
    return hashlib.sha256(account_id.encode("utf-8", "surrogatepass")).hexdigest()


def without_contact(record: Any, contact_id: str) -> tuple[Any, bool]:
    """Return a JSON-able record without a contact's name, e-mail and phone, and whether there were any.

    They are set to null in every object that has the contact's id as its `contact_id`, however deep it lies. A field
    may carry the word contact before its name (`contact_name`), as in a row that was joined.

    Examples
    --------
    >>> without_contact([{"contact_id": "C1", "name": "Eva", "role": "IT"}, {"contact_id": "C2", "name": "Jan"}], "C1")
    ([{'contact_id': 'C1', 'name': None, 'role': 'IT'}, {'contact_id': 'C2', 'name': 'Jan'}], True)
    """
    if isinstance(record, list | tuple):
        parts = [without_contact(part, contact_id) for part in record]
        return [part for part, _ in parts], any(changed for _, changed in parts)
    if not isinstance(record, dict):
        return record, False
    own = record.get("contact_id") == contact_id
    removed = {name for name, value in record.items() if own and value is not None and _is_personal(name)}
    rest = {name: without_contact(value, contact_id) for name, value in record.items() if name not in removed}
    cleaned = {name: None if name in removed else rest[name][0] for name in record}
    return cleaned, bool(removed) or any(changed for _, changed in rest.values())


def mentions(text: str, contact_id: str) -> bool:
    """Whether JSON text may hold a contact's id: a quick look before it is parsed."""
    return any(json.dumps(contact_id, ensure_ascii=escaped) in text for escaped in (True, False))


def _is_personal(name: str) -> bool:
    return name.removeprefix("contact_") in PERSONAL
