"""An event as one text in Slack's format, in German or English, with figures in the format of the reports.

The words are in `locales/`. No data can become a link or a mention: the module escapes Slack's three special characters
everywhere.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from serving.words.crm_link import crm_link
from serving.words.formats import Formats, Lang
from serving.words.wording import page_texts

Data = Mapping[str, Any]


def slack_text(kind: str, data: Data, reasons: Sequence[str], lang: Lang, grade: str = "") -> str:
    """Return the text of an event.

    Parameters
    ----------
    kind : str
        The event's type.
    data : dict
        The event's data as in `serving.webhooks.delivery.messages`, without reasons.
    reasons : sequence of str
        Sentences, the weightiest reason first.
    grade : str
        What the grade of the model means; it stands beside figures only.
    """
    words, formats = _words(lang), Formats(lang, data["currency"])
    title = escaped(_title(kind, data, words["title"], formats))
    listed = [f"• {reason}" for reason in reasons]
    graded = [grade] if grade and data["after"]["band"] != "unknown" else []
    lines = [_figures(data, words["text"], formats), *listed, *graded, _foot(data, words, formats)]
    return "\n".join([f"*{title}*", *map(escaped, lines), *_crm(data, words)])


def ping_text(lang: Lang) -> str:
    """Return the text of a test."""
    return _words(lang)["text"]["ping"]


def summed_text(data: Data, lang: Lang) -> str:
    """Return the text of an event that counts what another model has changed."""
    words, formats = _words(lang), Formats(lang)
    number, version = formats.number(data["accounts"]), data["model_version"]
    title = words["title"]["summed"].format(version=version, before=data["before"]["model_version"], number=number)
    counted = [
        words["summed"][kind.partition(".")[2]].format(number=formats.number(count))
        for kind, count in data["changes"].items()
        if count
    ]
    return "\n".join(
        [f"*{escaped(title)}*", *(f"• {escaped(line)}" for line in counted), escaped(_foot(data, words, formats))]
    )


def alert_text(data: Data, lang: Lang) -> str:
    """Return the text of an alert: what it is, since when, whose account."""
    words, formats = _words(lang), Formats(lang)
    title = f"{_name(data, lang)}: {alert_words(data['kind'], len(data['evidence']['ids']), data['since'], lang)}"
    return "\n".join([f"*{escaped(title)}*", escaped(_foot(data, words, formats)), *_crm(data, words)])


def alert_words(kind: str, number: int, since: str, lang: Lang) -> str:
    """Return what an alert is about, with the day of its first record (ISO text)."""
    formats, words = Formats(lang), _words(lang)["alert"]
    return words[f"{kind}_one" if number == 1 else kind].format(n=formats.number(number), day=formats.day(since))


def _title(kind: str, data: Data, words: Mapping[str, str], formats: Formats) -> str:
    before, after = data["before"], data["after"]
    name = _name(data, formats.lang)
    if kind == "account.became_threat":
        return words["threat"].format(name=name)
    if before is None:
        return words["new"].format(name=name)
    if kind == "account.band_changed":
        bands = page_texts(formats.lang)["bands"]
        return words["band"].format(name=name, before=bands[before["band"]], after=bands[after["band"]])
    move = after["revenue_at_risk"] - before["revenue_at_risk"]
    return words["rise" if move > 0 else "fall"].format(name=name, amount=formats.money(abs(move)))


def _figures(data: Data, words: Mapping[str, str], formats: Formats) -> str:
    """Return the line of figures; without figures for an unknown band, on which nobody should act."""
    before, after = data["before"], data["after"]
    if after["band"] == "unknown":
        return words["unknown"]
    texts = _texts(after, formats)
    if before is None or before["band"] == "unknown":
        return words["risk"].format(**texts)
    past = {f"{name}_before": text for name, text in _texts(before, formats).items()}
    return words["risk_before"].format(**texts, **past)


def _texts(standing: Data, formats: Formats) -> dict[str, str]:
    return {
        "probability": formats.probability(standing["churn_probability"]),
        "amount": formats.money(standing["revenue_at_risk"]),
    }


def _foot(data: Data, words: Mapping[str, Mapping[str, str]], formats: Formats) -> str:
    day = words["text"]["as_of"].format(day=formats.day(data["as_of"]))
    if data["account_manager"] is None:
        return day
    return f"{words['text']['manager'].format(name=data['account_manager'])}, {day}"


def _crm(data: Data, words: Mapping[str, Mapping[str, str]]) -> tuple[str, ...]:
    """Return the link to the account in the CRM; percent-encoded as it is, it holds nothing that would end a link."""
    address = crm_link(data["account_id"])
    return (f"<{escaped(address)}|{words['text']['crm']}>",) if address else ()


def _name(data: Data, lang: Lang) -> str:
    return data["account_name"] or _words(lang)["text"]["no_name"].format(id=data["account_id"])


def escaped(text: str) -> str:
    """Return a text as one line of Slack's, in which nothing is a link or a mention."""
    one_line = text.replace("\r", " ").replace("\n", " ")
    return one_line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@cache
def _words(lang: Lang) -> Mapping[str, Mapping[str, str]]:
    path = files("serving.webhooks").joinpath("locales", f"{lang}.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))
