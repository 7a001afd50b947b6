"""Simulated marketplace sellers, where churn is 120 days of silence: eight rolling origins, beside cheap rivals.

A young market of 20 months: invoices, a survey after each delivery, tickets. Sellers have rates, scores and lives of
their own; half of them fade before they leave. What differs from book to book is how their sales come: at random, or in
bursts, in which a rate holds for some weeks and the next one is drawn anew. The early origins know a few dozen leavers.

    python -m benchmarks seller-books
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.record import record, resumed
from features.console import say
from features.sources import open_source
from features.tables import Tables
from features.validation import validate
from training.judge.origins import against, spread_origins
from training.judge.verdict import MODEL
from training.models.fitting import fit_model
from training.rivals import CHEAP
from training.settings import ChurnRule, TrainingSettings
from training.slices.preparing import prepare
from training.worth.bootstrap import whole
from training.worth.evaluation import auc_figure

BEGIN, DAYS, SELLERS, SILENCE, ORIGINS = np.datetime64("2017-01-01"), 607, 1_500, 120, 8
#: Two books each. The first eight of such books, of other seeds, chose how few leavers teach the experts.
SEEDS = (101, 102)
RIVALS = ("recency alone", "logistic regression", "BG/NBD", "signs only")


@dataclass(frozen=True)
class Bursts:
    """How sales come: for so many days a rate holds, the next is drawn by a gamma law of mean 1."""

    days: int
    shape: float


KINDS = {
    "at random": None,
    "short bursts": Bursts(14, 0.6),
    "bursts": Bursts(21, 0.35),
    "long bursts": Bursts(30, 0.45),
}


def seller_books() -> None:
    """Judge the model and its rivals on every book and record the means over origins, and the worst origin."""
    found: dict[str, Any] = {}
    for name, bursts in KINDS.items():
        for seed in SEEDS:
            found[f"{name}, {seed}"] = resumed(
                "seller_books", f"{name.replace(' ', '-')}-{seed}", partial(judged, bursts, seed)
            )
    summary = {name: _means(book) for name, book in found.items()}
    record("seller_books", {"sellers": SELLERS, "silence_days": SILENCE, "summary": summary, "books": found})


def judged(bursts: Bursts | None, seed: int) -> dict[str, Any]:
    """Return the ROC AUC of the model and its rivals at each of the `origins` of one book."""
    settings = TrainingSettings(rule=ChurnRule(silence_days=SILENCE))
    with tempfile.TemporaryDirectory() as folder:
        data = prepare(sellers(Path(folder), bursts, seed), settings).data
    origins = []
    for origin in spread_origins(data, settings, ORIGINS):
        scores = {MODEL: fit_model(origin.learnt, settings).probability(origin.test.matrix)}
        scores |= {name: score for name, score in against(CHEAP, origin, settings).items() if name in RIVALS}
        aucs = {name: whole(auc_figure(origin.test, score), len(origin.test)) for name, score in scores.items()}
        day, leavers = str(origin.test.dates[0]), origin.learnt.leavers
        say(f"{day}, {leavers} leavers: " + ", ".join(f"{name} {auc:.3f}" for name, auc in aucs.items()))
        origins.append({"as_of": day, "leavers": leavers, "roc_auc": aucs})
    return {"origins": origins}


def _means(book: dict[str, Any]) -> dict[str, Any]:
    origins = book["origins"]
    means = {name: float(np.mean([one["roc_auc"][name] for one in origins])) for name in (MODEL, *RIVALS)}
    worst = {name: min(one["roc_auc"][MODEL] - one["roc_auc"][name] for one in origins) for name in RIVALS}
    return {"mean": means, "least_lead_at_an_origin": worst}


def sellers(folder: Path, bursts: Bursts | None, seed: int) -> Tables:
    """Return a book of sellers, written to a folder."""
    chance = np.random.default_rng(seed)
    accounts, invoices, surveys, tickets = [], [], [], []
    for number, joined in enumerate(np.sort((DAYS * np.sqrt(chance.random(SELLERS))).astype(int))):
        account, liked = f"s{number:04}", float(np.clip(chance.normal(4.1, 0.5), 1.5, 5))
        accounts.append((account, BEGIN + joined, chance.choice(["SP", "RJ", "MG", "PR"], p=[0.6, 0.15, 0.15, 0.1])))
        days, sold = _sales(chance, int(joined), liked, bursts)
        usual = np.exp(chance.normal(4.6, 0.8))
        for day, orders in zip(days[sold > 0].tolist(), sold[sold > 0].tolist(), strict=True):
            amount = float(usual * np.exp(chance.normal(0, 0.5, orders)).sum())
            invoices.append((f"i{number}-{day}", account, BEGIN + day, round(amount, 2)))
            for order in range(orders):
                surveys.append(_survey(chance, f"r{number}-{day}-{order}", account, day, liked))
                if chance.random() < 0.03 * (5.5 - liked):
                    closed = day + 5 + chance.poisson(6)
                    tickets.append((f"t{number}-{day}-{order}", account, day + 5, closed))
    _write(folder, "accounts", accounts, ["account_id", "customer_since", "country"])
    _write(folder, "invoices", invoices, ["invoice_id", "account_id", "invoiced_on", "amount"])
    known = [row for row in surveys if row[3] < DAYS]
    _write(folder, "surveys", known, ["survey_id", "account_id", "kind", "sent_at", "answered_at", "score"])
    opened = [row for row in tickets if row[2] < DAYS]
    _write(folder, "tickets", opened, ["ticket_id", "account_id", "opened_at", "closed_at"])
    return validate(open_source(folder))


def _sales(chance: np.random.Generator, joined: int, liked: float, bursts: Bursts | None) -> tuple[np.ndarray, ...]:
    """Return the days from joining to leaving or the end, and the orders of each; the first has one at least."""
    rate = min(chance.gamma(0.6, 7), 90) / 30.4
    life = chance.exponential(350 * np.exp(0.7 * (liked - 4.1)))
    days = np.arange(joined, max(joined, min(DAYS - 1, int(joined + life))) + 1)
    rates = rate * (1 + 0.8 * days / DAYS) * np.where((days > 320) & (days < 335), 1.5, 1)
    if chance.random() < 0.5:
        rates = rates * np.clip((joined + life - days) / chance.uniform(30, 120), 0.1, 1)
    if bursts is not None:
        factors = chance.gamma(bursts.shape, 1 / bursts.shape, len(days) // bursts.days + 1)
        rates = rates * np.repeat(factors, bursts.days)[: len(days)]
    sold = chance.poisson(rates)
    sold[0] = max(1, sold[0])
    return days, sold


def _survey(chance: np.random.Generator, survey: str, account: str, day: int, liked: float) -> tuple[Any, ...]:
    sent = day + 10 + int(chance.poisson(3))
    answered = sent + int(chance.integers(0, 6))
    score = (float(np.clip(round(chance.normal(liked, 1.2)), 1, 5)) - 1) * 2.5
    heard = chance.random() < 0.9 and answered < DAYS
    return survey, account, "transactional", sent, *((answered, round(score)) if heard else (None, None))


def _write(folder: Path, name: str, rows: list[tuple[Any, ...]], columns: list[str]) -> None:
    table = pd.DataFrame(rows, columns=columns)
    for column in ("sent_at", "answered_at", "opened_at", "closed_at"):
        if column in table:
            day = pd.to_numeric(table[column]).where(lambda days: days < DAYS)
            table[column] = pd.Timestamp(BEGIN) + pd.to_timedelta(day, unit="D")
    if "score" in table:
        table["score"] = table["score"].astype("Int64")
    table.to_parquet(folder / f"{name}.parquet", index=False)
