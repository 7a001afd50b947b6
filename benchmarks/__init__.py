"""The full acceptance runs and the comparisons with named peers: `make bench`; figures in `benchmarks/results/`."""
