"""The service's logs: one JSON object per line on standard error, or plain text, the same for every logger.

A line has time (UTC), level, logger, message and the extra fields of the logging call. A line written during a request
also has request_id, trace_id and span_id (OpenTelemetry, as BentoML brings it); each of them finds the request's lines.
Our lines hold no account id, path, query, address or part of a body: readers of logs may have no right to read
accounts. For the same reason a logged exception shows only its type and where it was raised: its text may quote a value
(pydantic's input, PostgreSQL's DETAIL, a cell of Arrow). Only our own errors keep their texts, except `InputError`,
which quotes the input.
"""

from __future__ import annotations

import logging
import sys
import traceback
from contextvars import ContextVar, Token
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal

from opentelemetry import trace
from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from features.console import printable
from features.errors import ChurnRiskError, InputError

LogFormat = Literal["json", "text"]
Trouble = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
#: The parent of our own loggers.
OURS = "churn_risk"
#: Loggers that bring their own handlers, and the lowest level that they log from here on.
THEIRS = {"bentoml": logging.INFO, "uvicorn.error": logging.WARNING, "circus": logging.WARNING}
#: This logger writes addresses, paths and queries.
SILENCED = "uvicorn.access"
NAMES = {"asctime": "time", "levelname": "level", "name": "logger"}

_request: ContextVar[dict[str, Any] | None] = ContextVar("churn_risk_request", default=None)


def configure(level: str = "INFO", form: LogFormat = "json") -> None:
    """Send everything this process logs to standard error in one form; a second call replaces the first."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Json() if form == "json" else Text())
    handler.addFilter(_named)
    root = logging.getLogger()
    for before in list(root.handlers):
        root.removeHandler(before)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger(OURS).setLevel(level)
    for name, their_level in THEIRS.items():
        theirs = logging.getLogger(name)
        theirs.handlers.clear()
        theirs.propagate = True
        theirs.setLevel(their_level)
    logging.getLogger(SILENCED).disabled = True


def in_request(state: dict[str, Any]) -> Token[dict[str, Any] | None]:
    """Put the `request_id` of a request's state into every line from here on, until `out_of_request`."""
    return _request.set(state)


def out_of_request(token: Token[dict[str, Any] | None]) -> None:
    """Undo `in_request`."""
    _request.reset(token)


def _named(record: logging.LogRecord) -> bool:
    """Add the ids of the current request and span to a line, where they exist."""
    state = _request.get() or {}
    if "request_id" in state:
        record.request_id = state["request_id"]
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        record.trace_id, record.span_id = f"{span.trace_id:032x}", f"{span.span_id:016x}"
    return True


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def trail_of(error: BaseException | None, written: frozenset[int] = frozenset()) -> str:
    """Return where an exception and the exceptions before it were raised, without texts that may quote values.

    Parameters
    ----------
    error : BaseException or None
    written : frozenset of int
        Ids of the exceptions that are written already: exceptions may refer to one another in a ring.
    """
    if error is None or id(error) in written:
        return ""
    written |= {id(error)}
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    within = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    frames = "".join(traceback.format_tb(error.__traceback__))
    kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    text = f": {error}" if isinstance(error, ChurnRiskError) and not isinstance(error, InputError) else ""
    trails = (trail_of(before, written), frames + kind + text, *(trail_of(inner, written) for inner in within))
    return "\n".join(trail for trail in trails if trail)


class Json(JsonFormatter):
    """One JSON object per line."""

    def __init__(self) -> None:
        super().__init__([*NAMES, "message"], rename_fields=NAMES, json_ensure_ascii=False)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without what a terminal would obey."""
        return printable(super().format(record))

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        """Return the time of the record in UTC, as ISO text."""
        return _time(record)

    def formatException(self, ei: Trouble) -> str:  # noqa: N802
        """Return the exception's `trail_of`."""
        return trail_of(ei[1])


class Text(logging.Formatter):
    """One line for people: time, level, logger, message, then the extra fields as name=value."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, followed by the traceback."""
        extra = {name: value for name, value in vars(record).items() if name not in RESERVED_ATTRS}
        words = [_time(record), record.levelname, record.name, record.getMessage()]
        words += [f"{name}={value}" for name, value in extra.items()]
        trail = [trail_of(record.exc_info[1])] if record.exc_info else []
        return printable("\n".join([" ".join(words), *trail]))
