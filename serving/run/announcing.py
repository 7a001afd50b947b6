"""Says that the service listens as soon as it answers, from BentoML's own process; BentoML's line says so before.

An address goes in. A thread asks for `/livez` until it is answered with 200, then one line is logged.
"""

from __future__ import annotations

import logging
import time
from http import HTTPStatus
from threading import Thread
from urllib.request import ProxyHandler, build_opener

log = logging.getLogger("churn_risk.announcing")
POLL_SECONDS = 0.2
#: A service that has not answered by then says nothing any more; its log says why.
PATIENCE_SECONDS = 600
#: BentoML's logger of the line that names the address before any worker has started.
EARLY = "bentoml.serve"
#: What a client on this machine asks for a service that listens on every address.
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}


def announce(host: str, port: int, more: str) -> Thread:
    """Log `listening on http://HOST:PORT` and `more` once the service answers; return the thread that waits for it."""
    logging.getLogger(EARLY).setLevel(logging.WARNING)
    thread = Thread(target=_wait_and_say, args=(host, port, more), name="announcing", daemon=True)
    thread.start()
    return thread


def address_of(host: str, port: int) -> str:
    """Return the address of a service, an IPv6 host in brackets."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _wait_and_say(host: str, port: int, more: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        if _answers(address_of(ANYWHERE.get(host, host), port)):
            log.info("listening on %s, %s", address_of(host, port), more)
            return


def _answers(address: str) -> bool:
    try:
        with build_opener(ProxyHandler({})).open(f"{address}/livez", timeout=5) as answer:
            return bool(answer.status == HTTPStatus.OK)
    except OSError:
        return False
