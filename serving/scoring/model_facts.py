"""What is said of a model to users: by GET /v1/model, on reports, and beside every stored scoring run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from features.signal import all_signals
from training.bundle.bundle import Bundle

#: What stands before the name of an account's column in the name of its signal.
OF_ACCOUNT = "account_"


def model_facts(bundle: Bundle) -> dict[str, Any]:
    """Return version, what it was trained on and when, the rule of churn, metrics and grade, as plain values."""
    manifest = bundle.manifest
    return {
        "version": bundle.version,
        "trained_at": manifest.trained_at,
        "code_version": manifest.code_version,
        "data_fingerprint": manifest.data_fingerprint,
        "rule": manifest.rule,
        "slices": [day.isoformat() for day in manifest.slices],
        "rows": manifest.rows,
        "recorded_since": {name: day.isoformat() for name, day in manifest.recorded_since.items()},
        "missing_tables": manifest.missing_tables,
        "currency": manifest.currency,
        "economics": manifest.economics,
        "grade": manifest.verdict["grade"],
        "judged_at": manifest.verdict["as_of"],
        "judged_how": manifest.judged_how,
        "metrics": manifest.verdict["metrics"]["model"],
        "intervals": manifest.verdict["intervals"],
        "reference": manifest.reference.model_dump(mode="json"),
    }


def known_values(categories: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return the values that the model knows of each column, such as account.country, where it knows any."""
    return {f"account.{name.removeprefix(OF_ACCOUNT)}": list(levels) for name, levels in categories.items() if levels}


def signal_facts() -> list[dict[str, Any]]:
    """Return the data dictionary: what each signal is called, measured in, needs, and who can act on it."""
    return [
        {
            "name": item.name,
            "code": item.theme,
            "unit": item.unit,
            "label_en": item.en,
            "label_de": item.de,
            "riskier": item.riskier,
            "actionable": item.actionable,
            "needs": list(item.needs),
        }
        for item in all_signals()
    ]
