"""Where an account stands in the reader's own CRM: a template of addresses is checked, and filled with an id.

    https://crm.example/accounts/{account_id}

An id is any text of the book, so it is percent-encoded whole: it can neither leave its place in the address nor begin
another part of it. The place comes after the host, so that no id decides where a link leads.
"""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

PLACE = "{account_id}"
EXAMPLE = f"https://crm.example/accounts/{PLACE}"
#: What an address may be written with (RFC 3986, section 2).
WRITTEN = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*")
#: Browsers take these segments of a path, encoded or not, as a way up (WHATWG URL, "path state").
DOTS = (".", "..")


def checked_template(text: str) -> str:
    """Return a template that makes safe links of any id.

    Raises
    ------
    ValueError
        When it does not, with all that is wrong with it.

    Examples
    --------
    >>> checked_template("ftp://crm.example/accounts")
    Traceback (most recent call last):
        ...
    ValueError: crm_url='ftp://crm.example/accounts': it does not begin with https:// or http://; {account_id} is \
missing. An address such as https://crm.example/accounts/{account_id} is expected
    """
    problems = _problems(text)
    if problems:
        # An address with a sign-in is not quoted: messages end up in logs.
        shown = "crm_url" if "@" in _split(text)[1] else f"crm_url={text!r}"
        raise ValueError(f"{shown}: {'; '.join(problems)}. An address such as {EXAMPLE} is expected")
    return text


def filled(template: str, account_id: str) -> str:
    """Return the address of an account; empty for an id that a browser would take as a way up.

    Examples
    --------
    >>> filled(EXAMPLE, 'A 1/ü?"<')
    'https://crm.example/accounts/A%201%2F%C3%BC%3F%22%3C'
    >>> filled(EXAMPLE, "..")
    ''
    """
    if account_id in DOTS:
        return ""
    return template.replace(PLACE, quote(account_id, safe="", errors="replace"))


def _problems(text: str) -> list[str]:
    scheme, authority, rest = _split(text)
    found = []
    if scheme not in ("https", "http"):
        found.append("it does not begin with https:// or http://")
    elif not _has_host(text):
        found.append("it names no host")
    if "@" in authority:
        found.append("it carries a sign-in, which every reader would see")
    if PLACE not in text:
        found.append(f"{PLACE} is missing")
    elif PLACE not in rest or PLACE in authority:
        found.append(f"{PLACE} stands before the end of the host")
    if not WRITTEN.fullmatch(text.replace(PLACE, "")):
        found.append("it has blanks, other braces or letters that must be percent-encoded")
    return found


def _split(text: str) -> tuple[str, str, str]:
    """Return scheme, authority and what follows; the text may be no address at all."""
    scheme, _, after = text.partition("://")
    authority = re.split(r"[/?#\\]", after, maxsplit=1)[0]
    return scheme.lower(), authority, after[len(authority) :]


def _has_host(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
