"""The grade of the model in words, for whoever reads a score: what A to D stand for, in a sentence."""

from __future__ import annotations

from serving.words.formats import Lang
from serving.words.wording import page_texts


def grade_sentence(grade: str | None, lang: Lang) -> str:
    """Return a grade with its meaning; that there is none where no naive rule was judged beside the model.

    Parameters
    ----------
    grade : 'A', 'B', 'C', 'D' or None
        As in the verdict of a training run.
    lang : 'de' or 'en'
    """
    return str(page_texts(lang)["grades"][grade or "none"])
