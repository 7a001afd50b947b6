"""What a reader wants to see of the portfolio: the query of the address goes in, filters, order and page come out.

What of it is not to be had is left out and told, each value quoted; the rest counts. `Wanted.query` is the way back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any
from urllib.parse import urlencode

from serving.store.searching import LONGEST_SEARCH, typed
from serving.words.formats import Lang
from serving.words.wording import screen_texts

BANDS = ("at_risk", "unknown", "safe")
#: Orders of the list; the first is the usual one.
SORTS = ("worth", "revenue_at_risk", "probability", "change", "ends", "name")
THREATS = ("yes", "no")
YES = ("yes",)
CHOICES = {
    "band": BANDS, "threat": THREATS, "sort": SORTS, "todo": YES, "unmanaged": YES, "ending": YES, "unheard": YES,
}  # fmt: skip
#: The last page that is a number at all.
LAST_PAGE = 100_000


@dataclass(frozen=True)
class Wanted:
    """Filters, order and page of the portfolio; an empty text: no filter.

    Attributes
    ----------
    band, manager, threat, q : str
        `threat` is "yes", "no" or empty; `q` is a part of a name or an id.
    unmanaged : str
        "yes": only accounts that nobody manages; `manager` is empty then.
    todo : str
        "yes": only accounts that wait for a decision.
    ending, unheard : str
        "yes": only accounts with a contract that ends in 90 days, or that gave no answer in 180.
    sort : str
        One of `SORTS`.
    page : int
        1 and up.
    """

    band: str = ""
    manager: str = ""
    unmanaged: str = ""
    threat: str = ""
    q: str = ""
    todo: str = ""
    ending: str = ""
    unheard: str = ""
    sort: str = SORTS[0]
    page: int = 1

    @property
    def narrows(self) -> bool:
        """Whether it leaves accounts out beside those of other managers."""
        return bool(self.band or self.unmanaged or self.threat or self.q or self.todo or self.ending or self.unheard)

    def query(self, lang: Lang, **changes: Any) -> str:
        """Return the query of the address that shows this with some changes; another filter begins at page 1."""
        wanted = replace(self, **{"page": 1, **changes})
        usual = asdict(Wanted())
        fields = {name: value for name, value in asdict(wanted).items() if value != usual[name]}
        return "?" + urlencode(fields | {"lang": lang})


def wanted_of(query: Mapping[str, str], lang: Lang) -> tuple[Wanted, tuple[str, ...]]:
    """Return what an address asks for, and in words what of it is not to be had."""
    words, problems = screen_texts(lang)["trouble"], []
    chosen: dict[str, Any] = {}
    for name, known in CHOICES.items():
        value = query.get(name, "")
        if value in known:
            chosen[name] = value
        elif value:
            problems.append(words[f"no_{name}"].format(value=value, known=", ".join(known)))
    chosen["manager"] = "".join(filter(str.isprintable, query.get("manager", "")))
    if chosen["manager"] and "unmanaged" in chosen:
        problems.append(words["managed_and_not"].format(value=chosen["manager"]))
        chosen["manager"] = ""
    search = typed(query.get("q", ""))
    if len(search) > LONGEST_SEARCH:
        problems.append(words["long_search"].format(most=LONGEST_SEARCH))
    chosen["q"] = search[:LONGEST_SEARCH]
    chosen["page"], of_page = page_of(query.get("page", ""), lang)
    return Wanted(**chosen), (*problems, *of_page)


def page_of(number: str, lang: Lang) -> tuple[int, tuple[str, ...]]:
    """Return the page that an address asks for, the first one where it asks for none or for what is no number."""
    number = number or "1"
    if number.isascii() and number.isdigit() and 1 <= int(number[:9]) <= LAST_PAGE:
        return int(number[:9]), ()
    return 1, (screen_texts(lang)["trouble"]["no_page_number"].format(value=number),)
