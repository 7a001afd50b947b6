"""A model's grade and the cautions beside its scores in words, German and English, for answers and commands alike."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from serving.scoring.cautions import ADVANCE_DAYS, ANY_TABLE, Caution
from serving.words.formats import Formats, Lang
from serving.words.wording import page_texts


def grade_meaning(grade: str | None, lang: Lang) -> str:
    """Return what a grade means; None: the model was not graded.

    Examples
    --------
    >>> grade_meaning("B", "en")
    'better than the best plain rule'
    """
    meanings = _texts()[lang]["grades"]
    return str(meanings.get(grade or "none", meanings["none"]))


def grade_sentence(grade: str | None, lang: Lang) -> str:
    """Return a grade with its meaning; that there is none where no naive rule was judged beside the model.

    Parameters
    ----------
    grade : 'A', 'B', 'C', 'D' or None
        As in the verdict of a training run.
    lang : 'de' or 'en'
    """
    return str(page_texts(lang)["grades"][grade or "none"])


def told(caution: Caution, lang: Lang) -> str:
    """Return a caution as a sentence without a full stop."""
    texts, figures = _texts()[lang]["cautions"], dict(caution.figures)
    if caution.code == "grade":
        figures["meaning"] = grade_meaning(figures["grade"], lang)
    if caution.code == "level":
        return str(texts["level"].format_map(_level(figures, Formats(lang), texts)))
    if caution.code == "stale":
        formats, tables = Formats(lang), page_texts(lang)["tables"]
        figures["table"] = tables.get(figures["table"], figures["table"])
        figures["last"], figures["age_days"] = formats.day(figures["last"]), formats.number(figures["age_days"])
        if figures["table"] == ANY_TABLE:
            figures["gap_days"] = formats.number(figures["gap_days"])
            return str(texts["stale_all"].format_map(figures))
    if caution.code == "dates":
        figures["columns"] = _counted(figures["columns"], lang)
    if caution.code == "names":
        figures["names"] = ", ".join(f"{key} ({name}?)" for key, name in figures["names"].items())
    if caution.code == "categories":
        figures["values"] = "; ".join(_strange(name, texts, figures) for name in figures["strange"])
    if caution.code == "later":
        figures["records"] = _counted(figures["records"], lang)
    if caution.code == "early":
        figures["days"] = ADVANCE_DAYS
    if caution.code in ("endless", "early", "returned"):
        which = "one" if figures["accounts"] == 1 else "many"
        return str(texts[f"{caution.code}_{which}"].format_map(figures))
    if caution.code == "amounts":
        figures["times"] = Formats(lang).number(10 ** abs(figures["power"]))
        return str(texts["amounts_above" if figures["power"] > 0 else "amounts_below"].format_map(figures))
    if caution.code == "left":
        days = {name: day and Formats(lang).day(day) for name, day in figures.items()}
        return str(texts["left" if days["ended_on"] else "left_unsaid"].format_map(days))
    if caution.code == "filter":
        kind = "_meant" if figures["meant"] else "" if figures["value"] else "_empty"
        return str(texts[f"filter{kind}"].format_map(figures))
    return str(texts[caution.code].format_map(figures))


def _counted(counts: Mapping[str, int], lang: Lang) -> str:
    """Return names of the contract, each with its number."""
    return ", ".join(f"{name} {Formats(lang).number(count)}" for name, count in counts.items())


def _strange(name: str, texts: Mapping[str, str], figures: Mapping[str, Any]) -> str:
    """Return the values of a column that the model does not know, beside those that it knows."""
    values = ", ".join(texts["quoted"].format(value=value) for value in figures["strange"][name])
    return texts["values"].format(name=name, values=values, known=", ".join(figures["known"][name]))


def _level(figures: Mapping[str, Any], formats: Formats, texts: Mapping[str, str]) -> dict[str, str]:
    """Return how many times what was lost was predicted in training, and on which side of it the estimates are."""
    times = {name: formats.number(figures[name], 1 if figures[name] >= 1 else 2) for name in ("times", "low", "high")}
    return times | {"side": texts["high" if figures["times"] > 1 else "low"]}


def warnings_of(found: Iterable[Caution], lang: Lang) -> list[dict[str, str]]:
    """Return cautions as answers have them: a code for programs, a sentence for people."""
    return [{"code": caution.code, "detail": told(caution, lang)} for caution in found]


def model_brief(version: str, grade: str | None, lang: Lang) -> dict[str, str | None]:
    """Return what stands wherever a score is shown: the model's version and grade, and what the grade means."""
    return {"version": version, "grade": grade, "grade_meaning": grade_meaning(grade, lang)}


def kept_cautions(model: Mapping[str, Any]) -> list[Caution]:
    """Return the cautions of a stored run from the facts about its model; runs from before they were kept have few."""
    if "cautions" in model:
        return [Caution(kept["code"], kept["figures"]) for kept in model["cautions"]]
    return [Caution("grade", {"grade": "D"})] if model.get("grade") == "D" else []


@cache
def _texts() -> dict[str, Any]:
    text = (files("serving.words") / "locales" / "cautions.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
