"""Writes a benchmark's figures as JSON, with the commit and the machine they were measured on."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from features.console import say, written_at_once
from training.registry.tracking import code_version
from training.settings import FitSettings

RESULTS = Path(__file__).parent / "results"
#: Pieces of runs that may be broken off; not committed.
PIECES = RESULTS / ".pieces"
PACKAGES = (
    "lightgbm",
    "scikit-learn",
    "duckdb",
    "ibis-framework",
    "bentoml",
    "mlflow",
    "numpy",
    "pandas",
    "weasyprint",
)


def record(name: str, figures: dict[str, Any]) -> None:
    """Write `benchmarks/results/<name>.json`."""
    RESULTS.mkdir(exist_ok=True)
    body = {
        "name": name,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "code_version": code_version(),
        "machine": {
            "cpu": _cpu(),
            "cores": os.cpu_count(),
            "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
            "python": platform.python_version(),
            "packages": {package: version(package) for package in PACKAGES},
        },
        "fit_settings": asdict(FitSettings()),
        "figures": figures,
    }
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(body, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    say(f"{name}: {json.dumps(figures.get('summary', figures), allow_nan=False)}\n  written to {path.name}")


def resumed(name: str, key: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return a piece of a benchmark, made now or kept from an earlier run of the same committed code.

    Pieces of code that was changed since its commit are made anew.
    """
    version = code_version()
    path = PIECES / f"{name}-{key}-{version.replace('+', '-')}.json"
    if path.is_file() and not version.endswith("-dirty"):
        say(f"{name} {key}: kept from an earlier run")
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return kept
    made = make()
    PIECES.mkdir(parents=True, exist_ok=True)
    with written_at_once(path) as scratch:
        scratch.write_text(json.dumps(made, allow_nan=False), encoding="utf-8")
    return made


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()
