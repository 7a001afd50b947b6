"""A seeded book of B2B accounts in the contract's tables, with a hidden health and a known hazard of churn.

In: a `World` (number of accounts, seed, months, null world). Out: the eleven tables and `true_hazards`, as files
(`simulate`) or in memory (`tables_in_memory`). The values are frozen: a test compares their hash, because published
figures were measured on them.
"""

from features.simulation.ground.world import World
from features.simulation.writing import SimulationSummary, simulate, tables_in_memory

__all__ = ["SimulationSummary", "World", "simulate", "tables_in_memory"]
