"""What an account manager can do, by theme: rules on the account's own signals.

The words stand in `locales/reasons/`. Only themes that raise the estimate are advised on: by the step that answers the
theme's largest signal, else by the first that fits. A step may answer what nobody can undo, such as a director who
left. Never advised on are `actions`: they follow risk, so what the model makes of them is no reason to take or to omit
any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_ANY = float("inf")
NEVER_ADVISED = frozenset({"actions"})
#: The part by which the value of the contracts fell with the last term: told by evidence, no signal.
CONTRACT_FALL = "contract_value_fall"
#: A low answer that is its contact's latest and young or still open, of anybody and of who decides: told by evidence.
LOW_ANSWER, LOW_DECIDER = "low_answer_to_settle", "low_decider_to_settle"
#: Of a low answer, that somebody who gave one is still there: told by evidence.
LOW_THERE = "low_answer_of_who_is_there"
#: Whom nobody on record has followed, of anybody who left and of who decides: told by evidence.
UNFOLLOWED, UNFOLLOWED_DECIDER = "contact_unfollowed", "decider_unfollowed"
#: The departments in which contacts are active: told by evidence.
DEPARTMENTS = "contacts_departments"
#: Steps that need more than their own signal: a talk within days about a score fits only while there is one to settle,
#: and asking who follows only where nobody does.
ONLY_WITH: Mapping[str, str] = {
    "talk_detractor": LOW_ANSWER,
    "talk_decision_maker": LOW_DECIDER,
    "ask_since_low": LOW_THERE,
    "meet_successor": UNFOLLOWED_DECIDER,
    "greet_successor": UNFOLLOWED,
}
#: Per theme the steps in order: each fits when its signal lies within [low, high]; one without a signal always fits.
ADVICE: Mapping[str, tuple[tuple[str, str | None, float, float], ...]] = {
    "closing_delay": (("close_open_loops", "loops_open", 1, _ANY), ("close_faster", None, 0, 0)),
    "silence": (
        ("first_survey", "silence_never_surveyed", 1, 1),
        ("call_silent", "contacts_fell_silent", 1, _ANY),
        ("call_never_answered", "silence_never_answered", 1, 1),
        ("ask_again", "invitations_unanswered_in_a_row", 1, _ANY),
        ("ask_feedback", None, 0, 0),
    ),
    "single_contact": (
        ("find_contact", "contacts_active", 0, 0),
        ("meet_successor", "contacts_decision_maker_left_365d", 1, 1),
        ("second_contact", "contacts_active", 1, 1),
        ("second_contact", "contacts_single", 1, 1),
        ("decision_maker", "contacts_decision_makers", 0, 0),
        ("greet_successor", "contacts_left_365d", 1, _ANY),
        ("widen_departments", DEPARTMENTS, 0, 1),
        ("keep_contacts", "contacts_decision_makers", 1, _ANY),
        ("widen_contacts", None, 0, 0),
    ),
    "nps": (
        ("talk_detractor", "nps_last", 0, 6),
        ("talk_decision_maker", "nps_decision_maker_last", 0, 6),
        ("talk_detractor", "nps_detractor_share", 0.005, _ANY),
        ("ask_since_low", "nps_last", 0, 6),
        ("ask_since_low", "nps_decision_maker_last", 0, 6),
        ("ask_since_low", "nps_detractor_share", 0.005, _ANY),
        ("ask_change", "nps_change_waves", -10, -0.05),
        ("ask_change", "nps_slope_365d", -_ANY, -0.05),
        ("ask_feedback", None, 0, 0),
    ),
    "tickets": (
        ("settle_tickets", "tickets_open", 1, _ANY),
        ("fix_cause", "tickets_opened_365d", 1, _ANY),
        ("ask_service", None, 0, 0),
    ),
    "revenue": (
        ("ask_orders", "invoice_overdue_ratio", 1.5, _ANY),
        ("ask_decline", "revenue_trend_180d", -1, -0.05),
        ("ask_decline", "revenue_yoy_365d", -1, -0.05),
        ("review_credit", "credit_note_share_365d", 0.05, _ANY),
        ("talk_need", None, 0, 0),
    ),
    "contract": (
        ("renew_ended", "contract_days_to_end", -_ANY, -1),
        ("ask_contract_cut", CONTRACT_FALL, 0.005, _ANY),
        ("renew_soon", "contract_days_to_end", 0, 180),
        ("explain_price", "contract_price_change", 0.005, _ANY),
        ("no_contract", "contract_terms", 0, 0),
        ("review_contract", None, 0, 0),
    ),
    "membership": (
        ("ask_programme_left", "memberships_left_365d", 1, _ANY),
        ("offer_programme", "memberships_active", 0, 0),
        ("review_programme", None, 0, 0),
    ),
    "referrals": (("follow_up_referral", "referrals_not_contacted", 1, _ANY), ("ask_recommend", None, 0, 0)),
}


def advice_key(code: str, values: Mapping[str, float | str | None], raising: Sequence[str] = ()) -> str | None:
    """Return the key of the step for a theme that raises the estimate.

    Parameters
    ----------
    code : str
        Theme.
    values : mapping of signal to value
        The account's own, null where not known.
    raising : sequence of str
        The theme's signals that raise the estimate, the largest first.

    Returns
    -------
    str or None
        None for a theme on which nothing is advised.
    """
    if code in NEVER_ADVISED:
        return None
    fitting = [
        (key, signal)
        for key, signal, low, high in ADVICE.get(code, ())
        if _fits(values, signal, low, high) and _fits(values, ONLY_WITH.get(key), 1, _ANY)
    ]
    own = [key for key, signal in fitting if signal in raising[:1]]
    return next(iter([*own, *(key for key, _ in fitting)]), None)


def _fits(values: Mapping[str, float | str | None], signal: str | None, low: float, high: float) -> bool:
    value = None if signal is None else values.get(signal)
    return signal is None or (isinstance(value, float) and low <= value <= high)
