"""The portfolio's page of 10,000 accounts beside that of 100: what a request costs, by turns in this process.

The accounts are copies of a scored book's, with their evidence, in a run and the run before it. A third store scores by
a model whose churn is silence, so that the order looks into the evidence of accounts at risk. The p95 of the large book
may be `MOST` times that of the small one.

    python -m benchmarks portfolio
    CHURN_RISK_PAGES_HOME=.churn-risk/demo python -m benchmarks portfolio     # copies what a home holds already
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import httpx
import numpy as np

from benchmarks.pages import scored_store
from benchmarks.record import record
from features.console import say
from serving.access.gate import Gate
from serving.api.app import create_app
from serving.api.edge.runtime import Runtime
from serving.predict.batching import Batcher
from serving.scoring.scores import Score
from serving.settings import ServiceSettings
from serving.store import ScoreStore

SMALL, LARGE, MOST = 100, 10_000, 3.0
ROUNDS = 12
#: What account managers ask for.
ASKED = ("", "&band=at_risk", "&threat=yes&sort=revenue_at_risk", "&q=gmbh", "&sort=change&page=2")
SILENCE_DAYS, GONE_SHARE = 180, 0.05
Copied = tuple[Score, dict[str, Any]]


def portfolio() -> None:
    """Copy a scored book into stores of both sizes, ask for their portfolios by turns, record both and their ratio."""
    home = os.environ.get("CHURN_RISK_PAGES_HOME")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        source = ScoreStore(f"sqlite:///{Path(home) / 'scores.db'}") if home else scored_store(folder)
        accounts, model = _accounts(source)
        source.close()
        sites = {
            "small": (folder / "small.db", SMALL, False),
            "large": (folder / "large.db", LARGE, False),
            "large_by_silence": (folder / "silence.db", LARGE, True),
        }
        for path, count, by_silence in sites.values():
            say(f"portfolio: storing {count:,} accounts")
            _fill(path, accounts, model, count, by_silence)
        times = asyncio.run(_times({name: path for name, (path, _, _) in sites.items()}))
    p95 = {name: float(np.quantile(each, 0.95)) for name, each in times.items()}
    summary = {
        "accounts": {name: count for name, (_, count, _) in sites.items()},
        "requests": {name: len(each) for name, each in times.items()},
        "median_processor_seconds": {name: float(np.median(each)) for name, each in times.items()},
        "p95_processor_seconds": p95,
        "ratio": p95["large"] / p95["small"],
        "ratio_by_silence": p95["large_by_silence"] / p95["small"],
        "allowed": MOST,
    }
    record("portfolio", {"summary": summary})


def _accounts(store: ScoreStore) -> tuple[list[Copied], dict[str, Any]]:
    """Return the accounts of a store's newest run with their evidence, and the facts of the model."""
    ids = [row.account_id for row in store.page(None, None, None, LARGE, None, "en").rows]
    stored = [store.latest(account_id) for account_id in ids]
    return [(each.score, dict(each.evidence)) for each in stored], dict(stored[0].model)


def _fill(path: Path, accounts: list[Copied], model: dict[str, Any], count: int, by_silence: bool) -> None:
    """Store so many copies in a run and in the run before it, of which a portfolio needs no evidence."""
    copies = [_copy(accounts, number, by_silence) for number in range(count)]
    rule = model["rule"] | ({"silence_days": SILENCE_DAYS} if by_silence else {})
    first, store = copies[0][0], ScoreStore(f"sqlite:///{path}")
    for days in (90, 0):
        as_of, at = first.as_of - timedelta(days=days), first.scored_at - timedelta(days=days)
        scores = [replace(score, as_of=as_of, scored_at=at) for score, _ in copies]
        evidence = {score.account_id: found for score, found in copies} if days == 0 else {}
        store.write(scores, evidence, model | {"rule": rule}, as_of, at)
    store.close()


def _copy(accounts: list[Copied], number: int, by_silence: bool) -> Copied:
    score, evidence = accounts[number % len(accounts)]
    account_id = f"{score.account_id}-{number:05}"
    found = evidence | {"account": evidence["account"] | {"account_id": account_id}}
    if by_silence and number % round(1 / GONE_SHARE) == 0:
        found["lapsed"] = {"days": SILENCE_DAYS + 30, "silence_days": SILENCE_DAYS, "contracts": True}
    return replace(score, account_id=account_id), found


async def _times(paths: dict[str, Path]) -> dict[str, list[float]]:
    """Return what each request cost, in processor seconds, after one of each kind that is not counted."""
    times: dict[str, list[float]] = {name: [] for name in paths}
    with _clients(paths) as clients:
        for number in range(ROUNDS + 1):
            for query in ASKED:
                for name, client in clients.items():
                    begun = time.process_time()
                    answer = await client.get(f"/?lang=de{query}")
                    seconds = time.process_time() - begun
                    answer.raise_for_status()
                    if number:
                        times[name].append(seconds)
    return times


@contextmanager
def _clients(paths: dict[str, Path]) -> Iterator[dict[str, httpx.AsyncClient]]:
    """Yield a client of the app over each store; the pages need no model."""
    settings, stores, clients = ServiceSettings(rate_limit="1000000/minute", audit=False), [], {}
    for name, path in paths.items():
        store, app = ScoreStore(f"sqlite:///{path}"), create_app()
        app.state.runtime = Runtime(
            cast(Any, None), store, settings, Gate(store.engine, settings), Batcher(settings.waiting)
        )
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
        clients[name] = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")
        stores.append((app, store))
    try:
        yield clients
    finally:
        for app, store in stores:
            app.state.runtime.access.close()
            store.close()
