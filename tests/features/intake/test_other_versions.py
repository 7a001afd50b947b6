"""A record that one export keeps and another leaves out: the newer counts where something tells it, else it is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.exports import PLAIN, Exports, left_out

HEAD = "invoice_id,account_id,invoiced_on,amount,state,changed\n"
VOID = 'leave_out = [{ reason = "void", when = "state", is_in = ["void"] }]\n'
BOTH = PLAIN.replace('"invoices.csv"', '["a.csv", "b.csv"]')


@pytest.fixture
def exports(tmp_path: Path) -> Exports:
    return Exports(tmp_path)


def mapped(more: str, plain: str = BOTH) -> str:
    return plain.replace('from = "bills"\n', f'from = "bills"\n{more}')


def told(exports: Exports, mapping: str) -> list[str]:
    return [each for each in exports.book(mapping).warnings if "left out by another" in each]


def test_a_record_that_a_later_file_leaves_out_is_told_with_its_sum(exports: Exports) -> None:
    """Three are void in the later file, one was in the earlier one; 4 and 5 are the same in both."""
    kept = "1,A,2025-01-02,10.25,open,\n2,A,2025-01-03,20.50,open,\n3,A,2025-01-04,40,open,\n4,A,2025-01-05,80,paid,\n"
    exports.put("a.csv", HEAD + kept + "5,A,2025-01-06,160,void,\n6,A,2025-01-07,320,void,\n")
    later = kept.replace("open", "void") + "5,A,2025-01-06,160,void,\n6,A,2025-01-07,320,paid,\n"
    exports.put("b.csv", HEAD + later)
    (doubt,) = told(exports, mapped(VOID))
    assert doubt.startswith("invoices.bills: 4 records are kept by one row and left out by another as 'void', and ")
    assert "nothing tells which is newer: they count, 390.75 of amount. Take the newer file only" in doubt
    assert "(4 rows: 1: a.csv row 2 counts, b.csv row 2 does not, " in doubt
    assert doubt.endswith("6: b.csv row 7 counts, a.csv row 7 does not)")
    assert not told(exports, mapped(VOID.replace("] }", "], is_state = false }")))


@pytest.mark.parametrize("before", ["", "2,A,2025-01-02,5,open,\n"])
def test_in_one_file_too_in_whatever_order(exports: Exports, before: str) -> None:
    rows = before + "1,A,2025-01-02,5,void,\n1,A,2025-01-02,5,open,\n"
    exports.put("invoices.csv", HEAD + rows)
    (doubt,) = told(exports, mapped(VOID, PLAIN))
    assert "1 record is kept by one row" in doubt and "it counts, 5.00 of amount" in doubt
    exports.put("invoices.csv", HEAD + rows.replace("1,A,2025-01-02,5,void", "0,A,2025-01-02,5,void"))
    assert not told(exports, mapped(VOID, PLAIN))


@pytest.mark.parametrize("many", ["first", "last"])
@pytest.mark.parametrize(("changed", "void", "left", "doubts"), [
    ("3", "10", [], 0), ("10", "3", [("1", 5.0)], 0), ("7", "7", [("1", 5.0)], 1), ("", "7", [("1", 5.0)], 1),
    ("2025-01-31 09:00", "2025-02-01 08:00", [], 0),
])  # fmt: skip
def test_the_newer_counts_where_order_tells(
    exports: Exports, many: str, changed: str, void: str, left: list[tuple[str, float]], doubts: int
) -> None:
    """An invoice beside it stays; numbers are held against each other as numbers."""
    exports.put("a.csv", HEAD + f"1,A,2025-01-02,5,void,{void}\n")
    exports.put("b.csv", HEAD + f"1,A,2025-01-02,5,open,{changed}\n2,A,2025-01-02,7,open,1\n")
    report = exports.book(mapped(f'many = "{many}"\norder = "changed"\n{VOID}'))
    assert exports.rows("invoices", "invoice_id, amount") == [*left, ("2", 7.0)]
    assert sum("left out by another" in each for each in report.warnings) == doubts
    ended = {} if left else {"a version before one that is left out": 1}
    assert left_out(report, "invoices") == {"void": 1, **ended}


def test_lines_of_documents_do_not_contradict(exports: Exports) -> None:
    """A payment bears the number of its invoice; of lines that stand once the file is asked."""
    exports.put("a.csv", HEAD + "1,A,2025-01-02,5,open,\n1,A,2025-01-02,5,void,\n")
    exports.put("b.csv", HEAD + "1,A,2025-01-02,6,void,\n")
    lines, loud = mapped('many = "sum"\n' + VOID), VOID.replace("] }", "], is_state = true }")
    assert not told(exports, lines)
    (doubt,) = told(exports, mapped('many = "sum"\n' + loud))
    assert "1: a.csv row 2 counts, b.csv row 2 does not" in doubt
    (doubt,) = told(exports, mapped('many = "first"\n' + VOID))
    exports.put("b.csv", HEAD + "1,A,2025-01-02,6,void,\n1,A,2025-01-02,5,open,x\n")
    assert not told(exports, mapped('many = "first"\n' + VOID)), "each file has a line that counts"


def test_an_account_of_another_system_is_found_by_its_pair(exports: Exports) -> None:
    mapping = PLAIN.replace("\n", '\n[book]\nmaster = "ledger"\n', 1).replace(
        '"bills"\n', '"bills"\nsystem = "ledger"\n'
    )
    mapping += '[sources.crm]\nfiles = ["a.csv", "b.csv"]\n[[tables.accounts]]\nfrom = "crm"\nsystem = "crm"\n' + (
        VOID.replace("void", "deleted") + 'columns = { account_id = "id", name = "name" }\n'
    )
    exports.put("invoices.csv", "invoice_id,account_id,invoiced_on,amount\n1,A1,2025-01-02,5\n")
    exports.put("a.csv", "id,name,state\nc7,Nord,\n").put("b.csv", "id,name,state\nc7,Nord,deleted\nc8,Ost,deleted\n")
    exports.put("crosswalk.csv", "system,id,account_id,confirmed\ncrm,c7,A1,yes\n")
    (doubt,) = told(exports, mapping)
    assert doubt.startswith("accounts.crm: 1 record") and "A1: a.csv row 2 counts, b.csv row 2 does not" in doubt


@pytest.mark.parametrize(("many", "total"), [("first", "47.30"), ("one", "47.30"), ("sum", "67.30")])
def test_what_is_left_out_counts_once_a_record(exports: Exports, many: str, total: str) -> None:
    """The total of 1 stands on three lines; 2 has two amounts, and rows without a number are each one of their own."""
    lines = "1,A,2025-01-02,10,void,x\n1,A,2025-01-02,10,void,y\n1,A,2025-01-02,10,void,z\n2,A,2025-01-02,0.30,void,\n"
    more = "2,A,2025-01-02,7,void,\n,A,2025-01-02,15,void,\n,A,2025-01-02,15,void,\n3,A,2025-01-02,1,open,\n"
    exports.put("invoices.csv", HEAD + lines + more)
    (file,) = [each for each in exports.book(mapped(f'many = "{many}"\n{VOID}', PLAIN)).files]
    assert [(left.rows, left.amount) for left in file.left_out] == [(7, total)]
