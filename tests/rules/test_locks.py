"""The lock files: every download is held to its hashes, whatever index it comes from, and none names an index."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support.locks import pins
from support.served import ROOT

LOCKS = sorted(path.name for path in ROOT.glob("requirements*.lock"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def test_all_of_them_are_looked_at() -> None:
    assert [f"requirements{end}.lock" for end in ("-audit", "-dev", "-serving", "")] == LOCKS


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_has_hashes_and_no_index_is_named(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    found = pins(text)
    assert len(found) == len(re.findall(r"^\S", text, re.MULTILINE)) > 30, "a line that is no pin"
    assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for *_, hashes in found for each in hashes)
    assert not [pin for pin in found if not pin[2]]
    assert "://" not in text and "--index" not in text and "--find-links" not in text


def test_setup_demands_them() -> None:
    installs = [line for line in MAKEFILE.splitlines() if "pip install" in line or "pip sync" in line]
    assert len(installs) == 3
    assert all("--require-hashes" in line or ("--no-deps" in line and "--editable ." in line) for line in installs)
    assert "--generate-hashes" in MAKEFILE


def test_the_tools_of_the_audit_stand_apart() -> None:
    """They would bind the versions of what is used otherwise."""
    tools = {name for name, *_ in pins((ROOT / "requirements-audit.lock").read_text(encoding="utf-8"))}
    assert {"pip-audit", "cyclonedx-bom"} <= tools
    others = {name for name, *_ in pins((ROOT / "requirements-dev.lock").read_text(encoding="utf-8"))}
    assert not {"pip-audit", "cyclonedx-bom"} & others


def test_the_audit_says_what_is_missing_without_a_network(tmp_path: Path) -> None:
    shutil.copy(ROOT / "requirements-audit.lock", tmp_path)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for tool, answer in (("uv", 'case "$1" in venv) exit 0 ;; *) exit 1 ;; esac'), ("python", "exit 0")):
        path = tmp_path / ".venv" / "bin" / tool
        path.write_text(f"#!/bin/sh\n{answer}\n")
        path.chmod(0o755)
    done = subprocess.run([ROOT / "scripts" / "audit"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and "is there a network?" in done.stderr and "Traceback" not in done.stderr
