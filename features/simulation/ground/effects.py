"""The strengths of everything in the simulated world, in one place.

In: nothing. Out: frozen settings that the other modules read. `Effects` multiplies the hazard of churn. `Traces` says
how strongly the hidden health shows in the records.

Sources. The published marginal hazard ratios that the book reproduces (falling response or silence 2 to 3,
detractor against promoter 1.8 to 2.5, passive 1.3 to 1.6, a single contact 1.5 to 2, a loop never closed 1.2,
closed within 48 hours .88) are measured by `features.simulation.measures` from the tables. The figures here are the
causes behind them: a survey score has no effect of its own, it only shows the health. The other figures (contract term,
price, tenure, decision maker, shrinking, treatment) are assumptions of the project: plausible in size, but not
estimated from real data.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Effects:
    """Hazard ratios, unless an entry says otherwise.

    Attributes
    ----------
    monthly_hazard : float
        The base, for health 0 and no other effect.
    null_hazard : float
        The constant monthly (30.44 days) hazard of the null world: about 11 % a year.
    health_below, health_above : float
        Log hazard lost for each unit of health below and above 0: poor health raises the hazard more than good
        health lowers it (the standard deviation of health over accounts and months is about 1.3).
    bound, free : float
        Factors on the health effect while a contract runs, and in the last two months of its term; 1 without a
        contract.
    single_contact, no_contact : float
        One active contact, and no active contact, against two or more.
    decision_maker_left : float
        A decision maker left within the last `decision_maker_months`.
    loop_left_open : float
        At least one loop open for 90 to 365 days.
    loop_closed_fast : float
        The last loop closed within a year took at most 48 hours.
    term_ends, term_ends_next, term_runs : float
        For contract accounts: the month in which the term ends, the month before it, any other month.
    price_rise : float
        A renewal with a price change above `price_rise_above`, for `price_rise_months`.
    acted : float
        Treatment effect of a retention action, for `acted_months` after it. A treated account looks safer than it
        was before.
    shrinking : float
        Log hazard per unit of log business volume below its mean of the 12 months before.
    first_year : float
        Tenure below 12 months.
    member : float
        Active in a loyalty programme.
    small, enterprise : float
        Segment, against mid-market.
    persistence : float
        Expected share of the log effects above (except term and tenure) that remains a month later.
    usual_effect : float
        The level to which those log effects return: about the log of their mean over a book. It is set so that the
        mean `probability_180d` is within 4 % of the churns that follow.
    """

    monthly_hazard: float = 0.0031
    null_hazard: float = 0.0100
    health_below: float = 1.10
    health_above: float = 0.70
    bound: float = 0.85
    free: float = 1.25
    single_contact: float = 1.8
    no_contact: float = 2.0
    decision_maker_left: float = 1.7
    decision_maker_months: int = 6
    loop_left_open: float = 1.22
    loop_closed_fast: float = 0.94
    term_ends: float = 8.0
    term_ends_next: float = 1.6
    term_runs: float = 0.42
    price_rise: float = 1.25
    price_rise_above: float = 0.05
    price_rise_months: int = 6
    acted: float = 0.75
    acted_months: int = 4
    shrinking: float = 1.6
    first_year: float = 1.3
    member: float = 0.85
    small: float = 1.05
    enterprise: float = 0.8
    persistence: float = 0.93
    usual_effect: float = 0.40


@dataclass(frozen=True)
class Traces:
    """How the hidden health moves, and how it shows in the records.

    Attributes
    ----------
    account_spread : float
        Standard deviation of the accounts' own mean health.
    monthly_memory : float
        Autocorrelation of health from month to month.
    monthly_spread : float
        Stationary standard deviation around the account's mean, without shocks.
    bad_shock_rate, good_shock_rate : float
        Shocks per account and month. A bad shock takes 1.4 from health on average, a good one adds 1.
    score_slope, score_noise, score_mean : float
        Survey score before rounding: mean, points for each unit of health, standard deviation of one answer.
    contact_bias : float
        Standard deviation of a contact's own leaning, in points.
    answer_slope, answer_level, contact_habit : float
        Log odds of answering: for each unit of health, at health 0, standard deviation of a contact's habit.
    """

    account_spread: float = 0.75
    monthly_memory: float = 0.95
    monthly_spread: float = 0.75
    bad_shock_rate: float = 0.015
    good_shock_rate: float = 0.010
    score_slope: float = 0.87
    score_noise: float = 1.95
    score_mean: float = 7.9
    contact_bias: float = 1.0
    answer_slope: float = 1.2
    answer_level: float = -0.1
    contact_habit: float = 0.8


EFFECTS = Effects()
TRACES = Traces()
