"""The benchmark of a million goes on with the step that it was broken off in, and says by which code each step ran."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks import million
from benchmarks.million import COMMANDS, _size


def test_what_is_finished_in_a_named_folder_is_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def run(words: tuple[str, ...], environment: dict[str, str]) -> dict[str, Any]:
        name = words[0]
        ran.append(name)
        if name == "score" and ran.count(name) == 1:
            raise KeyboardInterrupt
        if name == "score":
            home = Path(environment["CHURN_RISK_HOME"])
            home.mkdir()
            (home / "scores.db").write_bytes(bytes(2**20))
        return {"processor_seconds": len(ran)}

    monkeypatch.setenv("CHURN_RISK_MILLION_FOLDER", str(tmp_path))
    monkeypatch.setattr(million, "_ran", run)
    monkeypatch.setattr(million, "_served", lambda environment: {"peak_gib": 1.0})
    monkeypatch.setattr(million, "code_version", lambda: f"code {len(ran)}")
    with pytest.raises(KeyboardInterrupt):
        _size(7)
    steps = _size(7)
    assert ran == [*COMMANDS, "score"]
    assert [steps[name]["code_version"] for name in (*COMMANDS, "serve")] == [f"code {n}" for n in (1, 2, 3, 4, 6, 6)]
    assert steps["score"]["store_gib"] == 2**-10 and list(tmp_path.iterdir()) == []
