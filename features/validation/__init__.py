"""Raw tables are checked against the contract: what is refused, what is warned of, what is only noted.

In: a `Source`. Out: `Tables` (`validate`), or `InvalidTables` with every problem.
"""

from features.validation.checking import validate

__all__ = ["validate"]
