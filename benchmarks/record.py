"""Writes a benchmark's figures as JSON, with the commit and the machine they were measured on."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from features.console import say
from training.settings import FitSettings
from training.tracking import code_version

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("lightgbm", "scikit-learn", "duckdb", "ibis-framework", "bentoml", "mlflow", "numpy", "pandas")


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


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()
