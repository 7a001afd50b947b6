"""A schema of Spark's catalog as SOURCE: the same book, the same problems in the same words."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from support.raw_tables import GOOD, folder_of, problems_of, rows_of
from typer.testing import CliRunner

from features.batch.matrix_file import fingerprint
from features.errors import EngineMissing, UnusableSource
from features.schema import Kind
from features.sources import open_source
from features.spark.catalog_address import read_address
from features.tables import TABLES
from features.validation import validate
from serving.cli.main import build

DAY = date(2022, 1, 1)
BROKEN = {
    "accounts": f"{GOOD['accounts']}a1,Again,01.02.2020\n",
    "invoices": f'{GOOD["invoices"]}i9,a9,2021-01-01,"1.332,33"\ni6,a1,,inf\n',
}
#: What Spark's tables may hold of each kind.
TYPES = {
    Kind.TEXT: "varchar(80)",
    Kind.NUMBER: "decimal(38, 9)",
    Kind.INTEGER: "tinyint",
    Kind.FLAG: "boolean",
    Kind.DATE: "date",
    Kind.INSTANT: "timestamp",
}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of(tmp_path_factory.mktemp("good"), **GOOD)


@pytest.fixture(scope="module")
def schemas(spark: Any, good: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Return the address of the good book with types, and of the broken one as texts."""
    spark.conf.set("spark.sql.session.timeZone", "America/New_York")
    broken = folder_of(tmp_path_factory.mktemp("broken"), **BROKEN)
    for schema, folder in (("good", good), ("broken", broken)):
        spark.sql(f"CREATE SCHEMA {schema}")
        for path in folder.glob("*.csv"):
            names = duckdb.sql(f"SELECT * FROM read_csv('{path}', all_varchar = true)").columns
            kinds = {column.name: TYPES[column.kind] for column in TABLES[path.stem].columns}
            written = [f"CAST({name} AS {kinds[name]})" if schema == "good" else f"{name}" for name in names]
            columns = [f"{each} AS {name.upper()}" for each, name in zip(written, names, strict=True)]
            spark.conf.set("spark.sql.session.timeZone", "UTC")
            spark.read.csv(str(path), header=True).selectExpr(*columns).write.saveAsTable(f"{schema}.{path.stem}")
    spark.conf.set("spark.sql.session.timeZone", "America/New_York")
    spark.sql("CREATE VIEW good.invoicess AS SELECT * FROM good.invoices")
    yield {"good": "spark://spark_catalog.good", "broken": "spark://broken"}
    for schema in ("good", "broken"):
        spark.sql(f"DROP SCHEMA {schema} CASCADE")


def test_it_is_the_book_that_files_are(schemas: dict[str, str], good: Path) -> None:
    source = open_source(schemas["good"])
    assert source.seen == ("invoicess",) and source.copies is not None
    found, expected = validate(source), validate(open_source(good))
    assert found.missing == expected.missing == frozenset()
    assert {name: rows_of(found, name) for name in TABLES} == {name: rows_of(expected, name) for name in TABLES}
    assert fingerprint(found, [DAY], {}) == fingerprint(expected, [DAY], {})
    source.close()
    assert not source.copies.exists()
    alone = open_source(schemas["good"], "a2")
    assert set(alone.frames["invoices"].execute().iloc[:, 1]) == {"a2"}
    alone.close()


def test_its_problems_are_told_in_the_words_of_files(schemas: dict[str, str], tmp_path: Path) -> None:
    found = [str(problem) for problem in problems_of(schemas["broken"])]
    assert len(found) == 6 and found == [str(problem) for problem in problems_of(folder_of(tmp_path, **BROKEN))]


def test_a_column_of_no_single_value_is_refused(spark: Any, schemas: dict[str, str]) -> None:
    spark.sql("CREATE TABLE broken.loops AS SELECT 'l1' AS loop_id, array('a1') AS account_id")
    (found,) = [str(each) for each in problems_of(schemas["broken"]) if each.table == "loops" and each.column]
    assert found.startswith("loops.account_id: of type array<string>, which is no text, number")


def test_a_schema_that_is_not_there(schemas: dict[str, str]) -> None:
    with pytest.raises(UnusableSource, match=r"^spark://nowhere: there is no schema 'nowhere'; those there: broken, "):
        open_source("spark://nowhere")
    with pytest.raises(UnusableSource, match=r"^spark://no_catalog\.good: "):
        open_source("spark://no_catalog.good")


@pytest.mark.parametrize("text", ["spark://", "spark://host:7077", "spark://a..b", "spark://a?schema=b", "spark://a/b"])
def test_an_address_that_is_none(text: str) -> None:
    with pytest.raises(UnusableSource, match=r"CATALOG\.SCHEMA"):
        open_source(text)


def test_an_address_names_a_schema_and_perhaps_its_catalog() -> None:
    assert read_address("spark://crm").quoted == "`crm`"
    assert read_address("spark://lake.crm%60x?book=b.toml").quoted == "`lake`.`crm``x`"


def test_without_the_library_one_line_says_how_to_get_it(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", None)
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(EngineMissing, match=r"PySpark, which is missing .*: pip install 'churn-risk\[spark\]'$"):
        open_source("spark://crm")
    asked = ["features", str(good), "--as-of", "2022-01-01", "--out", str(tmp_path / "m.parquet"), "--engine", "spark"]
    result = CliRunner().invoke(build(), asked)
    assert isinstance(result.exception, EngineMissing) and list(tmp_path.iterdir()) == []
