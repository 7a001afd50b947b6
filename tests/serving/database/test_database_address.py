"""An address of a database is shown without its password, wherever that stands in it: by commands and in messages."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from support.served import free_port

from serving.database.engine import connect, reading
from serving.errors import StoreUnavailable
from training.database_address import carries_password, shown


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("postgresql://me:geheim@host:5432/db", "postgresql://me:***@host:5432/db"),
        ("postgresql://me@host/db?password=geheim", "postgresql://me@host/db"),
        (
            "postgresql://me:geheim@/db?host=/run&password=geheim&sslpassword=geheim&sslmode=require",
            "postgresql://me:***@/db?host=%2Frun&sslmode=require",
        ),
        ("postgresql://host/db?password=geheim&password=geheim", "postgresql://host/db"),
        ("postgresql://host/db?Password=geheim", "postgresql://host/db"),
        ("mysql://me@host/db?passwd=geheim", "mysql://me@host/db"),
    ],
)
def test_no_password_is_shown(address: str, expected: str) -> None:
    assert carries_password(address)
    assert shown(address) == shown(sa.make_url(address)) == expected


@pytest.mark.parametrize("address", ["sqlite:////a folder/ä.db", "sqlite://", "postgresql://me@host/db?passfile=/p"])
def test_an_address_without_a_password_is_shown_as_it_is(address: str) -> None:
    assert not carries_password(address)
    assert shown(address) == address


def test_a_database_that_is_away_is_named_without_its_password() -> None:
    engine = connect(f"postgresql://me:geheim@127.0.0.1:{free_port()}/db?password=geheim")
    found = r"the database postgresql\+psycopg://me:\*\*\*@127"
    with pytest.raises(StoreUnavailable, match=found) as away, reading(engine):
        pass
    assert "geheim" not in str(away.value)
    engine.dispose()
