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
    r"spa|bv|nv|ab|as|oy|aps|e ?k|e ?kfm|e ?kfr|cokg|haftungsbeschrankt|haftungsbeschränkt)\b"
)
#: Long names of legal forms.
FORM_NAMES = {"limited": "ltd", "corporation": "corp", "haftungsbeschränkt": "haftungsbeschrankt", "cokg": "kg"}
#: Names less alike than this are not proposed; town and name together may lie a little lower.
NEAR_NAME, TOWN = 80, 8
SAME_NUMBER, SAME_VAT, SAME_NAME, SAME_DOMAIN = 98, 100, 95, 90
#: The same name that is not the very name: a legal form stands on one side only, or several accounts have the name.
SAME_STEM = 94
NO_FORM, OTHER_FORMS = ", without the legal form on one side", ", which other accounts have, too"
#: What is said of a sign that several accounts have: it tells too little.
SHARED, SHARED_SIGN = 60, ", which several accounts have"
#: What may be confirmed without a look at each pair. Names that are only alike never may.
CERTAIN = ("same VAT id", "same number", "same e-mail domain", "same name", "same name and town")
#: Between the evidences for one account, and before one for another account.
AND, BUT = "; ", "; but "
BLOCK = 256

#: Score, place of the account among the masters, what is the same.
Evidence = tuple[int, int, str]


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
    """Yield for each party its likeliest account: (party, account, score, why); none where nothing speaks for one.

    The score is that of the best evidence for the account; why names all of them, the best first, and what speaks as
    surely for another account.
    """
    keys = [
        (SAME_VAT, "same VAT id", _vat),
        (SAME_NUMBER, "same number", _number),
        (SAME_DOMAIN, "same e-mail domain", _domain),
    ]
    indexes = [(score, why, key, _index(masters, key)) for score, why, key in keys]
    names = _Names(masters)
    for start in range(0, len(parties), BLOCK):
        block = parties[start : start + BLOCK]
        for party, likeness in zip(block, names.likeness(block), strict=True):
            evidence = []
            for score, why, key, index in indexes:
                sharing = index.get(key(party), []) if key(party) else []
                shared = len(sharing) > 1
                told = (SHARED, why + SHARED_SIGN) if shared else (score, why)
                evidence += [(told[0], place, told[1]) for place in sharing[:1]]
            evidence += names.evidence(party, likeness)
            if evidence:
                score, place, why = _told(evidence, masters)
                yield party, masters[place], score, why


def _told(evidence: Sequence[Evidence], masters: Sequence[Party]) -> Evidence:
    """Return the likeliest account with its score, and in words all that speaks for it, and surely for another."""
    # A name that is only alike never stands above a sign that is the same.
    ordered = sorted(evidence, key=lambda each: (each[2] not in CERTAIN, -each[0]))
    score, place, _ = ordered[0]
    told = AND.join(why for _, at, why in ordered if at == place)
    others = [
        f"{BUT}{why} as {masters[at].id}"
        for _, at, why in ordered
        if at != place and (why in CERTAIN or why.endswith((NO_FORM, OTHER_FORMS)))
    ]
    return score, place, told + "".join(others)


def is_certain(why: str) -> bool:
    """Return whether a pair may be confirmed without a look: its best evidence is sure, and none names another."""
    return BUT not in why and why.split(AND)[0] in CERTAIN


class _Names:
    """The names of the masters, as those of parties are held against them."""

    def __init__(self, masters: Sequence[Party]) -> None:
        self.masters = masters
        self.plain = [plain_name(master.name) for master in masters]
        self.empty = [place for place, name in enumerate(self.plain) if not name]

    def likeness(self, parties: Sequence[Party]) -> np.ndarray:
        """Return how alike names are, 0 to 100: a row a party, a column a master."""
        names = [plain_name(party.name) for party in parties]
        found = process.cdist(names, self.plain, scorer=fuzz.token_sort_ratio, dtype=np.uint8)
        found[:, self.empty] = 0
        return found

    def evidence(self, party: Party, likeness: np.ndarray) -> list[Evidence]:
        """Return the master with the likeliest name; the town decides among the like."""
        own = plain_name(party.name)
        if not (own and self.masters):
            return []
        stems = [place for place in map(int, np.flatnonzero(likeness == 100)) if self.plain[place] == own]
        same = [place for place in stems if _one_form(party.name, self.masters[place].name)]
        very = [place for place in same if _forms(party.name) == _forms(self.masters[place].name)]
        here = [place for place in very or same if _one_town(party, self.masters[place])]
        likeliest = here if len(here) == 1 else very if len(very) == 1 else same
        if len(likeliest) == 1:
            told = f"same name{' and town' if here else ''}"
            if likeliest == stems == very:
                return [(SAME_NAME, likeliest[0], told)]
            return [(SAME_STEM, likeliest[0], told + (OTHER_FORMS if len(stems) > 1 else NO_FORM))]
        if same:
            return [(SHARED, same[0], f"same name{SHARED_SIGN}")]
        return self._near(party, likeness.astype(int))

    def _near(self, party: Party, scores: np.ndarray) -> list[Evidence]:
        near = [place for place in map(int, np.flatnonzero(scores >= NEAR_NAME - TOWN))]
        near_town = [place for place in near if _one_town(party, self.masters[place])]
        scores[near_town] = np.minimum(scores[near_town] + TOWN, 99)
        place = int(scores.argmax())
        if scores[place] < NEAR_NAME:
            return []
        town = " and town" if place in near_town else ""
        return [(int(min(scores[place], SAME_NAME - 1)), place, f"similar name{town}")]


def _one_town(party: Party, master: Party) -> bool:
    return bool(party.town) and party.town.strip().lower() == master.town.strip().lower()


def _one_form(name: str, other: str) -> bool:
    """Return whether two names have one legal form, or one of them has none: Example GmbH is not Example KG."""
    forms = _forms(name), _forms(other)
    return not all(forms) or forms[0] == forms[1]


def _forms(name: str) -> set[str]:
    """Return the legal forms in a name; "Co." of "GmbH & Co. KG" adds nothing to them."""
    forms = {FORM_NAMES.get(form, form.replace(" ", "")) for form in _FORMS.findall(name.lower().replace(".", ""))}
    return forms - {"co"} or forms


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
