"""What the tests of the model card share: manifests of every kind, and what a reader sees of the outputs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from html import unescape
from typing import Any

from features.tables import OPTIONAL_HISTORY
from training.bundle.bundle import Manifest
from training.card.drawing import Drawing

NASTY = "<script>alert('1')</script> | a*b_ \n# **c** [d](e) `f` & <b>"
#: A finding as another module may add it.
HAZARD = {
    "chosen": "single horizon",
    "why": "The discrete-time hazard is not told apart from the single horizon at 180 days, so it stays.",
    "at_180_days": {"roc_auc": {"value": -0.0123, "low": -0.0456, "high": 0.0211}, "accounts": 1234},
    "horizons": [
        {"days": 90, "roc_auc": {"hazard": 0.7001, "gap": {"value": 0.01, "low": -0.02, "high": 0.03}}, "rows": 5},
        {"days": 365, "roc_auc": {"hazard": None, "gap": None}, "rows": 6, "note": "too short"},
    ],
    "ages": [{"days": 30, "pairs": 4}, {"days": 60, "pairs": 3}],
    "judged": {
        "model": {"expected": 12345.6, "rows": 7, "gain": None},
        "mean": {"expected": 2.5, "rows": 7, "gain": 0.1},
    },
    "is_used": False,
}


def changed(manifest: Manifest, **groups: Any) -> Manifest:
    """Return a manifest with some of its values, plain ones, replaced; groups are merged."""
    plain = json.loads(manifest.model_dump_json())
    merged = {
        name: plain[name] | value if isinstance(value, dict) and isinstance(plain[name], dict) else value
        for name, value in groups.items()
    }
    return Manifest.model_validate(plain | merged)


def with_lead(manifest: Manifest, rival: str, value: float, low: float, high: float) -> Manifest:
    """Return a manifest in which the ROC AUC leads of the model are .1, but for one."""
    interval = {"value": 0.1, "low": 0.05, "high": 0.15}
    found = {name: interval if " - " in name else own for name, own in manifest.verdict["intervals"].items()} | {
        f"roc_auc - {rival}": {"value": value, "low": low, "high": high}
    }
    return changed(manifest, verdict={"intervals": found})


def all_null(found: Any) -> Any:
    """Return plain values with null for every fraction."""
    if isinstance(found, dict):
        return {name: all_null(value) for name, value in found.items()}
    return [all_null(one) for one in found] if isinstance(found, list) else None if isinstance(found, float) else found


def sparse(manifest: Manifest) -> Manifest:
    """Return a manifest of a book with invoices alone, of which no figure could be told."""
    return changed(
        manifest,
        missing_tables=["churns", *OPTIONAL_HISTORY],
        recorded_since={"invoices": "2023-01-01"},
        rule={"horizon_days": 90, "silence_days": 90},
        reference={"signals": {}},
        verdict=all_null(manifest.verdict),
        choice=all_null(manifest.choice),
        findings={"reliability": all_null(manifest.findings["reliability"]), "apart": None, "ablation": []},
    )


def nasty(manifest: Manifest) -> Manifest:
    verdict = json.loads(json.dumps(manifest.verdict).replace("logistic regression", "logistic <b>|x*"))
    return changed(
        manifest,
        currency="E|R",
        code_version=NASTY,
        verdict=verdict,
        categories={"account_industry": [NASTY, "software"]},
        gate={"decision": "lost", "why": NASTY},
        findings={"hazard": HAZARD | {"note": NASTY, NASTY: 1}, "warnings": [NASTY]},
    )


MADE: dict[str, Callable[[Manifest], Manifest]] = {
    "as trained": lambda manifest: manifest,
    "sparse": sparse,
    "nasty": nasty,
    "ahead": lambda manifest: with_lead(manifest, "recency alone", 0.2, 0.1, 0.3),
    "behind": lambda manifest: with_lead(manifest, "recency alone", -0.2, -0.3, -0.1),
    "no findings": lambda manifest: manifest.model_copy(update={"findings": {}, "choice": {}, "settings": {}}),
    "no rivals": lambda manifest: manifest.model_copy(
        update={
            "verdict": manifest.verdict | {"metrics": {"model": manifest.verdict["metrics"]["model"]}, "grade": None}
        }
    ),
}


def texts(found: Any) -> Iterator[str]:
    """Yield every text of a record that is to be read; a drawing repeats figures of its table."""
    if isinstance(found, str):
        yield found
    elif isinstance(found, tuple):
        for one in found:
            yield from texts(one)
    elif is_dataclass(found) and not isinstance(found, Drawing):
        for one in fields(found):
            if one.name not in ("key", "tone", "kind"):
                yield from texts(getattr(found, one.name))


def plain(text: str) -> str:
    return " ".join(text.split())


def shown_in_html(document: str) -> str:
    body = re.sub(r"<svg.*?</svg>|<style>.*?</style>", "", document, flags=re.DOTALL)
    return plain(unescape(re.sub(r"<[^>]*>", "\n", body)))


def shown_in_markdown(document: str) -> str:
    return plain(unescape(re.sub(r"\\([\\`*{}\[\]|~#_])", r"\1", document)))


def top(document: str) -> str:
    """Return what stands before the first section."""
    return re.split(r"\n## |<nav", document)[0]
