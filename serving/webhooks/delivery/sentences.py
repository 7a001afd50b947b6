"""The reasons of an event and the grade of its model as sentences, made from the stored score when it is sent.

The input is an event and a language. The output is the event with its sentences. So the publication of a run need not
wait for sentences.
"""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from serving.store.score_tables import RUNS, SCORES, score_of
from serving.webhooks.changes import ALERT, SUMMED
from serving.webhooks.delivery.messages import Message
from serving.words.caution_words import grade_sentence
from serving.words.formats import Lang
from serving.words.short_reasons import short_reasons


def worded(connection: Connection, message: Message, lang: Lang) -> Message:
    """Return an event with its reasons and grade in a language; without when it is of no score that is kept."""
    if message.run_id is None or message.type in (SUMMED, ALERT):
        return message
    own = (SCORES.c.run_id == message.run_id) & (SCORES.c.account_id == message.data["account_id"])
    row = connection.execute(sa.select(SCORES).where(own)).mappings().first()
    if row is None:
        return message
    texts = short_reasons(score_of(dict(row)), row["evidence"], lang).values()
    model = connection.execute(sa.select(RUNS.c.model).where(RUNS.c.run_id == message.run_id)).scalar_one_or_none()
    grade = grade_sentence(model["grade"], lang) if model and "grade" in model else ""
    return replace(message, reasons=tuple(text for text in texts if text), grade=grade)
