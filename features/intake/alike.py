"""Which accounts of two systems may be the same: by number, VAT id, e-mail domain, and name with town.

In: parties of one system and of the master. Out: pairs with a score of 0 to 100 and what speaks for them. Names are
compared without legal forms, in lower case, with composed umlauts; two empty names are no match. No threshold tells a
pair of names that is right from one that is not ("Deutsche Bank", "Deutsche Bahn"), so a person confirms.

References
----------
RapidFuzz, https://rapidfuzz.github.io/RapidFuzz/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from unicodedata import normalize

import numpy as np
from rapidfuzz import fuzz, process

#: Domains of mailers that anybody may use: an address there tells nothing of the company.
FREE_MAILERS = frozenset({
    "gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "hotmail.de", "live.com", "msn.com", "yahoo.com",
    "yahoo.de", "aol.com", "icloud.com", "me.com", "gmx.de", "gmx.net", "gmx.at", "gmx.ch", "web.de", "t-online.de",
    "freenet.de", "arcor.de", "mail.de", "posteo.de", "mailbox.org", "proton.me", "protonmail.com", "mail.com",
    "mail.ru", "orange.fr", "laposte.net", "libero.it", "bluewin.ch",
})  # fmt: skip
_FORMS = re.compile(
    r"\b(gmbh|ggmbh|mbh|ag|se|kg|kgaa|ohg|ug|gbr|ev|eg|co|inc|corp|corporation|ltd|limited|llc|llp|plc|sa|sas|sarl|srl|"
    r"spa|bv|nv|ab|as|oy|aps|haftungsbeschrankt|haftungsbeschränkt)\b"
)
#: Long names of legal forms.
FORM_NAMES = {"limited": "ltd", "corporation": "corp", "haftungsbeschränkt": "haftungsbeschrankt"}
#: Names less alike than this are not proposed; town and name together may lie a little lower.
NEAR_NAME, TOWN = 80, 8
SAME_NUMBER, SAME_VAT, SAME_NAME, SAME_DOMAIN = 98, 100, 95, 90
#: What is said of a sign that several accounts have: it tells too little.
SHARED, SHARED_SIGN = 60, ", which several accounts have"
#: What may be confirmed without a look at each pair. Names that are only alike never may.
CERTAIN = ("same VAT id", "same number", "same e-mail domain", "same name", "same name and town")
BLOCK = 256


@dataclass(frozen=True)
class Party:
    """An account of one system, as far as it is described; what is not known is empty."""

    id: str
    name: str = ""
    town: str = ""
    vat: str = ""
    email: str = ""
    number: str = ""

    def filled(self, other: Party | None) -> Party:
        """Return the party with what another description of it knows beside."""
        if other is None:
            return self
        return replace(
            self, **{each.name: getattr(self, each.name) or getattr(other, each.name) for each in fields(self)}
        )


def plain_name(name: str) -> str:
    """Return a name as it is compared.

    Examples
    --------
    >>> plain_name("Mu\u0308ller & So\u0308hne GmbH & Co. KG"), plain_name("BMW AG"), plain_name("GmbH")
    ('müller söhne', 'bmw', '')
    """
    lower = normalize("NFKC", name).lower().replace(".", "").replace("ß", "ss")
    return " ".join(re.sub(r"[^\w ]+", " ", _FORMS.sub(" ", lower)).split())


def domain(email: str) -> str:
    """Return the domain of an e-mail or web address; empty for a mailer that anybody may use.

    Examples
    --------
    >>> domain("info@Acme.de"), domain("https://www.acme.de/kontakt"), domain("acme@gmx.de")
    ('acme.de', 'acme.de', '')
    """
    host = re.sub(r"^https?://|^www\.", "", email.strip().lower().rpartition("@")[2])
    host = re.sub(r"^www\.", "", host).split("/")[0].strip()
    return "" if host in FREE_MAILERS or "." not in host else host


def alike(parties: Sequence[Party], masters: Sequence[Party]) -> Iterator[tuple[Party, Party, int, str]]:
    """Yield for each party its likeliest account: (party, account, score, why); none where nothing speaks for one."""
    keys = [
        (SAME_VAT, "same VAT id", _vat),
        (SAME_NUMBER, "same number", _number),
        (SAME_DOMAIN, "same e-mail domain", _domain),
    ]
    indexes = [(score, why, key, _index(masters, key)) for score, why, key in keys]
    by_name = [plain_name(master.name) for master in masters]
    for start in range(0, len(parties), BLOCK):
        block = parties[start : start + BLOCK]
        names = [plain_name(party.name) for party in block]
        likeness = process.cdist(names, by_name, scorer=fuzz.token_sort_ratio, dtype=np.uint8) if by_name else None
        for place, party in enumerate(block):
            best: tuple[int, int, str] | None = None
            for score, why, key, index in indexes:
                sharing = index.get(key(party), []) if key(party) else []
                for other in sharing[:1]:
                    told = (score, other, why) if len(sharing) == 1 else (SHARED, other, why + SHARED_SIGN)
                    best = max(best, told) if best else told
            if (best is None or best[0] == SHARED) and likeness is not None and names[place]:
                best = _by_name(party, masters, by_name, likeness[place]) or best
            if best is not None:
                yield party, masters[best[1]], best[0], best[2]


def _by_name(
    party: Party, masters: Sequence[Party], names: Sequence[str], likeness: np.ndarray
) -> tuple[int, int, str] | None:
    """Return score, place and reason of the master with the likeliest name; the town decides among the like."""
    scores = likeness.astype(int)
    scores[[place for place, name in enumerate(names) if not name]] = 0
    own = plain_name(party.name)
    same = [place for place in map(int, np.flatnonzero(scores == 100)) if names[place] == own]
    same = [place for place in same if _one_form(party.name, masters[place].name)]
    here = [place for place in same if _one_town(party, masters[place])]
    if len(here) == 1 or len(same) == 1:
        return SAME_NAME, (here or same)[0], "same name and town" if here else "same name"
    if same:
        return SHARED, same[0], f"same name{SHARED_SIGN}"
    near = [place for place in map(int, np.flatnonzero(scores >= NEAR_NAME - TOWN))]
    near_town = [place for place in near if _one_town(party, masters[place])]
    scores[near_town] = np.minimum(scores[near_town] + TOWN, 99)
    place = int(scores.argmax())
    if scores[place] < NEAR_NAME:
        return None
    town = " and town" if _one_town(party, masters[place]) else ""
    return int(min(scores[place], SAME_NAME - 1)), place, f"similar name{town}"


def _one_town(party: Party, master: Party) -> bool:
    return bool(party.town) and party.town.strip().lower() == master.town.strip().lower()


def _one_form(name: str, other: str) -> bool:
    """Return whether two names have one legal form, or one of them has none: Example GmbH is not Example KG."""
    forms = [
        {FORM_NAMES.get(form, form) for form in _FORMS.findall(each.lower().replace(".", ""))} for each in (name, other)
    ]
    return not all(forms) or forms[0] == forms[1]


def _index(masters: Sequence[Party], key: Callable[[Party], str]) -> dict[str, list[int]]:
    places: dict[str, list[int]] = {}
    for place, master in enumerate(masters):
        text = key(master)
        if text:
            places.setdefault(text, []).append(place)
    return places


def _vat(party: Party) -> str:
    return re.sub(r"[\W_]", "", party.vat).upper()


def _number(party: Party) -> str:
    """Return the number by which a party is known, without the zeros before it; a master's own id may be one."""
    number = party.number or party.id
    return number.strip().lstrip("0") if re.search(r"\d", number) else ""


def _domain(party: Party) -> str:
    return domain(party.email)
