"""The built Bento keeps its limits of connections, and believes no X-Forwarded-For of anybody on this machine."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest
from support.living import PATIENCE, Living, living, wait_for

CONNECTIONS = 20
#: As `serving.access.rates.FAILURES` has them.
FAILURES = 20
SETTINGS = {
    "CHURN_RISK_CONNECTIONS": str(CONNECTIONS),
    "CHURN_RISK_HEADER_SECONDS": "1",
    "CHURN_RISK_UNREAD_SECONDS": "1",
}


@pytest.fixture(scope="module")
def service(bento_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    with living(bento_home, tmp_path_factory.mktemp("connections") / "served", SETTINGS) as started:
        yield started


def opened(service: Living, sent: bytes = b"") -> socket.socket:
    made = socket.create_connection(("127.0.0.1", service.port), PATIENCE)
    made.sendall(sent)
    return made


@pytest.mark.parametrize("sent", [b"", b"POST /v1/predictions HTTP/1.1\r\nHost: a\r\n"], ids=["nothing", "half"])
def test_a_half_open_request_is_closed(service: Living, sent: bytes) -> None:
    with opened(service, sent) as connection, suppress(ConnectionResetError):
        assert connection.recv(1) == b""
    assert httpx.get(f"{service.address}/livez", timeout=PATIENCE).status_code == 200


def test_half_open_requests_do_not_shut_others_out_for_long(service: Living) -> None:
    """More than the service takes are opened; for a moment it is full, and then it answers again by itself."""
    with ExitStack() as stack:
        for _ in range(3 * CONNECTIONS):
            stack.enter_context(opened(service))
        wait_for(lambda: answered(service), "an answer beside half-open requests")


def answered(service: Living) -> bool:
    try:
        return httpx.get(f"{service.address}/livez", timeout=PATIENCE).status_code == 200
    except httpx.TransportError:
        return False


def test_nobody_chooses_the_address_that_failures_are_counted_under(service: Living) -> None:
    """Not even a caller on this machine, whom uvicorn would believe by default."""
    statuses = [
        httpx.get(
            f"{service.address}/v1/reports/forged",
            headers={"X-Forwarded-For": f"198.51.100.{number}"},
            timeout=PATIENCE,
        ).status_code
        for number in range(FAILURES + 2)
    ]
    assert statuses == [403] * FAILURES + [429] * 2
