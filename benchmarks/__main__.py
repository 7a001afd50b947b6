"""`python -m benchmarks [NAME ...]`: run all benchmarks, or those named."""

from __future__ import annotations

import sys

from benchmarks.bands_before_after import bands_before_after
from benchmarks.comparing import comparing, comparing_loops
from benchmarks.coverage import coverage
from benchmarks.endpoint import endpoint
from benchmarks.explaining import explaining
from benchmarks.figures import figures
from benchmarks.fit_ratio import fit_ratio
from benchmarks.fuzz import fuzz
from benchmarks.intake import intake
from benchmarks.kinds.curve import curve
from benchmarks.kinds.judged import kinds
from benchmarks.load import load
from benchmarks.million import million
from benchmarks.missing_tables import missing_tables
from benchmarks.online_retail import online_retail
from benchmarks.pages import pages
from benchmarks.portfolio import portfolio
from benchmarks.request_engines import request_engines
from benchmarks.scale import scale
from benchmarks.seller_books import seller_books
from benchmarks.silence_books import silence_books
from benchmarks.sources import sources
from benchmarks.spark_scale import spark_scale
from benchmarks.telco import telco
from benchmarks.train import train
from benchmarks.validate import validate
from benchmarks.worlds import null_worlds, worlds

BENCHMARKS = {
    "online-retail": online_retail,
    "silence-books": silence_books,
    "seller-books": seller_books,
    "bands": bands_before_after,
    "telco": telco,
    "fit-ratio": fit_ratio,
    "endpoint": endpoint,
    "request-engines": request_engines,
    "explaining": explaining,
    "load": load,
    "fuzz": fuzz,
    "worlds": worlds,
    "null": null_worlds,
    "kinds": kinds,
    "curve": curve,
    "missing-tables": missing_tables,
    "validate": validate,
    "train": train,
    "scale": scale,
    "million": million,
    "sources": sources,
    "intake": intake,
    "spark-scale": spark_scale,
    "coverage": coverage,
    "comparing": comparing,
    "comparing-loops": comparing_loops,
    "figures": figures,
    "pages": pages,
    "portfolio": portfolio,
}


def main() -> None:
    """Run what the arguments name, everything without arguments."""
    wanted = sys.argv[1:] or list(BENCHMARKS)
    unknown = [name for name in wanted if name not in BENCHMARKS]
    if unknown:
        raise SystemExit(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    for name in wanted:
        BENCHMARKS[name]()


if __name__ == "__main__":
    main()
