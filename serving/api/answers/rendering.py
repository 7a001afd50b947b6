"""Predictions as JSON text, straight from the scores, without models: a hundred accounts have eight thousand reasons.

The text equals that of `serving.api.answers.responses.PredictionsOut`, which would check every value once more and take
twenty times as long. A test compares the two.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from serving.scoring.scores import Score
from serving.words.short_reasons import short_reasons


def rendered_predictions(model_version: str, request_id: str, scores: Sequence[Score]) -> bytes:
    """Return the body of the answer to POST /v1/predictions, UTF-8."""
    predictions = [score.by_name() | short_reasons(score) for score in scores]
    body = {"model_version": model_version, "request_id": request_id, "predictions": predictions}
    return orjson.dumps(body, option=orjson.OPT_UTC_Z)
