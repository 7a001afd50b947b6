"""The machine's store is lost while the built Bento serves it: restored from a backup, it answers as before."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx
from support.living import TWO_WORKERS, living, wait_for
from support.served import ROOT, Json
from support.stored import opened, put, scores

from serving.access.keys import KeyStore


def test_a_store_that_is_deleted_and_restored_answers_as_before(bento_home: Path, tmp_path: Path) -> None:
    store = tmp_path / "store" / "scores.db"
    url = f"sqlite:///{store}"
    with opened(url) as filled:
        put(filled, *scores(5))
        token = KeyStore(filled.engine).create(["read"])[1]

    def command(*words: str) -> None:
        environment = {**os.environ, "CHURN_RISK_STORE_URL": url, "CHURN_RISK_HOME": str(tmp_path / "own")}
        subprocess.run([sys.executable, "-m", "serving.cli.main", *words], env=environment, cwd=ROOT, check=True)

    with living(bento_home, tmp_path / "served", TWO_WORKERS | {"CHURN_RISK_STORE_URL": url}) as service:

        def ask(path: str) -> httpx.Response:
            return httpx.get(f"{service.address}{path}", headers={"Authorization": f"Bearer {token}"}, timeout=60)

        def told(path: str) -> Json:
            answer = ask(path)
            assert answer.status_code == 200, answer.text
            return {name: value for name, value in answer.json().items() if name != "request_id"}

        paths = ("/v1/accounts", "/v1/accounts/A1/risk")
        before = [told(path) for path in paths]
        command("store", "backup", str(tmp_path / "backup.db"))
        for file in store.parent.iterdir():
            file.unlink()
        wait_for(lambda: {ask(path).status_code for path in (*paths, "/readyz")} == {503}, "the loss being seen")
        assert not store.exists()
        command("store", "restore", str(tmp_path / "backup.db"))
        wait_for(lambda: [ask("/readyz").status_code for _ in range(20)] == [200] * 20, "both workers being ready")
        for _ in range(10):
            assert [told(path) for path in paths] == before
