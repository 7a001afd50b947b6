"""What a message says, to a program and to people in German and English; nothing of the data becomes a link."""

from __future__ import annotations

import json
import tomllib
from importlib.resources import files
from typing import Any

import pytest
import sqlalchemy as sa
from support.webhooks import AT, DATA

from serving.webhooks.changes import PING, SUMMED, TYPES
from serving.webhooks.delivery.messages import Message, body_of
from serving.webhooks.delivery.sentences import worded
from serving.webhooks.endpoints import Endpoint, new_endpoint
from serving.words.formats import LANGS, NBSP, Lang

URL = "https://crm.example/hook"
AFTER: dict[str, Any] = DATA["after"] | {"churn_probability": 0.342, "revenue_at_risk": 12345.6}
BEFORE = AFTER | {"band": "safe", "threat": False, "churn_probability": 0.1, "revenue_at_risk": 4000.0}
NAMED = DATA | {"account_name": "Müller", "account_manager": "Eva", "after": AFTER, "before": BEFORE}
SAID: dict[Lang, tuple[str, ...]] = {"en": ("One", "Two", "Three"), "de": ("Eins", "Zwei")}


def message(kind: str = TYPES[0], lang: Lang = "en", **changed: Any) -> Message:
    return Message("evt_1", kind, AT, NAMED | changed, reasons=SAID[lang])


def slack(kind: str = TYPES[0], lang: Lang = "en", **changed: Any) -> list[str]:
    body = json.loads(body_of(message(kind, lang, **changed), to(lang, "slack")))
    assert list(body) == ["text"]
    return str(body["text"]).split("\n")


def to(lang: Lang = "en", style: Any = "standard") -> Endpoint:
    return new_endpoint(URL, TYPES, AT, style=style, lang=lang)


def test_a_program_reads() -> None:
    body = body_of(message(lang="de"), to("de"))
    assert json.loads(body) == {
        "type": "account.became_threat",
        "timestamp": "2026-01-01T06:00:00.000000Z",
        "data": NAMED | {"reason_1": "Eins", "reason_2": "Zwei", "reason_3": None},
    }
    assert body == body_of(message(lang="de"), to("de"))


def test_a_ping_says_whose_it_is() -> None:
    found = json.loads(body_of(Message("evt_1", PING, AT, {"endpoint_id": "ep_1"}), to()))
    assert found == {"type": PING, "timestamp": "2026-01-01T06:00:00.000000Z", "data": {"endpoint_id": "ep_1"}}
    for lang in LANGS:
        (line,) = json.loads(body_of(Message("evt_1", PING, AT, {}), to(lang, "slack")))["text"].split("\n")
        assert "churn-risk" in line


SUM = {
    "account_manager": None, "as_of": "2026-01-02", "model_version": "8", "accounts": 4210,
    "before": {"as_of": "2026-01-01", "model_version": "7"}, "changes": dict(zip(TYPES, (310, 3900, 0), strict=True)),
}  # fmt: skip


def test_what_another_model_changes_is_counted() -> None:
    """It is of a run and of no account: nothing is looked up for it."""
    with sa.create_engine("sqlite://").connect() as nothing:
        summed = worded(nothing, Message("evt_1", SUMMED, AT, SUM, run_id=7), "de")
    assert json.loads(body_of(summed, to()))["data"] == SUM
    texts = {lang: json.loads(body_of(summed, to(lang, "slack")))["text"].split("\n") for lang in LANGS}
    assert texts["en"] == [
        "*Another model (version 8, before: 7) judges 4,210 customers otherwise*",
        "• Key accounts newly at risk: 310",
        "• In another band: 3,900",
        texts["en"][-1],
    ]
    assert texts["de"][:2] == [
        "*Ein anderes Modell (Version 8, vorher 7) beurteilt 4.210 Kunden anders*",
        "• Neu gefährdete Großkunden: 310",
    ]
    assert texts["de"][-1] == "Stand 02.01.2026"


def test_people_read_english() -> None:
    assert slack() == [
        "*Key account at risk: Müller*",
        "Churn risk 34% (before: 10%), revenue at risk €12,346 (before: €4,000)",
        "• One",
        "• Two",
        "• Three",
        "Account manager: Eva, as of 1 Jan 2026",
    ]


def test_people_read_german() -> None:
    assert slack(lang="de") == [
        "*Wichtiger Kunde in Gefahr: Müller*",
        f"Abwanderungsrisiko 34{NBSP}% (vorher 10{NBSP}%), gefährdeter Umsatz 12.346{NBSP}€ (vorher 4.000{NBSP}€)",
        "• Eins",
        "• Zwei",
        "Betreuung: Eva, Stand 01.01.2026",
    ]


@pytest.mark.parametrize(
    ("kind", "changed", "title"),
    [
        (TYPES[1], {}, "Müller: Not at risk → At risk"),
        (TYPES[1], {"before": None}, "Müller is new and at risk"),
        (TYPES[0], {"before": None}, "Key account at risk: Müller"),
        (TYPES[2], {}, "Revenue at risk of Müller has risen by €8,346"),
        (TYPES[2], {"before": AFTER, "after": BEFORE}, "Revenue at risk of Müller has fallen by €8,346"),
        (TYPES[1], {"account_name": None}, "account A1: Not at risk → At risk"),
    ],
)
def test_titles(kind: str, changed: dict[str, Any], title: str) -> None:
    assert slack(kind, **changed)[0] == f"*{title}*"


@pytest.mark.parametrize(
    ("changed", "figures"),
    [
        ({"before": None}, "Churn risk 34%, revenue at risk €12,346"),
        ({"before": BEFORE | {"band": "unknown"}}, "Churn risk 34%, revenue at risk €12,346"),
        ({"after": AFTER | {"band": "unknown"}}, "There is too little to go on for an estimate."),
        ({"currency": None, "before": None}, "Churn risk 34%, revenue at risk 12,346"),
    ],
)
def test_no_figure_stands_for_an_account_that_is_not_known(changed: dict[str, Any], figures: str) -> None:
    assert slack(TYPES[1], **changed)[1] == figures


def test_no_account_manager() -> None:
    assert slack(account_manager=None)[-1] == "as of 1 Jan 2026"


@pytest.mark.parametrize("name", ["<!channel>", "<https://evil.example|click>", "A & B", "a\nb", "{id}"])
def test_a_name_is_text(name: str) -> None:
    text = "\n".join(slack(account_name=name, account_manager=name))
    assert "<" not in text and ">" not in text and text.count("\n") == 5
    shown = name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", " ")
    assert text.count(shown) == 2


def test_both_languages_have_the_same_words() -> None:
    german, english = (
        tomllib.loads(files("serving.webhooks").joinpath("locales", f"{lang}.toml").read_text("utf-8"))
        for lang in LANGS
    )
    assert {name: set(words) for name, words in german.items()} == {name: set(words) for name, words in english.items()}
