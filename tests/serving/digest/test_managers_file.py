"""The file of account managers is read strictly: every problem in one list, with its line, and no secret in it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from support.mailing import FILE
from support.portfolios import EVA, JAN

from features.errors import InputError
from serving.digest.managers_file import read_managers

WRONG = """\
[managers."Eva"]
email = "eva@x\\r\\nBcc: all@x"
languge = "de"
capacity = 0

[managers.Jan]
lang = "fr"
away = [{ from = 2026-12-24, to = 2026-12-23, substitute = "Eva" }]

[managers.Ina]
email = "ina"
capacity = "ten"

[mangers.Ole]
email = "ole@x"
"""
UNSOUND = """\
[managers.Eva]
slack = "http://127.0.0.1/SECRET"

[[managers.Eva.away]]
from = 2026-12-21
to = 2027-01-06
substitute = "Jan"

[managers.Jan]
[[managers.Jan.away]]
from = 2026-01-01
to = 2026-01-02
substitute = "Nobody"
[[managers.Jan.away]]
from = 2026-12-24
to = 2026-12-24
substitute = "Eva"
"""


def read(folder: Path, text: str) -> str:
    path = folder / "managers.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as refused:
        read_managers(path, private=False)
    return str(refused.value)


def test_what_it_says_and_who_stands_in(tmp_path: Path) -> None:
    path = tmp_path / "managers.toml"
    away = f'[[managers."{EVA}".away]]\nfrom = 2026-12-21\nto = 2027-01-06\nsubstitute = "{JAN}"\n'
    path.write_text(FILE + away, encoding="utf-8")
    managers = read_managers(path, private=False)
    assert managers.of(EVA).capacity == 5 and managers.of("somebody else").email is None
    days = [(2026, 12, 20), (2026, 12, 21), (2027, 1, 6), (2027, 1, 7)]
    assert [managers.reader_of(EVA, date(*day)) for day in days] == [EVA, JAN, JAN, EVA]


def test_every_problem_has_its_line(tmp_path: Path) -> None:
    told = read(tmp_path, WRONG)
    for line in (
        "line 2: managers.Eva.email: no e-mail address, found 'eva@x\\r\\nBcc: all@x'",
        "line 3: managers.Eva.languge: unknown key, found 'de'",
        "line 4: managers.Eva.capacity: Input should be greater than or equal to 1, found 0",
        "line 7: managers.Jan.lang: Input should be 'de' or 'en', found 'fr'",
        "line 8: managers.Jan.away.0: from 2026-12-24 is after to 2026-12-23",
        "line 11: managers.Ina.email: no e-mail address, found 'ina'",
        "line 12: managers.Ina.capacity: Input should be a valid integer, found 'ten'",
        "line 14: mangers: unknown key",
    ):
        assert f"- {line}" in told.splitlines(), told
    lines = [int(line.split()[2].rstrip(":")) for line in told.splitlines()[1:]]
    assert lines == [2, 3, 4, 7, 8, 11, 12, 14], "in the order of the file"


def test_substitutes_and_webhooks(tmp_path: Path) -> None:
    told = read(tmp_path, UNSOUND)
    assert "SECRET" not in told
    assert [line.split(": ")[:2] for line in told.splitlines()[1:]] == [
        ["- line 2", "managers.Eva.slack"],
        ["- line 10", "managers.Jan.away.0"],
        ["- line 14", "managers.Jan.away.1"],
    ]
    assert "names no manager 'Nobody'" in told and "on 2026-12-24 everybody who stands in for Jan is away" in told


def test_problems_of_both_kinds_are_in_one_list(tmp_path: Path) -> None:
    told = read(tmp_path, UNSOUND.replace("[managers.Eva]", "[managers.Ole]\nlang = 3\n\n[managers.Eva]"))
    assert len(told.splitlines()) == 5 and "line 2: managers.Ole.lang" in told


def test_what_is_no_file_of_ours(tmp_path: Path) -> None:
    assert "cannot be read" in read(tmp_path, "[managers")
    with pytest.raises(InputError, match=r"nowhere\.toml cannot be read"):
        read_managers(tmp_path / "nowhere.toml", private=False)
