"""One account's stored score, if the caller may see it, its report, and what to know beside all stored scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from difflib import get_close_matches
from typing import Any

from fastapi.responses import HTMLResponse

from serving.access.principal import Principal
from serving.api.answers.shown import ModelBrief, WarningOut
from serving.api.edge.papers import headers_of
from serving.clock import utc_now
from serving.reports.report import account_report
from serving.reports.report_html import render_account
from serving.scoring.cautions import Caution, aged
from serving.store import ScoreStore, Stored
from serving.store.store import unknown
from serving.words.caution_words import kept_cautions, model_brief, warnings_of
from serving.words.formats import Lang

#: Longer names are like nobody's.
LONGEST_LIKE = 100


def run_warnings(
    model: Mapping[str, Any], as_of: date | None, lang: Lang, beside: Iterable[Caution] = ()
) -> list[WarningOut]:
    """Return what to know beside stored scores: of their run and its model, and that they are old, as pages say it.

    Parameters
    ----------
    model : mapping
        The facts about the model that a run keeps; empty where there is none.
    as_of : date or None
        Of the scores; None while none are stored.
    beside : iterable of Caution
        What else is known of the answer.
    """
    old = [] if as_of is None else aged(as_of, utc_now().date())
    found = warnings_of([*beside, *kept_cautions(model), *old], lang)
    return [WarningOut.model_validate(warning) for warning in found]


def run_model(version: str | None, model: Mapping[str, Any], lang: Lang) -> ModelBrief | None:
    """Return the model of a run with its grade; None where there is no run."""
    return None if version is None else ModelBrief.model_validate(model_brief(version, model.get("grade"), lang))


def met_nobody(store: ScoreStore, principal: Principal, asked: str | None) -> list[Caution]:
    """Return that a filter by account manager names nobody whose accounts of the newest run the caller sees.

    Of a manager whose accounts it may not see, a caller is told the same as of one that there is not.
    """
    if asked is None:
        return []
    seen = [name for name in store.account_managers() if principal.sees(name)]
    if asked in seen:
        return []
    like = get_close_matches(asked, seen, 1) if len(asked) <= LONGEST_LIKE else []
    return [Caution("filter", {"value": asked, "meant": next(iter(like), None)})]


def stored_for(store: ScoreStore, principal: Principal, account_id: str) -> Stored:
    """Return an account's latest score.

    An account that the caller may not see raises the same AccountUnknown as an account that does not exist, after the
    same question to the database and before anything of it is loaded.
    """
    if principal.account_managers is not None:
        store.demand_seen(account_id, principal.account_managers)
    stored = store.latest(account_id)
    if not principal.sees(stored.account_manager):  # It was scored anew in between, for somebody else.
        raise unknown(account_id)
    return stored


def stored_warnings(stored: Stored, lang: Lang) -> list[WarningOut]:
    """Return what to know beside one account's stored score."""
    return run_warnings(stored.model, stored.score.as_of, lang, filter(None, [stored.left]))


def report_page(stored: Stored, lang: Lang, ancestors: str = "") -> HTMLResponse:
    """Return the report as a page that only `ancestors` (origins, separated by spaces) may show in a frame."""
    return HTMLResponse(report_document(stored, lang), headers=headers_of(ancestors))


def report_document(stored: Stored, lang: Lang, paper: bool = False) -> str:
    """Return the report as HTML, for a screen or for paper."""
    score = stored.score
    beside = stored.cautions(utc_now().date())
    return render_account(account_report(score, stored.history, stored.evidence, stored.model, lang, beside), paper)


def report_name(stored: Stored, lang: Lang) -> str:
    """Return what the file of a report is called, before what is not safe in it is left out."""
    return f"report-{stored.score.account_id}-{stored.score.as_of}-{lang}"
