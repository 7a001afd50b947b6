"""How much memory DuckDB may take, and what is missing when memory or disk do not do.

In: `CHURN_RISK_MEMORY`, by default half of the machine's memory (of its control group's, where that has less), or 3/8
of the limit of the process. Out: bytes, one line for a user. DuckDB's limit is that of one connection; what Python
holds comes on top.
"""

from __future__ import annotations

import errno
import os
import re
import resource
import tempfile
from collections.abc import Mapping
from pathlib import Path

MEMORY = "CHURN_RISK_MEMORY"
UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "KI": 2**10, "MI": 2**20, "GI": 2**30, "TI": 2**40}
#: Below it DuckDB cannot even hold the pages of one query.
LEAST = 128 * 2**20
#: DuckDB's part of a limit of the process, which counts what an allocator keeps for later: with 4 GiB for DuckDB a
#: process of 4.6 GiB is refused more than 8.
OF_LIMIT = 3 / 8
CGROUP = Path("/sys/fs/cgroup/memory.max")
_FORM = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]I?)?B", re.IGNORECASE)


def memory_limit(environment: Mapping[str, str] = os.environ) -> int:
    """Return the bytes that a connection may take.

    Raises
    ------
    ValueError
        When `CHURN_RISK_MEMORY` is no size, less than 128 MiB, or more than `machine_memory`.

    Examples
    --------
    >>> memory_limit({"CHURN_RISK_MEMORY": "512MiB"}) // 2**20
    512
    """
    said = environment.get(MEMORY, "").strip()
    if not said:
        return max(min([machine_memory() // 2, *(int(OF_LIMIT * limit) for limit in _own_limits())]), LEAST)
    read = _FORM.fullmatch(said)
    if read is None:
        raise ValueError(f"{MEMORY}={said!r}: a size with its unit is expected, such as 4GiB or 800MB")
    size = int(float(read[1]) * UNITS[(read[2] or "").upper()])
    most, whose = _bound()
    if not LEAST <= size <= most:
        raise ValueError(f"{MEMORY}={said!r}: it must lie between 128MiB and what {whose}, {most / 2**30:.1f}GiB")
    return size


def machine_memory() -> int:
    """Return the bytes of memory of the machine, or what its control group or its own limit leaves the process."""
    return _bound()[0]


def _bound() -> tuple[int, str]:
    """Return the bytes that the process may have at most, and whose bound that is."""
    bounds = [(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), "the machine has")]
    group = CGROUP.read_text().strip() if CGROUP.is_file() else ""
    bounds += [(int(group), "the control group has")] if group.isdigit() else []
    return min([*bounds, *((limit, "the limit of the process leaves") for limit in _own_limits())])


def _own_limits() -> list[int]:
    """Return the limits of the process itself, as `ulimit -d` and `ulimit -v` set them."""
    limits = (resource.getrlimit(limit)[0] for limit in (resource.RLIMIT_DATA, resource.RLIMIT_AS))
    return [limit for limit in limits if limit != resource.RLIM_INFINITY]


def told_shortage(error: BaseException) -> str | None:
    """Return one line that says what is missing where an error is a lack of memory or disk, else None.

    DuckDB's errors are known by name, so that nothing is imported to look at an error of anything else.
    """
    first = (str(error).splitlines() or [""])[0]
    kind = type(error).__name__
    disk_is_full = isinstance(error, OSError) and error.errno == errno.ENOSPC
    if disk_is_full or (kind == "IOException" and "No space left" in first) or "max_temp_directory_size" in str(error):
        where = getattr(error, "filename", None) or tempfile.gettempdir()
        return f"the disk is full: make room in {where}, or name a larger place for temporary files by TMPDIR"
    if isinstance(error, MemoryError):  # Python's, NumPy's or LightGBM's, who have what DuckDB leaves them.
        limit, whole = memory_limit(), f"{machine_memory() / 2**30:.1f}GiB in all"
        less = f"{MEMORY}={max(limit * 3 // 4, LEAST) // 2**20}MiB"
        ways = f"free some, leave more of it to Python by {less}," if limit > LEAST else "free some,"
        return f"memory does not do ({whole}): {ways} or learn from fewer rows by CHURN_RISK_MOST_ROWS"
    if kind == "OutOfMemoryException":
        limit, (most, whose) = memory_limit(), _bound()
        more = f"{MEMORY}={min(2 * limit, most) // 2**20}MiB"
        ways = f"allow more by {MEMORY}, such as {more}" if limit < most else f"it is all that {whose}"
        return f"{limit / 2**30:.2f}GiB of memory do not do: {ways}"
    return None
