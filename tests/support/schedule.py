"""In which order files run: the dearest first, by recorded seconds, so that all workers end at about the same time.

`pytest --record-seconds` writes the seconds of the files it runs to `seconds.json`, beside this module.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

RECORD = Path(__file__).with_name("seconds.json")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record-seconds", action="store_true", help="record the seconds of each file that runs")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--record-seconds") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Recorder())


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of the dearest file first; a file that is not recorded comes last."""
    seconds = json.loads(RECORD.read_text())
    items.sort(key=lambda item: -seconds.get(_file(item.nodeid), 0))


class Recorder:
    """Adds up what the tests of each file take, set-up included."""

    def __init__(self) -> None:
        self._seconds: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[_file(report.nodeid)] += report.duration

    def pytest_sessionfinish(self) -> None:
        recorded = json.loads(RECORD.read_text()) | {name: round(took, 1) for name, took in self._seconds.items()}
        known = {name: took for name, took in sorted(recorded.items()) if (RECORD.parents[2] / name).exists()}
        RECORD.write_text(json.dumps(known, indent=2) + "\n")


def _file(nodeid: str) -> str:
    return nodeid.partition("::")[0]
