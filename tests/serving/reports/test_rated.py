"""The net promoter scores of an account: its own answers, with their number and interval, or why there is none."""

from __future__ import annotations

from typing import Any

import pytest
from support.reports import AS_OF, Checker, evidence_of, report

from features.figures.families.promoters import LEAST_ANONYMOUS as PROGRAMMES_LEAST
from serving.reports.rated import LEAST_ANONYMOUS, Rated, rated
from serving.reports.record_tables import evidence_tables
from serving.reports.report_html import render_account
from serving.words.formats import Formats


def answer(number: int, day: str, score: int | None, contact: str | None = None, **changed: Any) -> dict[str, Any]:
    category = None if score is None else "detractor" if score <= 6 else "passive" if score <= 8 else "promoter"
    return {
        "survey_id": f"S{number}", "kind": "relationship", "sent_at": f"{day}T00:00:00Z", "score": score,
        "answered_at": None if score is None else f"{day}T01:00:00Z", "category": category, "anonymous": False,
        "contact_id": contact, "role": "IT", "decision_maker": False, "comment": None,
    } | changed  # fmt: skip


def told(*rows: dict[str, Any], total: int | None = None, lang: Any = "en") -> Rated:
    surveys = {"total": total or len(rows), "rows": list(rows)}
    found = rated(evidence_of(surveys=surveys), AS_OF, Formats(lang, "EUR"))
    assert found is not None
    return found


def test_the_score_has_its_interval_and_its_number_of_answers() -> None:
    """6 promoters and 3 detractors of 12: +25, and -23.3 to 62.7 by the example of `nps_interval`."""
    scores = [9] * 6 + [2] * 3 + [7] * 3
    relationship, transactional = told(
        *(answer(place, "2025-11-03", score, f"C{place}") for place, score in enumerate(scores))
    ).figures
    assert relationship.value == "+25"
    assert relationship.note == (
        "12 answers: 6 × promoter, 3 × passive, 3 × detractor. With 95% confidence between −23 and +63."
    )
    assert (transactional.value, transactional.note) == ("–", "No answer.")


def test_the_latest_answer_of_a_contact_in_365_days_counts() -> None:
    rows = [
        answer(1, "2025-11-03", 2, "C1"), answer(2, "2025-12-03", 10, "C1"),  # the later one counts
        answer(3, "2025-11-03", 10, anonymous=True), answer(4, "2025-11-03", 10, anonymous=True),  # each counts
        answer(5, "2025-01-14", 0, "C2"),  # 366 days ago
        answer(6, "2025-12-03", None, "C3"),  # no answer
        answer(7, "2025-01-15", 7, "C4"),  # 365 days ago, an hour less
        answer(8, "2025-11-03", 0), answer(9, "2025-11-04", 9),  # of nobody known: the later one counts
    ]  # fmt: skip
    figure = told(*rows).figures[0]
    assert figure.value == "+80"
    assert figure.note.startswith("5 answers: 4 × promoter, 1 × passive, 0 × detractor.")
    assert figure.note.endswith("Few answers: one more can move the score a lot.")


@pytest.mark.parametrize(
    ("lang", "said"), [("en", "Answers that name no contact count"), ("de", "Antworten ohne Ansprechpartner zählen")]
)
def test_the_page_says_how_answers_without_a_contact_count_where_there_are_any(lang, said) -> None:
    known, secret = answer(1, "2025-11-03", 2, "C1"), answer(2, "2025-11-03", 2, anonymous=True)
    assert said in told(known, answer(3, "2025-11-03", 9), lang=lang).lead
    assert said not in told(known, secret, lang=lang).lead


@pytest.mark.parametrize(
    ("lang", "note"),
    [
        ("en", "2 answers (2/10, 9/10): too few for an NPS."),
        ("de", "2 Antworten (2/10, 9/10): zu wenige für einen NPS."),
    ],
)
def test_of_two_answers_no_score_is_told(lang, note) -> None:
    figure = told(answer(1, "2025-11-03", 2, "C1"), answer(2, "2025-12-03", 9, "C2"), lang=lang).figures[0]
    assert (figure.value, figure.note) == ("–", note)


def test_anonymous_answers_hide_among_five_as_in_the_programme() -> None:
    assert LEAST_ANONYMOUS == PROGRAMMES_LEAST
    rows = [answer(place, "2025-11-03", 10, f"C{place}" if place else None, anonymous=not place) for place in range(5)]
    assert told(*rows).figures[0].value == "+100"
    assert (
        told(*rows[:4]).figures[0].note == "4 answers, anonymous ones among them: then an NPS is shown only from 5 on."
    )


def test_evidence_that_is_cut_short_says_from_which_day_on() -> None:
    rows = [answer(place, "2025-06-01", 9, f"C{place}") for place in range(3)]
    assert "latest 3 invitations are at hand, sent from 1 Jun 2025 on" in told(*rows, total=70).lead
    assert "at hand" not in told(*rows).lead
    reaches = [*rows, answer(9, "2024-10-01", None)]
    assert "at hand" not in told(*reaches, total=70).lead, "the year is complete"


@pytest.mark.parametrize(
    ("lang", "message"), [("en", "No NPS: surveys are not known"), ("de", "Kein NPS: Befragungen")]
)
def test_without_answers_the_page_says_so(lang, message) -> None:
    page = Checker(render_account(report(lang, evidence=evidence_of(surveys=None)))).text
    assert message in page
    assert told(answer(1, "2025-11-03", None)).message.startswith("No NPS: no answer with a score. Counted are answers")
    assert rated({}, AS_OF, Formats("en")) is None


@pytest.mark.parametrize("lang", ["de", "en"])
def test_what_contacts_said_has_a_name_and_a_kind_and_takes_the_newest(lang: Any) -> None:
    """Two years old ones with a comment pushed newer ones out, and nothing said whose they were."""
    old = [answer(month, f"2024-0{month}-03", 2, "C1", comment="old") for month in range(1, 7)]
    new = [answer(9 + month, f"2025-{month + 1:02}-03", 4 if month == 1 else 9, "C1") for month in range(1, 11)]
    people = [{"contact_id": "C1", "name": "Petra", "role": "IT", "decision_maker": False, "valid_from": "2020-01-01",
               "valid_to": None}]  # fmt: skip
    evidence = evidence_of(
        as_of="2026-01-01", surveys={"total": 16, "rows": old + new}, contacts={"total": 1, "rows": people}
    )
    shown = next(each for each in evidence_tables(evidence, Formats(lang)) if each.key == "comments")
    assert [row[1].text[-4:] for row in shown.rows] == ["2025"] * 8 and shown.rows[-1][3].text == "4/10"
    assert shown.rows[0][4].text == "Petra, IT"
    assert shown.rows[0][2].text == {"de": "Beziehung", "en": "relationship"}[lang]
    assert (
        shown.note
        == {
            "de": "8 von 16 gezeigt. Es sind die neuesten; schlechte Bewertungen der letzten 365 Tage gehen vor.",
            "en": "8 of 16 shown. These are the newest; low scores of the last 365 days come first.",
        }[lang]
    )


@pytest.mark.parametrize(
    ("lang", "said"),
    [("de", "Nicht darin: 3 von 10 vom 14.11.2025 (NPS, nach einem Vorgang)."),
     ("en", "Not in it: 3 of 10 on 14 Nov 2025 (NPS, after a transaction).")],
)  # fmt: skip
def test_a_score_without_detractors_names_the_low_answer_of_the_other_kind(lang: Any, said: str) -> None:
    rows = [answer(number, "2025-11-03", 9, f"C{number}") for number in range(1, 5)]
    low = answer(9, "2025-11-14", 3, "C1", kind="transactional")
    assert told(*rows, low, lang=lang).figures[0].note.endswith(said)
    assert said not in told(*rows, lang=lang).figures[0].note
