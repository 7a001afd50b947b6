"""Amounts of which a part is in cents, and accounts under contract that nobody invoices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.small_books import MONTHS, billed, small_book

NAMES = [f"b{place:02d}" for place in range(30)]
ACCOUNTS = [f"{name},2023-01-01" for name in NAMES]


def amounts(folder: Path, amount: Callable[[int, int], float], names: list[str] = NAMES) -> tuple[str, ...]:
    """Return the warnings of a book of accounts with an invoice a month, its amount by account and month."""
    rows = [
        row
        for place, name in enumerate(names)
        for month, day in enumerate(MONTHS)
        for row in billed(name, [day], amount(place, month))
    ]
    return small_book(folder, accounts=ACCOUNTS, invoices=rows).warnings


def usual(place: int, month: int) -> float:
    """Return what an account is billed: its own price, up to a half more in some months."""
    return (50 + 3 * place) * (1 + 0.1 * (month % 6))


def test_a_part_in_cents_is_told_with_an_example(tmp_path: Path) -> None:
    (warning,) = amounts(tmp_path, lambda place, month: usual(place, month) * (100 if month >= 24 else 1))
    assert warning == (
        "invoices.amount: amounts of 30 accounts lie in two heaps, one about 100 times the other and nothing between, "
        "as about 62 and 6,191 of b00: are 360 of them in cents?"
    )


@pytest.mark.parametrize(
    "amount",
    [
        pytest.param(usual, id="as usual"),
        pytest.param(
            lambda place, month: usual(place, month) * (100 if place % 2 else 1), id="small and large accounts"
        ),
        pytest.param(lambda place, month: usual(place, month) * 10 ** (month % 5 / 2), id="amounts of every size"),
        pytest.param(lambda place, month: usual(place, month) * (12 if month % 12 == 0 else 1), id="a yearly fee"),
        pytest.param(lambda place, month: usual(place, month) * (300 if month == 0 else 1), id="a large first order"),
        pytest.param(lambda place, month: usual(place, month) * (100 if place < 8 and month else 1), id="few accounts"),
    ],
)
def test_amounts_of_other_shapes_are_no_cents(tmp_path: Path, amount: Callable[[int, int], float]) -> None:
    assert amounts(tmp_path, amount) == ()


def contract(name: str, since: str = "2023-01-01", until: str = "2026-12-31", value: float = 1200) -> str:
    return f"k-{name},{name},{since},{until},{value}"


@pytest.mark.parametrize(
    ("invoiced", "contracts", "told"),
    [
        (20, [contract(name) for name in NAMES], "10 of 30 accounts that have been under contract"),
        (21, [contract(name) for name in NAMES], None),
        (
            20,
            [contract(name, since="2025-01-01") for name in NAMES[:25]]
            + [contract(name, until="2024-12-31") for name in NAMES[25:]],
            None,
        ),
        (20, [contract(name) for name in NAMES[20:]], None),
    ],
)
def test_accounts_long_under_contract_without_any_invoice(
    tmp_path: Path, invoiced: int, contracts: list[str], told: str | None
) -> None:
    rows = [row for name in NAMES[:invoiced] for row in billed(name, MONTHS)]
    warnings = small_book(tmp_path, accounts=ACCOUNTS, invoices=rows, contracts=contracts).warnings
    found = [warning for warning in warnings if warning.startswith("invoices.account_id")]
    assert [str(told) in warning and "the first being b20" in warning for warning in found] == [True] * (
        told is not None
    )
