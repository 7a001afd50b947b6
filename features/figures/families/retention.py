"""Retention in money and in logos: who and what of the beginning of the period is still there at its end.

Value is either recognised revenue of twelve months (`_invoiced`) or the annual value of running contracts
(`_contracted`), of customers; who is no customer has the value 0. Each account's change over the period counts in one
class only, so the waterfall from opening to closing sums exactly.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import numpy as np

from features.figures.figure import Basis, Figure, Rows, Sums, Values, Words, divided
from features.figures.programme import Programme

GAINSIGHT = "Gainsight, renewal rate on the revenue that is due"
CHARTMOGUL = "ChartMogul, net MRR churn with reactivation"
STRIPE = "Stripe Billing, subscriber churn rate"
COMMON = "Common definition of SaaS metrics (Skok; Gainsight)"
ONE_POINT = 0.01
TWO_SIDED = 1.96


def movements(basis: str) -> Rows:
    """Return the rows of one basis: each account's value at both ends of the period and its change by class."""

    def build(programme: Programme) -> ir.Table:
        ends = programme.both_ends
        was, now = ends[f"was_{basis}"].fill_null(0.0), ends[basis]
        # Back is who had paid before, or signed: a first invoice of a contract that was signed earlier is new revenue.
        old = ends[f"was_had_{basis}"].fill_null(False)
        rows = ends.select("account_id", "as_of", was=was, now=now, old=old)
        change, begun = rows.now - rows.was, (rows.was <= 0) & (rows.now > 0)
        stays = (rows.was > 0) & (rows.now > 0)
        classes = {
            "new": begun & ~rows.old,
            "reactivated": begun & rows.old,
            "lost": (rows.was > 0) & (rows.now <= 0),
            "contracted_by": stays & (change < 0),
            "expanded_by": stays & (change >= 0),
            "other": (rows.was <= 0) & (rows.now <= 0),
        }
        parts = {name: ibis.ifelse(belongs, change, 0.0) for name, belongs in classes.items()}
        return rows.mutate(
            **parts, closing=rows.now, opening=rows.was, counted=(rows.was > 0).cast("float64"),
            paying=(rows.now > 0).cast("float64"), squared=ibis.ifelse(rows.now > 0, rows.now**2, 0.0),
        ).drop("old", "was", "now")  # fmt: skip

    return Rows(f"retention.{basis}", build)


def _due(programme: Programme) -> ir.Table:
    """Return per account what was due for renewal in the period, what of it is kept, and all expansion."""
    view = programme.openings_view
    contracts = view["contracts"].rename(opened_on="as_of").inner_join(programme.periods, "opened_on")
    length = contracts.as_of.cast("timestamp").epoch_seconds() - contracts.opened_on.cast("timestamp").epoch_seconds()
    ends_in = -contracts.ends_age_days
    due = contracts.filter((ends_in >= 0) & (ends_in < length / 86_400))
    due = due.group_by(["account_id", "as_of"]).aggregate(due=due.annual_value.sum())
    ends = programme.both_ends.left_join(due, ["account_id", "as_of"])
    was, now = ends.was_contracted.fill_null(0.0), ends.contracted
    owed = ibis.ifelse(was > 0, ibis.least(ends.due.fill_null(0.0), was), 0.0)
    return ends.select(
        "account_id", "as_of", owed=owed, counted=(owed > 0).cast("float64"),
        kept=ibis.greatest(0.0, ibis.least(owed, now - (was - owed))),
        expansion=ibis.ifelse((was > 0) & (now > was), now - was, 0.0),
    )  # fmt: skip


def _logos(programme: Programme) -> ir.Table:
    """Return each account's part in the number of customers at both ends of the period."""
    ends = programme.both_ends
    was, now = ends.was_is_customer.fill_null(False), ends.is_customer
    known = ends.was_since_days.notnull()
    flags = {
        "opening": was, "closing": now, "lost": was & ~now, "new": now & ~known, "returned": now & known & ~was,
        "any_new": ~known, "gone": (was | ~known) & ~now, "counted": was,
    }  # fmt: skip
    return ends.select("account_id", "as_of", **{name: flag.cast("float64") for name, flag in flags.items()}).mutate(
        everybody=lambda t: t.opening + t.any_new
    )


LOGOS = Basis(Rows("retention.logos", _logos), ("accounts", "churns"), {"invoices": 12}, over_period=True)
DUE = Basis(Rows("retention.due", _due), ("accounts", "contracts", "churns"), {"contracts": 12}, over_period=True)


def _one_point(sums: Sums) -> Values:
    """Return one per cent of the value, and the interval of keeping one account in a hundred, drawn by chance."""
    value, paying = ONE_POINT * sums["closing"], sums["paying"]
    mean = divided(sums["closing"], paying)
    variance = np.maximum(divided(sums["squared"], paying) - mean**2, 0)
    spread = TWO_SIDED * np.sqrt(ONE_POINT * (1 - ONE_POINT) * paying * (variance + mean**2))
    return Values(value, paying, np.maximum(value - spread, 0), value + spread)


def _money(basis: str, needs: tuple[str, ...], back: dict[str, int], en: str, de: str) -> list[Figure]:
    rows = Basis(movements(basis), needs, back, over_period=True)
    long_en = {
        "invoiced": "Value: revenue recognised in the twelve months before the date (an invoice over the time of a "
        "contract that it pays for; of who has none and is billed regularly and rarely, or only once so far, a year's "
        "invoicing), of customers.",
        "contracted": "Value: annual value of the contracts that run at the date, of customers; one that ended the "
        "day before counts, since its successor cannot be seen yet.",
    }[basis]
    long_de = {
        "invoiced": "Wert: in den zwölf Monaten vor dem Stichtag realisierter Umsatz (eine Rechnung über die Zeit des "
        "Vertrags, die sie bezahlt; wer keinen hat und regelmäßig und selten Rechnungen bekommt oder bisher nur eine, "
        "zählt mit dem, was in einem Jahr berechnet wird), von Kunden.",
        "contracted": "Wert: Jahreswert der am Stichtag laufenden Verträge, von Kunden; ein am Tag davor "
        "beendeter zählt mit, da sein Nachfolger noch nicht zu sehen ist.",
    }[basis]

    def words(label_en: str, label_de: str, what_en: str, what_de: str, source: str = COMMON) -> Words:
        return Words(f"{label_en} ({en})", f"{label_de} ({de})", f"{what_en} {long_en}", f"{what_de} {long_de}", source)

    parts = [
        ("revenue_opening", "opening", "Opening value", "Anfangswert",
         "Value at the beginning of the period.", "Wert zu Beginn des Zeitraums."),
        ("revenue_new", "new", "New", "Neu",
         "Value of accounts that never bought before the period; they may have been customers without revenue before.",
         "Wert von Kunden, die vor dem Zeitraum nie gekauft haben; ohne Umsatz können sie schon Kunden "
         "gewesen sein."),
        ("revenue_reactivated", "reactivated", "Reactivation", "Reaktiviert",
         "Value of accounts that had bought before but had none at the beginning, whether they had left or had stayed "
         "customers all the time, as between two contracts.",
         "Wert von Kunden, die früher gekauft haben, aber zu Beginn keinen hatten, ob sie gegangen waren oder die "
         "ganze Zeit Kunden blieben, etwa zwischen zwei Verträgen."),
        ("revenue_expansion", "expanded_by", "Expansion", "Ausweitung",
         "Growth of accounts with a value at both ends.", "Zuwachs von Kunden mit Wert an beiden Enden."),
        ("revenue_contraction", "contracted_by", "Contraction", "Rückgang",
         "Decline of accounts with a value at both ends, negative.",
         "Rückgang von Kunden mit Wert an beiden Enden, negativ."),
        ("revenue_lost", "lost", "Lost", "Verloren", "Value of accounts that have none at the end, negative.",
         "Wert von Kunden, die am Ende keinen mehr haben, negativ."),
        ("revenue_unclassified", "other", "Without a value at both ends", "Ohne Wert an beiden Enden",
         "Change of accounts whose value is at neither end above 0: credit notes.",
         "Änderung von Kunden ohne Wert über 0 an beiden Enden: Gutschriften."),
        ("revenue_closing", "closing", "Closing value", "Endwert",
         "Value at the date: the opening value and all changes.",
         "Wert am Stichtag: Anfangswert und alle Änderungen."),
    ]  # fmt: skip
    totals = [
        rows.total(f"{name}_{basis}", "currency", column, words(label_en, label_de, what_en, what_de))
        for name, column, label_en, label_de, what_en, what_de in parts
    ]
    rates = [
        ("grr", ("opening", "contracted_by", "lost"), "Gross revenue retention", "Bruttobindung des Umsatzes",
         "(opening + contraction + lost) / opening; never above 100 %.",
         "(Anfang + Rückgang + verloren) / Anfang; nie über 100 %.", COMMON),
        ("nrr", ("opening", "contracted_by", "lost", "expanded_by"), "Net revenue retention",
         "Nettobindung des Umsatzes", "(opening + expansion + contraction + lost) / opening.",
         "(Anfang + Ausweitung + Rückgang + verloren) / Anfang.", COMMON),
        ("nrr_with_reactivation", ("opening", "contracted_by", "lost", "expanded_by", "reactivated"),
         "Net revenue retention with reactivation", "Nettobindung mit Reaktivierten",
         "As NRR, with what reactivation brings.", "Wie NRR, mit dem, was Reaktivierte bringen.", CHARTMOGUL),
    ]  # fmt: skip
    ratios = [
        rows.ratio(f"{name}_{basis}", above, "opening", words(label_en, label_de, what_en, what_de, source))
        for name, above, label_en, label_de, what_en, what_de, source in rates
    ]

    def churn(sums: Sums) -> Values:
        return Values(divided(-sums["lost"], sums["opening"]), sums["counted"])

    lost = rows.figure(
        f"revenue_churn_{basis}", "share", ("lost", "opening", "counted"), churn,
        words("Revenue churn", "Umsatzabwanderung", "Lost / opening value.", "Verloren / Anfangswert."),
    )  # fmt: skip
    point = rows.figure(
        f"one_point_more_{basis}", "currency", ("closing", "paying", "squared"), _one_point,
        words("Worth of one more point of retention", "Wert eines Prozentpunkts mehr Bindung",
              "One per cent of the value: what keeping one account more in a hundred is worth. The interval says how "
              "much it depends on which accounts these are (normal, drawn by chance).",
              "Ein Prozent des Werts: was es bringt, einen von hundert Kunden mehr zu halten. Das Intervall sagt, wie "
              "viel davon abhängt, welche es sind (Normalverteilung, zufällig gezogen).", "churn-risk"),
    )  # fmt: skip
    return [*totals, *ratios, lost, point]


def _due_rate(name: str, above: tuple[str, ...], en: str, de: str, what_en: str, what_de: str) -> Figure:
    return DUE.ratio(name, above, "owed", Words(en, de, what_en, what_de, GAINSIGHT))


def _logo(name: str, column: str, en: str, de: str, what_en: str, what_de: str) -> Figure:
    return LOGOS.total(name, "accounts", column, Words(en, de, what_en, what_de, COMMON))


FIGURES: tuple[Figure, ...] = (
    *_money("invoiced", ("accounts", "invoices"), {"invoices": 24}, "invoices", "Rechnungen"),
    *_money("contracted", ("accounts", "contracts"), {"contracts": 12}, "contracts", "Verträge"),
    _due_rate(
        "grr_renewals_due", ("kept",), "Retention of what was due", "Bindung des zur Verlängerung Fälligen",
        "Of the annual value of contracts that were to end in the period, as signed at its beginning: what the account "
        "still has of it at the end.",
        "Vom Jahreswert der Verträge, die im Zeitraum enden sollten, wie zu Beginn unterschrieben: was der Kunde am "
        "Ende noch davon hat.",
    ),
    _due_rate(
        "nrr_renewals_due", ("kept", "expansion"), "Retention of what was due, with all expansion",
        "Bindung des Fälligen, alle Ausweitung eingerechnet",
        "Of the annual value of contracts that were to end in the period, as signed at its beginning: what the account "
        "still has of it at the end, with the expansion of all accounts in the period, due or not; it may mislead "
        "where few were due.",
        "Vom Jahreswert der Verträge, die im Zeitraum enden sollten, wie zu Beginn unterschrieben: was der Kunde am "
        "Ende noch davon hat, mit der Ausweitung aller Kunden im Zeitraum, fällig oder nicht; irreführend, wo wenig "
        "fällig war.",
    ),
    _logo("customers_opening", "opening", "Customers at the beginning", "Kunden zu Beginn",
          "Customers at the beginning of the period.", "Kunden zu Beginn des Zeitraums."),
    _logo("customers_new", "new", "New customers", "Neue Kunden",
          "Customers at the date who became so in the period, by the day on which the relationship began.",
          "Kunden am Stichtag, die es im Zeitraum wurden, nach dem Tag, an dem die Beziehung begann."),
    _logo("customers_returned", "returned", "Back after leaving", "Nach Abwanderung zurück",
          "Customers at the date who had left before the period. Who never left but had no revenue or contract for a "
          "while is not counted here, only in what was reactivated.",
          "Kunden am Stichtag, die vor dem Zeitraum gegangen waren. Wer nie ging, aber eine Zeit lang ohne Umsatz oder "
          "Vertrag war, zählt nicht hier, nur beim Reaktivierten."),
    _logo("customers_lost", "lost", "Lost customers", "Verlorene Kunden",
          "Customers at the beginning who are none at the date.", "Kunden zu Beginn, die am Stichtag keine sind."),
    _logo("customers_closing", "closing", "Customers", "Kunden",
          "Customers at the date.", "Kunden am Stichtag."),
    LOGOS.rate("logo_churn", "lost", "opening", Words(
        "Logo churn", "Kundenabwanderung",
        "Customers of the beginning who are none at the date / customers of the beginning.",
        "Kunden zu Beginn, die am Stichtag keine sind / Kunden zu Beginn.", COMMON)),
    LOGOS.rate("logo_churn_with_new", "gone", "everybody", Words(
        "Logo churn, new ones counted", "Kundenabwanderung, Neue mitgezählt",
        "Customers of the beginning and of the period who are none at the date / all of these. Who returned is not "
        "counted.",
        "Kunden zu Beginn und im Zeitraum Neue, die am Stichtag keine sind / alle diese. Zurückgekehrte zählen nicht.",
        STRIPE)),
)  # fmt: skip
