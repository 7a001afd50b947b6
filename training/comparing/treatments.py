"""What is compared: loops closed in time, joining a programme, referring, retention actions.

A declaration says which accounts are the treated, against whom they stand, and when the outcome begins. Who starts when
is found by `training.comparing.happenings` (something happened) and `training.comparing.openings` (how the
account's loop was closed).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Lang = Literal["de", "en"]
#: Days from one trial to the next. What happens in them makes an account treated; the outcome begins after them. They
#: are few, since what is matched is as old as the trial: an answer in between may move both treatment and outcome.
TRIAL_DAYS = 14


@dataclass(frozen=True)
class Happening:
    """A treatment that happens once: the account's first record of a table after a quiet time.

    Attributes
    ----------
    time : str
        Column of the table.
    what : str or None
        Column by which the user may choose: the programme, or the kind of an action.
    quiet_days : int or None
        Days before without such a record, so that what went before does not work on; None: never before.
    """

    time: str
    what: str | None
    quiet_days: int | None


@dataclass(frozen=True)
class Closing:
    """A treatment that is how an account's loop was closed, by classes of `training.comparing.openings`."""

    treated: tuple[str, ...]
    others: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """One comparison.

    Attributes
    ----------
    table : str
        The table that tells who was treated.
    lead_days : int
        Days from the start until it is known who was treated; the outcome's window begins then, for both groups.
    names, treated, others : mapping of language to str
        Its name, and what is said of either group, after "accounts that" / "Kunden, ".
    caution : mapping of language to str
        Why the groups may differ in what is not recorded.
    """

    name: str
    table: str
    by: Happening | Closing
    lead_days: int
    names: Mapping[str, str]
    treated: Mapping[str, str]
    others: Mapping[str, str]
    caution: Mapping[str, str]


def _words(en: str, de: str) -> dict[str, str]:
    return {"en": en, "de": de}


LOOP = _words(
    "What is easy to answer is answered sooner; how hard it was is not recorded.",
    "Was leicht zu beantworten ist, wird eher beantwortet; wie schwer es war, ist nicht erfasst.",
)
CHOSE = _words(
    "These accounts chose it themselves: who means to stay may be readier to.",
    "Diese Kunden haben es selbst gewählt: Wer bleiben will, ist dazu womöglich eher bereit.",
)
SENSED = _words(
    "Account managers act where they sense trouble, also trouble that is not recorded: actions may look harmful for "
    "that reason alone.",
    "Die Betreuung wird tätig, wo sie Ärger spürt, auch solchen, der nicht erfasst ist: Schon deshalb können Maßnahmen "
    "schädlich aussehen.",
)
#: Days from the morning of the day on which a loop was opened until 48 hours, and 90 days, have passed for each.
FAST_KNOWN, NEVER_KNOWN = 3, 91

COMPARISONS: tuple[Comparison, ...] = (
    Comparison(
        "loops_fast", "loops", Closing(("fast",), ("late", "never")), FAST_KNOWN,
        _words("Feedback closed within 48 hours", "Feedback binnen 48 Stunden beantwortet"),
        _words("had a loop closed within 48 hours", "deren Feedback binnen 48 Stunden beantwortet wurde"),
        _words("had one that was not", "deren Feedback da noch offen war"),
        LOOP,
    ),
    Comparison(
        "loops_late", "loops", Closing(("late",), ("fast",)), NEVER_KNOWN,
        _words("Feedback closed late", "Feedback verspätet beantwortet"),
        _words("had a loop closed after 48 hours, within 90 days",
               "deren Feedback nach 48 Stunden, binnen 90 Tagen beantwortet wurde"),
        _words("had one closed within 48 hours", "deren Feedback binnen 48 Stunden beantwortet wurde"),
        LOOP,
    ),
    Comparison(
        "loops_never", "loops", Closing(("never",), ("fast",)), NEVER_KNOWN,
        _words("Feedback not closed", "Feedback nicht beantwortet"),
        _words("had a loop that was open for 90 days", "deren Feedback 90 Tage offen blieb"),
        _words("had one closed within 48 hours", "deren Feedback binnen 48 Stunden beantwortet wurde"),
        LOOP,
    ),
    Comparison(
        "programme", "memberships", Happening("joined_on", "program", None), TRIAL_DAYS,
        _words("Joining a loyalty programme", "Beitritt zu einem Treueprogramm"),
        _words("joined a programme in a fortnight", "die binnen zwei Wochen einem Programm beitraten"),
        _words("did not join then, and were in none before", "die es da nicht taten und vorher in keinem waren"),
        CHOSE,
    ),
    Comparison(
        "referrals", "referrals", Happening("referred_at", None, 365), TRIAL_DAYS,
        _words("Referring others", "Empfehlungen"),
        _words("referred somebody in a fortnight", "die binnen zwei Wochen jemanden empfahlen"),
        _words("did not then, nor in the year before", "die es da und im Jahr davor nicht taten"),
        CHOSE,
    ),
    Comparison(
        "actions", "actions", Happening("done_at", "kind", 180), TRIAL_DAYS,
        _words("Retention actions", "Bindungsmaßnahmen"),
        _words("got an action in a fortnight", "für die binnen zwei Wochen etwas getan wurde"),
        _words("got none then, nor in the half year before", "für die da und im Halbjahr davor nichts getan wurde"),
        SENSED,
    ),
)  # fmt: skip
NAMES = tuple(item.name for item in COMPARISONS)
