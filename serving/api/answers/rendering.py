"""Predictions as JSON text, straight from the scores, without models: a hundred accounts have eight thousand reasons.

The text equals that of `serving.api.answers.responses.PredictionsOut`, which would check every value once more and take
twenty times as long. A test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from serving import metrics
from serving.api.answers.shown import Reasons, chosen
from serving.predict.doubtful_records import doubts_of
from serving.predict.last_records import cautions_of
from serving.predict.predictor import Predictor
from serving.predict.readings import readings_told
from serving.predict.told_records import told_records
from serving.scoring.cautions import cut_dates
from serving.scoring.scores import Score
from serving.words.caution_words import model_brief, warnings_of
from serving.words.formats import Lang
from serving.words.short_reasons import short_reasons


def rendered_predictions(
    predictor: Predictor,
    request_id: str,
    scores: Sequence[Score],
    histories: Sequence[Any],
    lang: Lang = "en",
    reasons: Reasons = "all",
    cut: Iterable[Mapping[str, int]] = (),
) -> bytes:
    """Return the body of the answer to POST /v1/predictions, UTF-8; count what it warns of.

    Parameters
    ----------
    histories : sequence of AccountHistory
        Those that were scored, in the same order; sentences tell of their records.
    cut : iterable of mapping of str to int
        How many timestamps of each date column were cut to their day, as the request's parts count them.
    """
    found = [*cautions_of(predictor, scores, histories), *cut_dates(cut), *doubts_of(histories)]
    found += readings_told(histories, scores[0].as_of, predictor.categories)
    version = predictor.bundle.version
    metrics.cautioned(caution.code for caution in found)
    body = {
        "model_version": version,
        "model": model_brief(version, predictor.grade, lang),
        "warnings": warnings_of(found, lang),
        "request_id": request_id,
        "predictions": [_plain(*pair, lang, reasons) for pair in zip(scores, histories, strict=True)],
    }
    return msgspec.json.encode(body)


def _plain(score: Score, history: Any, lang: Lang, reasons: Reasons) -> dict[str, object]:
    told = short_reasons(score, told_records(history, score.as_of), lang)
    return score.by_name() | told | {"reasons": chosen(score.reasons, reasons)}
