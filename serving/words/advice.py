"""What an account manager can do, by theme: rules on the account's own signals, in the order in which they are tried.

The words stand in `locales/reasons/`. Only themes that raise the estimate through signals that can be changed
are advised on, and never `actions`: actions follow risk, so what the model makes of them is no reason to take or to
omit any.
"""

from __future__ import annotations

from collections.abc import Mapping

_ANY = float("inf")
NEVER_ADVISED = frozenset({"actions"})
#: Per theme the advice to give: the first whose signal lies within [low, high]; one without a signal always fits.
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
        ("second_contact", "contacts_active", 1, 1),
        ("decision_maker", "contacts_decision_makers", 0, 0),
        ("widen_contacts", None, 0, 0),
    ),
    "nps": (
        ("talk_detractor", "nps_last", 0, 6),
        ("ask_change", "nps_change_waves", -10, -0.05),
        ("ask_feedback", None, 0, 0),
    ),
    "tickets": (("settle_tickets", "tickets_open", 1, _ANY), ("fix_cause", "tickets_opened_365d", 1, _ANY)),
    "revenue": (
        ("ask_orders", "invoice_overdue_ratio", 1.5, _ANY),
        ("ask_decline", "revenue_trend_180d", -1, -0.05),
        ("ask_decline", "revenue_yoy_365d", -1, -0.05),
        ("review_credit", "credit_note_share_365d", 0.05, _ANY),
        ("talk_need", None, 0, 0),
    ),
    "contract": (
        ("renew_ended", "contract_days_to_end", -_ANY, -1),
        ("renew_soon", "contract_days_to_end", 0, 180),
        ("explain_price", "contract_price_change", 0.005, _ANY),
        ("review_contract", "contract_terms", 1, _ANY),
    ),
    "membership": (("offer_programme", "memberships_active", 0, 0),),
    "referrals": (("follow_up_referral", "referrals_not_contacted", 1, _ANY),),
}


def advice_key(code: str, values: Mapping[str, float | str | None]) -> str | None:
    """Return the key of the advice for a theme that raises the estimate.

    Parameters
    ----------
    code : str
        Theme.
    values : mapping of signal to value
        The account's own, null where not known.

    Returns
    -------
    str or None
        None when nothing can be advised.
    """
    if code in NEVER_ADVISED:
        return None
    for key, signal, low, high in ADVICE.get(code, ()):
        value = None if signal is None else values.get(signal)
        if signal is None or (isinstance(value, float) and low <= value <= high):
            return key
    return None
