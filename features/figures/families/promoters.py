"""Net promoter score, and what it is worth: the revenue of promoters, passives, detractors and the unheard.

A contact's latest answer of the last 365 days counts. Answers without a contact count as those of one unknown contact
of the account, but anonymous ones each, since several people may have given them. Promoters score 9 or 10, passives 7
or 8, detractors 0 to 6.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import numpy as np

from features.figures.figure import Basis, Figure, Rows, Sums, Values, Words, divided
from features.figures.intervals import difference, nps_interval
from features.figures.programme import Programme

REICHHELD = "Reichheld, The One Number You Need to Grow (2003); interval: Tango (1998)"
MONETISED = "churn-risk: the score weighted by revenue"
#: What a mean score of an account is made of.
LATEST_EN = "The score is the mean of the latest relationship answer of each contact in 365 days."
LATEST_DE = "Die Note ist das Mittel der letzten Beziehungsantwort jedes Ansprechpartners in 365 Tagen."
DAYS, HALF = 365, 182.5
PROMOTER, PASSIVE, GOOD_SCORE = 9, 7, 50
LEAST_TRANSACTIONAL = 3
#: Answers that anonymous ones may hide among.
LEAST_ANONYMOUS = 5
ANSWER_SUMS = ("promoter", "detractor", "answer", "nameless")


def every_answer(programme: Programme, kind: str, newest: float = 0, oldest: float = DAYS) -> ir.Table:
    """Return all answers in a window, each contact's earlier ones too."""
    return programme.surveys.filter(
        lambda t: (
            t.score.notnull() & (t.kind == kind) & (t.answered_age_days > newest) & (t.answered_age_days <= oldest)
        )
    )


def answers(programme: Programme, kind: str, newest: float = 0, oldest: float = DAYS) -> ir.Table:
    """Return the latest answer of each contact in a window, and all anonymous ones, with their class."""
    name = f"answers_{kind}_{newest:g}_{oldest:g}".replace(".", "_")
    return programme.kept.table(name, lambda: _latest(every_answer(programme, kind, newest, oldest)))


def _latest(rows: ir.Table) -> ir.Table:
    # Nulls make one group: the answers without a contact. The id settles a tie, so that no engine's order counts.
    alone = ibis.ifelse(rows.anonymous.fill_null(False), rows.survey_id, ibis.null("string"))
    place = ibis.row_number().over(
        group_by=["account_id", "as_of", rows.contact_id, alone],
        order_by=[rows.answered_age_days, rows.survey_id.desc()],
    )
    latest = rows.mutate(place=place).filter(lambda t: t.place == 0)
    return latest.mutate(
        promoter=(latest.score >= PROMOTER).cast("float64"),
        detractor=(latest.score < PASSIVE).cast("float64"),
        passive=((latest.score >= PASSIVE) & (latest.score < PROMOTER)).cast("float64"),
        nameless=latest.anonymous.fill_null(False).cast("float64"),
        answer=latest.score.notnull().cast("float64"),  # A literal would be stored as a decimal.
    )


def named_answers(programme: Programme, kind: str) -> ir.Table:
    """Return the answers of accounts of which what is said may be shown: anonymous ones only from a number on."""
    return programme.kept.table(f"named_{kind}", lambda: _named(answers(programme, kind)))


def _named(rows: ir.Table) -> ir.Table:
    count = rows.group_by(["account_id", "as_of"]).aggregate(nameless_ones=rows.nameless.sum(), all_ones=rows.count())
    few = count.filter((count.nameless_ones > 0) & (count.all_ones < LEAST_ANONYMOUS))
    return rows.anti_join(few, ["account_id", "as_of"])


def _answered(kind: str) -> Rows:
    def build(programme: Programme) -> ir.Table:
        rows = answers(programme, kind)
        return rows.select("account_id", "as_of", "promoter", "detractor", "nameless", "answer", "channel")

    return Rows(f"promoters.{kind}", build, ("channel",))


def _two_halves(programme: Programme) -> ir.Table:
    now, before = answers(programme, "relationship", 0, HALF), answers(programme, "relationship", HALF, DAYS)
    keys, names = ("account_id", "as_of"), ("promoter", "detractor", "answer", "nameless")
    parts = [
        rows.select(
            *keys,
            **{f"{name}_now": rows[name] if is_now else ibis.literal(0.0) for name in names},
            **{f"{name}_before": ibis.literal(0.0) if is_now else rows[name] for name in names},
        )
        for rows, is_now in ((now, True), (before, False))
    ]
    return parts[0].union(parts[1])


def _money(programme: Programme) -> ir.Table:
    """Return each customer's revenue split over its answers, and by the other rules."""
    rows = named_answers(programme, "relationship")
    counts = rows.group_by(["account_id", "as_of"]).aggregate(
        answered=rows.count(), promoters=rows.promoter.sum(), passives=rows.passive.sum(),
        detractors=rows.detractor.sum(), mean=rows.score.mean(), worst=rows.score.min(),
    )  # fmt: skip
    standing = programme.both_ends
    joined = standing.filter(standing.is_customer).left_join(counts, ["account_id", "as_of"])
    revenue, heard = joined.invoiced, joined.answered.notnull()

    def share(name: str) -> ir.Value:
        return ibis.ifelse(heard, revenue * joined[name] / joined.answered, 0.0)

    def net(score: ir.Value) -> ir.Value:
        sign = ibis.cases((score >= PROMOTER, 1.0), (score < PASSIVE, -1.0), else_=0.0)
        return ibis.ifelse(heard, revenue * sign, 0.0)

    return joined.select(
        "account_id", "as_of", counted=heard.cast("float64"), revenue=revenue, heard=ibis.ifelse(heard, revenue, 0.0),
        unheard=ibis.ifelse(heard, 0.0, revenue), of_promoters=share("promoters"), of_passives=share("passives"),
        of_detractors=share("detractors"), minus=-share("detractors"), by_mean=net(joined["mean"]),
        by_worst=net(joined.worst),
        each=ibis.ifelse(heard, revenue * (joined.promoters - joined.detractors), 0.0),
        each_heard=ibis.ifelse(heard, revenue * joined.answered, 0.0),
    )  # fmt: skip


def _contradicted(programme: Programme) -> ir.Table:
    """Return each customer whose scores after transactions are good and whose relationship is poor."""
    keys = ["account_id", "as_of"]

    def of(kind: str) -> ir.Table:
        rows = named_answers(programme, kind)
        return rows.group_by(keys).aggregate(
            n=rows.count(), score=100 * (rows.promoter.sum() - rows.detractor.sum()) / rows.count()
        )

    after, whole = of("transactional"), of("relationship").rename(whole_n="n", whole_score="score")
    both = after.inner_join(whole, keys)
    standing = programme.both_ends.select(*keys, "invoiced")
    both = both.inner_join(standing, keys)
    is_good = (both.n >= LEAST_TRANSACTIONAL) & (both.score >= GOOD_SCORE) & (both.whole_score <= 0)
    flag = is_good.cast("float64")
    return both.select(*keys, contradicted=flag, at_stake=flag * both.invoiced, counted=1.0)


def _nps(sums: Sums) -> Values:
    low, high = nps_interval(sums["promoter"], sums["detractor"], sums["answer"])
    score = divided(sums["promoter"] - sums["detractor"], sums["answer"])
    hidden = (sums["nameless"] > 0) & (sums["answer"] < LEAST_ANONYMOUS)
    shown = (np.where(hidden, np.nan, part) for part in (100 * score, sums["answer"], 100 * low, 100 * high))
    value, n, low, high = shown
    return Values(value, n, low, high, hidden, LEAST_ANONYMOUS)


def _change(sums: Sums) -> Values:
    scores, bounds, few = [], [], []
    for time in ("now", "before"):
        promoter, detractor, answer = (sums[f"{name}_{time}"] for name in ("promoter", "detractor", "answer"))
        hidden = (sums[f"nameless_{time}"] > 0) & (answer < LEAST_ANONYMOUS)
        few.append(hidden)
        scores.append(np.where(hidden, np.nan, divided(promoter - detractor, answer)))
        bounds.append(nps_interval(promoter, detractor, answer))
    low, high = difference(scores[0], bounds[0], scores[1], bounds[1])
    hidden = np.isnan(scores[0] - scores[1])
    n = sums["answer_now"] + sums["answer_before"]
    parts = (100 * (scores[0] - scores[1]), n, 100 * low, 100 * high)
    shown = (np.where(hidden, np.nan, part) for part in parts)
    value, n, low, high = shown
    return Values(value, n, low, high, few[0] | few[1], LEAST_ANONYMOUS)


def _kind(kind: str, en: str, de: str) -> Figure:
    return Basis(_answered(kind), ("surveys",), {"surveys": 12}).figure(
        f"nps_{kind}", "NPS points", ANSWER_SUMS, _nps, Words(
            f"NPS, {en}", f"NPS, {de}",
            f"Share of promoters (9, 10) - share of detractors (0 to 6) among {en} answers of customers in 365 days; "
            "of each contact the latest, of an account's answers without a contact the latest, of anonymous ones each. "
            f"With anonymous answers from {LEAST_ANONYMOUS} on.",
            f"Anteil der Promotoren (9, 10) - Anteil der Kritiker (0 bis 6) unter den Antworten von Kunden in 365 "
            f"Tagen ({de}); von jeder Person die letzte, von den Antworten eines Kunden ohne Ansprechpartner die "
            f"letzte, von anonymen jede. Mit anonymen ab {LEAST_ANONYMOUS}.", REICHHELD))  # fmt: skip


MONEY = Basis(Rows("promoters.money", _money), ("accounts", "invoices", "surveys"), {"invoices": 12, "surveys": 12})
FLAG = Basis(Rows("promoters.contradicted", _contradicted), ("surveys",), {"surveys": 12})
HALVES = Basis(Rows("promoters.halves", _two_halves), ("surveys",), {"surveys": 12})
#: An invoice counts over the time that it pays for: lists and pages of accounts add up what was invoiced.
YEAR_EN = "Revenue recognised in twelve months, of customers"
YEAR_DE = "In zwölf Monaten realisierter Umsatz von Kunden"
SPLIT_EN = "an account's revenue is split over the latest relationship answer of each of its contacts"
SPLIT_DE = "der Umsatz eines Kunden verteilt sich auf die letzte Beziehungsantwort jedes seiner Ansprechpartner"


def _revenue(name: str, column: str, en: str, de: str, what_en: str, what_de: str) -> Figure:
    return MONEY.total(
        name, "currency", column,
        Words(f"{en} (recognised)", f"{de} (realisiert)", f"{YEAR_EN}: {what_en}", f"{YEAR_DE}: {what_de}", MONETISED),
    )  # fmt: skip


def _monetised(name: str, above: tuple[str, ...], below: str, en: str, de: str, what_en: str, what_de: str) -> Figure:
    def finish(sums: Sums) -> Values:
        net = np.sum([sums[column] for column in above], axis=0)
        return Values(100 * divided(net, sums[below]), sums["counted"])

    return MONEY.figure(
        name, "NPS points", (*above, below, "counted"), finish, Words(en, de, what_en, what_de, MONETISED)
    )


FIGURES: tuple[Figure, ...] = (
    _kind("relationship", "relationship", "Beziehung"),
    _kind("transactional", "transactional", "nach einem Vorgang"),
    HALVES.figure(
        "nps_relationship_change", "NPS points",
        tuple(f"{name}_{time}" for time in ("now", "before") for name in ANSWER_SUMS),
        _change, Words(
            "Change of the NPS, relationship: last half-year against the half-year before",
            "Änderung des NPS, Beziehung: letztes Halbjahr gegen das Halbjahr davor",
            "NPS of the last half year - NPS of the half year before, relationship answers. The change is significant "
            "where its interval (Newcombe, of both Tango intervals) leaves out 0.",
            "NPS des letzten halben Jahres - NPS des halben Jahres davor, Beziehungsbefragungen. Die Änderung ist "
            "signifikant, wo ihr Intervall (Newcombe, aus beiden von Tango) 0 nicht enthält.",
            "Newcombe (1998), Tango (1998)"),
    ),
    _revenue("revenue_customers", "revenue", "Revenue of customers", "Umsatz der Kunden", "all.", "alle."),
    _revenue("revenue_promoters", "of_promoters", "Revenue of promoters", "Umsatz der Promotoren",
             f"the part of promoters; {SPLIT_EN}.", f"der Teil der Promotoren; {SPLIT_DE}."),
    _revenue("revenue_passives", "of_passives", "Revenue of passives", "Umsatz der Passiven",
             f"the part of passives; {SPLIT_EN}.", f"der Teil der Passiven; {SPLIT_DE}."),
    _revenue("revenue_detractors", "of_detractors", "Revenue of detractors", "Umsatz der Kritiker",
             f"the part of detractors; {SPLIT_EN}.", f"der Teil der Kritiker; {SPLIT_DE}."),
    _revenue("revenue_unheard", "unheard", "Revenue of the unheard", "Umsatz der Ungehörten",
             "of accounts without an answer to a relationship survey in 365 days, or with anonymous ones among fewer "
             f"than {LEAST_ANONYMOUS}, which are shown in no figure of an account.",
             "von Kunden ohne Antwort auf eine Beziehungsbefragung in 365 Tagen oder mit anonymen unter weniger als "
             f"{LEAST_ANONYMOUS}, die in keiner Zahl eines Kunden gezeigt werden."),
    _monetised("monetised_nps", ("of_promoters", "minus"), "heard", "Monetised NPS", "NPS in Geld",
               f"(revenue of promoters - of detractors) / revenue of those heard; {SPLIT_EN}.",
               f"(Umsatz der Promotoren - der Kritiker) / Umsatz der Gehörten; {SPLIT_DE}."),
    _monetised("monetised_nps_each_answer", ("each",), "each_heard", "Monetised NPS, each answer in full",
               "NPS in Geld, jede Antwort voll", "The latest answer of each contact counts the whole revenue of its "
               "account.",
               "Die letzte Antwort jedes Ansprechpartners zählt den ganzen Umsatz ihres Kunden."),
    _monetised("monetised_nps_mean_score", ("by_mean",), "heard", "Monetised NPS, by mean score",
               "NPS in Geld, nach Mittelwert", "An account has the class of the mean of each contact's latest score "
               "(from 9, from 7, below).",
               "Ein Kunde hat die Klasse des Mittels der letzten Bewertung jedes Ansprechpartners (ab 9, ab 7, "
               "darunter)."),
    _monetised("monetised_nps_worst_answer", ("by_worst",), "heard", "Monetised NPS, by worst answer",
               "NPS in Geld, nach schlechtester Antwort", "An account has the class of the worst among the latest "
               "answers of its contacts.",
               "Ein Kunde hat die Klasse der schlechtesten unter den letzten Antworten seiner Ansprechpartner."),
    FLAG.total("accounts_contradicting", "accounts", "contradicted", Words(
        "Good after transactions, poor relationship", "Nach Vorgängen gut, Beziehung schlecht",
        f"Customers with a transactional NPS of {GOOD_SCORE} or more (from {LEAST_TRANSACTIONAL} answers on) and a "
        "relationship NPS of 0 or less, in 365 days, of each contact's latest answer: they may leave without a "
        "warning.",
        f"Kunden mit einem NPS nach Vorgängen von mindestens {GOOD_SCORE} (ab {LEAST_TRANSACTIONAL} Antworten) und "
        "einem NPS der Beziehung von höchstens 0, in 365 Tagen, je Ansprechpartner die letzte Antwort: Sie können "
        "ohne Warnung gehen.")),
    FLAG.total("revenue_contradicting", "currency", "at_stake", Words(
        "Revenue of contradicting accounts", "Umsatz der Kunden, die Tickets gut und die Beziehung schlecht bewerten",
        "Twelve months' recognised revenue of the accounts that contradict themselves.",
        "Realisierter Umsatz von zwölf Monaten der Kunden mit widersprechenden Bewertungen.")),
)  # fmt: skip
