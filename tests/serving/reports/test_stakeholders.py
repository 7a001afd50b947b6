"""Stakeholders by role: each contact a mark at the last score, and the same in words for who does not see it."""

from __future__ import annotations

from typing import Any

import pytest
from support.reports import AS_OF, Checker, evidence_of, report

from serving.reports.report_html import render_account
from serving.reports.stakeholders import NARROW, WIDE, Stakeholders, stakeholders_of
from serving.words.formats import LANGS, Formats


def contact(number: int, role: str | None, **changed: Any) -> dict[str, Any]:
    return {
        "contact_id": f"C{number}", "name": f"Name {number}", "role": role, "decision_maker": False,
        "phone": None, "email": None, "valid_from": "2022-01-01", "valid_to": None,
    } | changed  # fmt: skip


def survey(contact_id: str | None, day: str, score: int | None, answered: bool = True) -> dict[str, Any]:
    category = None if score is None else "detractor" if score <= 6 else "passive" if score <= 8 else "promoter"
    return {
        "survey_id": f"{contact_id}{day}", "kind": "relationship", "sent_at": f"{day}T00:00:00Z", "score": score,
        "answered_at": f"{day}T01:00:00Z" if answered else None, "category": category, "anonymous": False,
        "contact_id": contact_id, "role": "IT", "decision_maker": False, "comment": None,
    }  # fmt: skip


CONTACTS = [
    contact(1, "IT"),
    contact(2, "management", decision_maker=True),
    contact(3, "IT"),
    contact(4, "IT", valid_to="2025-10-01"),
    contact(5, None),
    contact(6, "IT"),
]
SURVEYS = [
    survey("C1", "2025-03-03", 9), survey("C1", "2025-11-03", 4),  # the later score
    survey("C2", "2025-03-03", 10), survey("C2", "2025-11-03", None, answered=False),  # fell silent
    survey("C3", "2025-11-03", None, answered=False),  # never answered
    survey("C4", "2025-03-03", 4),  # departed, the same score in the same role
    survey("C5", "2026-01-10", None, answered=False),  # the answer may still come
    survey("C6", "2025-11-03", None),  # answered without a score
]  # fmt: skip


def evidence(total: int = len(CONTACTS)) -> dict[str, Any]:
    return evidence_of(contacts={"total": total, "rows": CONTACTS}, surveys={"total": len(SURVEYS), "rows": SURVEYS})


def found(lang: Any = "en", total: int = len(CONTACTS)) -> Stakeholders:
    made = stakeholders_of(evidence(total), AS_OF, Formats(lang, "EUR"))
    assert made is not None
    return made


def test_each_contact_has_one_mark_in_the_row_of_the_role() -> None:
    chart = found().charts[0]
    assert [role.label for role in chart.roles] == ["management", "IT", "No role"], "who decides comes first"
    people = {mark.person.name: mark for mark in chart.marks}
    assert {name: (mark.person.kind, mark.person.sign) for name, mark in people.items()} == {
        "Name 1": ("detractor", "4"), "Name 2": ("promoter", "10?"), "Name 3": ("unheard", "?"),
        "Name 4": ("detractor", "4"), "Name 5": ("unasked", "–"), "Name 6": ("unasked", "–"),
    }  # fmt: skip
    one, departed = people["Name 1"], people["Name 4"]
    assert one.x == departed.x and abs(one.y - departed.y) >= 26, "marks with one score stand below one another"
    assert one.x < people["Name 2"].x < people["Name 3"].x == people["Name 5"].x
    tops = [role.y for role in chart.roles] + [chart.height]
    assert tops[0] < people["Name 2"].y < tops[1] < one.y < departed.y < tops[2] < people["Name 5"].y < tops[3]


@pytest.mark.parametrize(("place", "width"), [(0, WIDE), (1, NARROW)])
def test_marks_stay_within_the_box(place, width) -> None:
    chart = found().charts[place]
    assert chart.width == width
    assert all(14 <= mark.x <= width - 14 and 14 <= mark.y <= chart.height - 14 for mark in chart.marks)


@pytest.mark.parametrize(
    ("lang", "says"),
    [
        ("en", ("management: Name 2, 10 of 10 on 3 Mar 2025, no longer answers, decision maker.",
                "IT: Name 4, 4 of 10 on 3 Mar 2025, left on 1 Oct 2025.", "IT: Name 3, no answer in two years.")),
        ("de", ("Name 2, 10 von 10 am 03.03.2025, antwortet nicht mehr, Entscheidungsperson.",
                "Name 4, 4 von 10 am 03.03.2025, gegangen am 01.10.2025.", "Name 3, in zwei Jahren ohne Antwort.")),
    ],
)  # fmt: skip
def test_the_chart_is_told_in_words_and_as_a_table(lang, says) -> None:
    page = render_account(report(lang, evidence=evidence()))
    text = Checker(page).text
    for sentence in says:
        assert text.count(sentence) == 2, "in the description of the wide and of the narrow chart"
    table = found(lang).table
    assert [row[1].text for row in table.rows] == ["Name 2", "Name 1", "Name 3", "Name 6", "Name 4", "Name 5"]
    assert (table.rows[1][3].text, table.rows[1][3].tone) == ("4/10", "alert")
    assert 'stroke-dasharray="2 2"' in page and 'class="left"' in page and 'class="decides"' in page


def test_paper_has_the_words_in_the_title() -> None:
    paper = render_account(report("en", evidence=evidence()), paper=True)
    assert '<title id="roles-wide-title">Contacts by role, with their last score: management: Name 2' in paper
    assert "roles-narrow" not in paper


def test_what_is_cut_off_or_not_known_is_said() -> None:
    assert found(total=31).note == "6 of 31 contacts shown." and found().note == ""
    for contacts in (None, {"total": 0, "rows": []}):
        assert stakeholders_of(evidence_of(contacts=contacts), AS_OF, Formats("en")) is None
    unknown = stakeholders_of(evidence() | {"surveys": None}, AS_OF, Formats("en"))
    assert unknown is not None and {mark.person.kind for mark in unknown.charts[0].marks} == {"unasked"}


@pytest.mark.parametrize("lang", LANGS)
def test_who_decides_is_no_where_known_and_a_dash_where_not(lang: Any) -> None:
    rows = [contact(number, "IT", decision_maker=flag) for number, flag in enumerate((None, False, True))]
    found = stakeholders_of(evidence_of(contacts={"total": 3, "rows": rows}), AS_OF, Formats(lang))
    assert found is not None
    assert {row[2].text for row in found.table.rows} == {"–", *({"de": ("ja", "nein"), "en": ("yes", "no")}[lang])}
