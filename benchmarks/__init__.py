"""The full acceptance runs and the comparisons with named peers: `make bench`; figures in `benchmarks/results/`."""

from __future__ import annotations

import os

# As the command line does, and before anything loads OpenMP or OpenBLAS: their threads spin while they wait.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
