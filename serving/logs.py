"""The service's logs: one JSON object a line on standard error, or plain text; every logger of the process alike.

A line has time (UTC), level, logger and message, what the code that wrote it gives beside, and, where it was written
for a request, request_id, trace_id and span_id (OpenTelemetry, as BentoML brings it), so that the lines of one request
are found by any of them. No line of ours holds an account's id, a path, a query, an address or anything of a body: who
may read logs need not be who may read accounts. So an exception is written as its type and where it was raised: its
text may quote a value (pydantic's input, PostgreSQL's DETAIL, a cell of Arrow). Only our own errors keep their texts,
and of these not those that quote what was given (`InputError`).
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

from features.errors import ChurnRiskError, InputError

LogFormat = Literal["json", "text"]
Trouble = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
#: Our own loggers stand below this one.
OURS = "churn_risk"
#: Loggers that bring handlers of their own, and from which level on they have something to say.
THEIRS = {"bentoml": logging.INFO, "uvicorn.error": logging.WARNING, "circus": logging.WARNING}
#: It writes addresses, paths and queries.
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
    """Name a request's state, whose `request_id` stands in every line from here on; `out_of_request` ends it."""
    return _request.set(state)


def out_of_request(token: Token[dict[str, Any] | None]) -> None:
    """End what `in_request` began."""
    _request.reset(token)


def _named(record: logging.LogRecord) -> bool:
    """Give a line the ids of its request and of its span, where there are such."""
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
    """Return where an exception and those before it were raised, without what their texts may quote.

    Parameters
    ----------
    error : BaseException or None
    told : frozenset of int
        Ids of those that are written already: exceptions may lead to one another in a ring.
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
    """One JSON object a line."""

    def __init__(self) -> None:
        super().__init__([*NAMES, "message"], rename_fields=NAMES, json_ensure_ascii=False)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        """Return the instant, UTC, ISO."""
        return _time(record)

    def formatException(self, ei: Trouble) -> str:  # noqa: N802
        """Return `trail_of` it."""
        return trail_of(ei[1])


class Text(logging.Formatter):
    """One line for people: time, level, logger, message, then what stands beside it as name=value."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, a traceback below it."""
        beside = {name: value for name, value in vars(record).items() if name not in RESERVED_ATTRS}
        words = [_time(record), record.levelname, record.name, record.getMessage()]
        words += [f"{name}={value}" for name, value in beside.items()]
        trail = [trail_of(record.exc_info[1])] if record.exc_info else []
        return "\n".join([" ".join(words), *trail])
