"""Labels: who churned in the window and when, by churns or by silence; which dates can tell; what was invoiced."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
import pytest
from support.handmade import tables_of

from features.as_of import customers
from features.errors import InputError
from features.tables import Tables
from training.settings import ChurnRule
from training.slices.dataset import build_dataset
from training.slices.labels import check_rule, days_to_churn, end_of_data, invoiced, labels

AS_OF = date(2024, 3, 1)
RULE = ChurnRule(horizon_days=30, lead_days=10)
SILENCE = ChurnRule(silence_days=30, lead_days=10)


def day(offset: int) -> date:
    return AS_OF + timedelta(days=offset)


def book(churned: dict[str, int] | None = None, invoiced: dict[str, list[tuple[int, float]]] | None = None) -> Tables:
    """Return a book of the accounts named: the day each churned on, its invoices as (day, amount), days from AS_OF."""
    invoices = [(name, when, amount) for name, rows in (invoiced or {}).items() for when, amount in rows]
    names = sorted({*(churned or {}), *(invoiced or {}), "stays"})
    frames = {
        "accounts": pd.DataFrame({"account_id": names, "customer_since": [day(-900)] * len(names)}),
        "invoices": pd.DataFrame(
            {
                "invoice_id": [str(number) for number in range(len(invoices))],
                "account_id": [name for name, _, _ in invoices],
                "invoiced_on": [day(when) for _, when, _ in invoices],
                "amount": [amount for _, _, amount in invoices],
            }
        ),
        "churns": pd.DataFrame(
            {"account_id": list(churned or {}), "churned_on": [day(when) for when in (churned or {}).values()]}
        ),
    }
    return tables_of(frames, missing=() if churned is not None else ("churns",))


def label_of(tables: Tables, rule: ChurnRule, dates: tuple[date, ...] = (AS_OF,)) -> dict[tuple[str, date], bool]:
    found = labels(tables, customers(tables, dates, rule.by_silence), rule)
    keys = zip(found["account_id"], found["as_of"].dt.date, strict=True)
    return dict(zip(keys, found["churned"].tolist(), strict=True))


@pytest.mark.parametrize(
    ("churned_on", "label"),
    [(-1, None), (0, None), (9, None), (10, True), (39, True), (40, False), (400, False)],
    ids=lambda value: str(value),
)
def test_window_opens_after_the_lead_and_closes_before_its_last_day(churned_on: int, label: bool | None) -> None:
    found = label_of(book({"a": churned_on}), RULE)
    assert found.get(("a", AS_OF)) is label
    assert found["stays", AS_OF] is False


@pytest.mark.parametrize(("churned_on", "label"), [(-1, None), (0, True), (29, True), (30, False)])
def test_without_a_lead_the_first_day_counts(churned_on: int, label: bool | None) -> None:
    assert label_of(book({"a": churned_on}), ChurnRule(horizon_days=30)).get(("a", AS_OF)) is label


def test_who_churns_inside_the_lead_is_in_no_dataset() -> None:
    invoices = {name: [(-20, 100.0)] for name in ("lead", "window")}
    data = build_dataset(book({"lead": 5, "window": 15}, invoices), [AS_OF], RULE)
    assert dict(zip(data.accounts, data.churned, strict=True)) == {"stays": False, "window": True}


def test_each_as_of_date_has_its_own_label() -> None:
    found = label_of(book({"a": 45}), RULE, (day(0), day(10), day(35), day(40), day(60)))
    assert [found.get(("a", day(when))) for when in (0, 10, 35, 40, 60)] == [False, True, True, None, None]


def test_labels_are_sorted_and_typed() -> None:
    tables = book({"b": 20, "a": 20})
    found = labels(tables, customers(tables, [day(0), day(-30)]), RULE)
    assert found["churned"].dtype == bool
    assert found[["account_id", "as_of"]].equals(found[["account_id", "as_of"]].sort_values(["account_id", "as_of"]))


@pytest.mark.parametrize(
    ("ages", "customer"),
    [
        ([(-1, 5.0), (-365, 5.0)], True),
        ([(-1, 5.0), (-366, 5.0)], False),
        ([(-1, 5.0), (0, 5.0)], False),
        ([(-1, 5.0), (-2, -5.0)], False),
        ([(-1, 5.0), (-2, 0.0)], False),
        ([(-7, 5.0), (-7, 5.0)], True),
    ],
)
def test_customer_by_silence_has_two_positive_invoices_in_the_year_before(
    ages: list[tuple[int, float]], customer: bool
) -> None:
    assert (("a", AS_OF) in label_of(book(invoiced={"a": ages}), SILENCE)) is customer


@pytest.mark.parametrize(
    ("invoices", "churned"),
    [
        ([], True),
        ([(0, 5.0)], True),
        ([(9, 5.0)], True),
        ([(10, 5.0)], False),
        ([(39, 5.0)], False),
        ([(40, 5.0)], True),
        ([(20, -5.0)], True),
        ([(20, 0.0)], True),
        ([(20, -5.0), (21, 5.0)], False),
    ],
)
def test_silence_is_a_window_without_a_positive_invoice(invoices: list[tuple[int, float]], churned: bool) -> None:
    active = [(-100, 5.0), (-10, 5.0)]
    assert label_of(book(invoiced={"a": [*active, *invoices]}), SILENCE)["a", AS_OF] is churned


def test_under_silence_the_horizon_is_the_silence() -> None:
    assert SILENCE.horizon_days == 30
    assert SILENCE.reach_days == 40
    assert ChurnRule(horizon_days=7, silence_days=90).horizon_days == 90


@pytest.mark.parametrize("lengths", [{"horizon_days": 0}, {"lead_days": -1}, {"silence_days": 0}])
def test_lengths_that_make_no_label_are_refused(lengths: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"must be 1 or more.*0 or more"):
        ChurnRule(**lengths)


def test_the_data_end_the_day_after_the_last_invoice() -> None:
    tables = book({"a": 200}, {"a": [(3, 5.0), (7, -5.0), (-9, 5.0)]})
    assert end_of_data(tables, None) == day(8)
    assert end_of_data(tables, day(-3)) == day(-3)


@pytest.mark.parametrize(("churned_on", "invoices"), [(10, []), (39, []), (300, [(39, 5.0)])])
def test_maturity_is_no_matter_of_outcome(churned_on: int, invoices: list[tuple[int, float]]) -> None:
    """Somebody's churn, known already, makes no date mature; the last invoice does."""
    tables = book({"a": churned_on}, {"a": [(38, 5.0), *invoices]})
    mature = AS_OF + timedelta(days=RULE.reach_days) <= end_of_data(tables, None)
    assert mature is bool(invoices)


def test_without_any_invoice_there_is_no_end_of_data() -> None:
    with pytest.raises(InputError, match="invoices: the table is empty"):
        end_of_data(book({"a": 3}), None)


def test_the_rule_must_fit_the_book() -> None:
    with_churns, without = book({"a": 3}), book(invoiced={"a": [(0, 1.0)]})
    check_rule(with_churns, RULE)
    check_rule(without, SILENCE)
    with pytest.raises(InputError, match="--silence-days is for books without a churns table"):
        check_rule(with_churns, SILENCE)
    with pytest.raises(InputError, match="derive churn from silence with --silence-days N"):
        check_rule(without, RULE)


def test_days_to_a_churn_are_counted_from_each_as_of_date_and_known_only_before_the_end() -> None:
    tables = book({"at once": 0, "later": 45, "on the end": 60})
    found = days_to_churn(tables, customers(tables, [day(0), day(40)]), day(60))
    days = dict(zip(zip(found["account_id"], found["as_of"].dt.date, strict=True), found["days"], strict=True))
    assert ("at once", day(40)) not in days, "no customer any more"
    known = {key: value for key, value in days.items() if not pd.isna(value)}
    assert known == {("at once", day(0)): 0, ("later", day(0)): 45, ("later", day(40)): 5}
    assert days.keys() - known.keys() == {(name, day(when)) for name in ("stays", "on the end") for when in (0, 40)}
    assert found["days"].dtype == float


def test_days_to_a_churn_agree_with_the_label() -> None:
    tables = book({str(when): when for when in (0, 9, 10, 39, 40, 200)})
    spine = customers(tables, [AS_OF])
    days = days_to_churn(tables, spine, day(RULE.reach_days)).set_index("account_id")["days"]
    label = labels(tables, spine, RULE).set_index("account_id")["churned"]
    assert (days[label.index].notna() == label).all()
    assert (days[days.index.difference(label.index)] < RULE.lead_days).all()


def test_silence_has_no_day_of_churn() -> None:
    tables = book(invoiced={"a": [(-100, 5.0), (-10, 5.0)]})
    with pytest.raises(InputError, match="no churns table: the days to a churn"):
        days_to_churn(tables, customers(tables, [AS_OF], by_silence=True), day(90))


def test_what_is_invoiced_in_a_window_of_days() -> None:
    amounts = [(-31, 1.0), (-30, 2.0), (-1, 4.0), (0, 8.0), (9, 16.0), (10, 32.0), (10, -5.0), (39, 64.0), (40, 128.0)]
    tables = book({}, {"a": amounts})
    spine = customers(tables, [AS_OF])

    def sums(first_day: int, days: int) -> dict[str, float]:
        found = invoiced(tables, spine, first_day, days)
        return dict(zip(found["account_id"], found["revenue"].tolist(), strict=True))

    assert sums(10, 30) == {"a": 91.0, "stays": 0.0}
    assert sums(-30, 30) == {"a": 6.0, "stays": 0.0}
    assert sums(0, 10) == {"a": 24.0, "stays": 0.0}
