"""The lock files: every download is held to its hashes, whatever index it comes from, and none names an index."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from support.locks import pins
from support.served import ROOT

LOCKS = sorted(path.name for path in ROOT.glob("requirements*.lock"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def test_all_of_them_are_looked_at() -> None:
    assert [f"requirements{end}.lock" for end in ("-audit", "-dev", "-serving", "-spark", "")] == LOCKS


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_has_hashes_and_no_index_is_named(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    found = pins(text)
    at_least = 3 if "spark" in name else 30
    assert len(found) == len(re.findall(r"^\S", text, re.MULTILINE)) >= at_least, "a line that is no pin"
    assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for *_, hashes in found for each in hashes)
    assert not [pin for pin in found if not pin[2]]
    assert "://" not in text and "--index" not in text and "--find-links" not in text


def test_setup_demands_them() -> None:
    installs = [line for line in MAKEFILE.splitlines() if "pip install" in line or "pip sync" in line]
    assert len(installs) == 4
    assert all("--require-hashes" in line or ("--no-deps" in line and "--editable ." in line) for line in installs)
    assert "--generate-hashes" in MAKEFILE


def test_spark_is_locked_as_the_extra_asks() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    locked = {
        name: version for name, version, _ in pins((ROOT / "requirements-spark.lock").read_text(encoding="utf-8"))
    }
    asked = [Requirement(each) for each in extras["spark"]]
    assert {each.name for each in asked} == set(locked) - {"setuptools"}, "setuptools builds PySpark"
    assert all(each.specifier.contains(locked[each.name]) for each in asked)


def test_the_tools_of_the_audit_stand_apart() -> None:
    """They would bind the versions of what is used otherwise."""
    tools = {name for name, *_ in pins((ROOT / "requirements-audit.lock").read_text(encoding="utf-8"))}
    assert {"pip-audit", "cyclonedx-bom"} <= tools
    others = {name for name, *_ in pins((ROOT / "requirements-dev.lock").read_text(encoding="utf-8"))}
    assert not {"pip-audit", "cyclonedx-bom"} & others


def tools_in(folder: Path, **answers: str) -> None:
    """Put programs in the place of the tools: each is the shell's lines that it runs."""
    shutil.copy(ROOT / "requirements-audit.lock", folder)
    for name, answer in answers.items():
        place = ".cache/audit/bin" if name in ("cyclonedx_py", "pip_audit") else ".venv/bin"
        path = folder / place / name.replace("_", "-")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{answer}\n")
        path.chmod(0o755)


def audit(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([ROOT / "scripts" / "audit"], cwd=folder, capture_output=True, text=True)


def test_the_audit_says_what_is_missing_without_a_network(tmp_path: Path) -> None:
    tools_in(tmp_path, uv='case "$1" in venv) exit 0 ;; *) exit 1 ;; esac', python="exit 0")
    done = audit(tmp_path)
    assert done.returncode == 1 and "is there a network?" in done.stderr
    tools_in(tmp_path, uv="exit 0", cyclonedx_py="exit 0", pip_audit="echo Traceback >&2; exit 1")
    done = audit(tmp_path)
    assert done.returncode == 1 and "is there a network?" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("package", "code", "said"),
    [
        ({"name": "a", "version": "1", "vulns": []}, 0, "1 packages scanned, 0 with advisories"),
        (
            {"name": "a", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]},
            1,
            "a 1: CVE-1, fixed in 2",
        ),
        ({"name": "a", "skip_reason": "not found"}, 1, "1 packages could not be scanned"),
    ],
)
def test_the_audit_takes_nothing_unscanned_for_clean(
    tmp_path: Path, package: dict[str, object], code: int, said: str
) -> None:
    (tmp_path / "report.json").write_text(json.dumps({"dependencies": [package]}))
    tools_in(tmp_path, uv="exit 0", python=f'exec {sys.executable} "$@"', cyclonedx_py="exit 0")
    tools_in(tmp_path, pip_audit="cp report.json build/advisories.json; exit 1")
    done = audit(tmp_path)
    assert done.returncode == code and said in done.stdout, done.stderr
