"""The word lists of the simulation: company names, people, survey comments. All are invented; any likeness is chance.

In: random generators and indices. Out: strings, the same for the same draws. Names contain `&`, umlauts, accents and
apostrophes on purpose, so that every page and file must escape and encode them.
"""

from __future__ import annotations

import unicodedata

import numpy as np

from features.simulation.ground.world import BoolArray, IntArray
from features.tables import DEFECT, OTHER_KINDS

SEGMENTS = ("small", "mid-market", "enterprise")
INDUSTRIES = ("machinery", "logistics", "retail", "health care", "software", "construction", "food", "energy")
COUNTRIES = ("DE", "AT", "CH", "NL", "FR", "IE", "PL")
COUNTRY_SHARES = (0.56, 0.13, 0.11, 0.06, 0.06, 0.04, 0.04)
GERMAN_COUNTRIES = 3
MANAGERS = (
    "Anna Bergmann", "Tomás O'Neill", "Jörg Weiß", "Claire Dubois",
    "Mehmet Aydın", "Sabine Krüger", "Pieter van Dael", "Lea Hofstätter",
)  # fmt: skip
ROLES = ("management", "purchasing", "operations", "IT", "finance", "quality")
TICKET_KINDS = (DEFECT, *OTHER_KINDS)
SEVERITIES = ("low", "normal", "high", "critical")
TOPICS = ("delivery", "invoice", "interface", "operation", "access", "documentation")
CHANNELS = ("email", "phone", "app")
ACTION_KINDS = ("call", "visit", "executive_call", "training", "discount")
ACTION_NOTES = (
    "Offene Punkte durchgesprochen", "Next steps agreed", "Termin vor Ort vereinbart", "Roadmap presented",
    "Nachlass auf Zeit gewährt", "Escalation explained & closed",
)  # fmt: skip
PROGRAMS = ("Partner Plus", "Academy", "User Group")
REASONS = ("price", "service", "competitor", "no longer needed", "insolvency")
LEVELS = ("frontline", "management", "executive")

_STEMS = (
    "Ahlbeck", "Brömmel", "Cassian", "Dornfeld", "Eichinger", "Fährmann", "Grünau", "Hallgrim", "Isenburg", "Jäkel",
    "Kestrel", "Löwenthal", "Marquart", "Nordhang", "O'Dell", "Pöltner", "Quandel", "Rothmoor", "Søndby", "Tannert",
    "Überwasser", "Voltaris", "Wiesenau", "Xantos", "Yverdan", "Zöllmer", "Arvenko", "Belmontier", "D'Aubrac",
    "Esperel", "Falkora", "Granvik", "Hövelmann", "Juniperis", "Kranich", "Lindquell", "Mühlbach", "Novalis",
    "Orthega", "Steinrück",
)  # fmt: skip
_TRADES = (
    "Antriebstechnik", "Logistik", "Medizintechnik", "Bau", "Energie", "Feinkost", "Software", "Werkzeuge", "Systems",
    "Transport", "Papier", "Optik", "Textil", "Metallbau", "Consulting", "Foods", "Robotics", "Elektro", "Druck",
    "Pharma",
)  # fmt: skip
_PLACES = (
    "", "", "", "Nord", "Süd", "Graz", "Zürich", "Köln", "Linz", "Aarau", "Kiel", "Leiden", "Lyon", "Cork", "Poznań",
    "Würzburg", "Görlitz", "Basel", "Ulm", "Krems",
)  # fmt: skip
_FORMS = ("GmbH", "AG", "& Co. KG", "& Söhne GmbH", "SE", "Ltd", "S.A.", "& Partner", "Group", "e. K.")

_GIVEN = (
    "Anke", "Björn", "Chloé", "Dragan", "Esra", "Fionn", "Gesine", "Henrik", "Inès", "Jürgen", "Katarzyna", "Lukas",
    "Małgorzata", "Niamh", "Oskar", "Petra", "Rémi", "Silke", "Thijs", "Yara",
)  # fmt: skip
_FAMILY = (
    "Ahrens", "Böhmer", "Castell", "Dąbrowski", "Eberle", "Fässler", "Grünwald", "Hoekstra", "Ismailov", "Jansen",
    "Köhler", "Lefèvre", "Müllner", "Nowak", "O'Rourke", "Pfister", "Rösch", "Schäfer", "Tschudi", "Vermeulen",
)  # fmt: skip
_ASCII = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ł": "l", "ø": "o", "'": None})

_OPENINGS_DE = (
    ("Leider", "Seit Monaten", "Zum wiederholten Mal", "Wie besprochen"),
    ("Im Großen und Ganzen", "Meistens", "Bisher"),
    ("Wie immer", "Rundum", "Seit Jahren"),
)
_SUBJECTS_DE = ("Lieferung", "Betreuung", "Rechnung", "Anwendung", "Hotline", "Schnittstelle")
_VERDICTS_DE = (
    ("nicht wie zugesagt.", "zu langsam.", "ohne Rückmeldung geblieben.", "teurer & schlechter als früher."),
    ("in Ordnung, mehr nicht.", "brauchbar, aber langsam.", "ok."),
    ("sehr gut!", "schnell & zuverlässig.", "genau so, wie wir es brauchen."),
)
_OPENINGS_EN = (
    ("Sadly", "For months now", "Once again", "As discussed"),
    ("All in all", "Mostly", "So far"),
    ("As always", "All round", "For years"),
)
_SUBJECTS_EN = ("delivery", "support", "billing", "the tool", "the hotline", "the interface")
_VERDICTS_EN = (
    ("isn't what was promised.", "is too slow.", "gets no reply.", "costs more & does less."),
    ("is fine, nothing more.", "is usable but slow.", "is ok."),
    ("is excellent!", "is fast & reliable.", "does just what we need."),
)


def company_names(rng: np.random.Generator, count: int) -> list[str]:
    """Return company names. There are 160,000, so two accounts of a book may share a name, which is rare."""
    stems = rng.integers(len(_STEMS), size=count)
    trades = rng.integers(len(_TRADES), size=count)
    places = rng.integers(len(_PLACES), size=count)
    forms = rng.integers(len(_FORMS), size=count)
    rows = zip(stems, trades, places, forms, strict=True)
    return [" ".join(filter(None, (_STEMS[s], _TRADES[t], _PLACES[p], _FORMS[f]))) for s, t, p, f in rows]


def people(
    rng: np.random.Generator, companies: list[str], company: IntArray
) -> tuple[list[str], list[str | None], list[str | None]]:
    """Return a name, an e-mail address and a phone number for each person; a few of the latter two are not known.

    Addresses end in `.example` and numbers lie in a range kept for fiction, so that none can reach anybody.

    Parameters
    ----------
    companies : list of str
    company : int array of shape (people,)
        Index of each person's company.
    """
    given, family = (rng.integers(len(names), size=company.size) for names in (_GIVEN, _FAMILY))
    lines = rng.integers(1000, size=company.size)
    known = rng.random((company.size, 2)) >= 0.06
    hosts = [_host(name) for name in companies]
    names = [f"{_GIVEN[g]} {_FAMILY[f]}" for g, f in zip(given, family, strict=True)]
    rows = zip(names, company, lines, known, strict=True)
    mails: list[str | None] = []
    phones: list[str | None] = []
    for name, at, line, (has_mail, has_phone) in rows:
        mails.append(f"{_plain(name.replace(' ', '.'))}@{hosts[at]}.example" if has_mail else None)
        phones.append(f"+49 30 23125 {line:03d}" if has_phone else None)
    return names, mails, phones


def _host(company: str) -> str:
    return "-".join(_plain(word) for word in company.split()[:2])


def _plain(text: str) -> str:
    """Return the text in lower-case ASCII, as in an address."""
    spelt = unicodedata.normalize("NFKD", text.lower().translate(_ASCII))
    return "".join(sign for sign in spelt if sign.isascii() and (sign.isalnum() or sign in ".-"))


def comments(rng: np.random.Generator, score: IntArray, german: BoolArray) -> list[str | None]:
    """Return a short comment that fits each score of 0 to 10, or None for about two thirds.

    Parameters
    ----------
    score : int array of shape (n,)
    german : bool array of shape (n,)
        Whether the comment is in German; otherwise it is in English.
    """
    said = rng.random(score.size) < 0.35
    picks = rng.random((score.size, 3))
    mood = np.where(score <= 6, 0, np.where(score <= 8, 1, 2))
    rows = zip(said, mood, german, picks, strict=True)
    return [_comment(int(m), bool(g), p) if s else None for s, m, g, p in rows]


def _comment(mood: int, german: bool, pick: np.ndarray) -> str:
    parts = (
        (_OPENINGS_DE[mood], _SUBJECTS_DE, _VERDICTS_DE[mood])
        if german
        else (_OPENINGS_EN[mood], _SUBJECTS_EN, _VERDICTS_EN[mood])
    )
    opening, subject, verdict = (words[int(u * len(words))] for words, u in zip(parts, pick, strict=True))
    return f"{opening}: {subject} {verdict}"
