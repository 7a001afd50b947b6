"""A command in a process of its own: what it took, as the operating system counts it, and what it printed.

A limit is the kernel's (`RLIMIT_DATA`): a process may hold no more than so many bytes of heap and private mappings,
whether it has touched them or not, and is refused more. It is the same without and with a control group, needs no
right, and holds more strictly than one of resident memory.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

OURS = Path(__file__).parent.parent
#: Starts the command from a small process: a child's peak counts what its parent held when it was started.
MEASURE = """
import json, resource, subprocess, sys, time
printed = open(sys.argv.pop(1), "w")
start = time.perf_counter()
code = subprocess.call(sys.argv[1:], stdout=printed)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"seconds": time.perf_counter() - start, "processor_seconds": used.ru_utime + used.ru_stime,
    "peak_gib": used.ru_maxrss / 2**20}))
sys.exit(code)
"""
LIMIT = """
import os, resource, sys
limit = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
os.execv(sys.argv[2], sys.argv[2:])
"""


def limited(command: Sequence[str], most_bytes: int) -> list[str]:
    """Return a command whose process, and each that it starts, may hold so many bytes."""
    return [sys.executable, "-c", LIMIT, str(most_bytes), *command]


def measured(
    command: Sequence[str], place: Path = OURS, environment: Mapping[str, str] = os.environ
) -> tuple[dict[str, float], str]:
    """Run a command to its end; return seconds, processor_seconds and peak_gib, and what it printed.

    Parameters
    ----------
    command : sequence of str
    place : Path
        Where it runs, and what Python takes modules from.
    environment : mapping

    Raises
    ------
    subprocess.CalledProcessError
        When it fails.
    """
    variables = {**environment, "PYTHONPATH": str(place)}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)  # A user's second run compiles nothing anew.
    with tempfile.NamedTemporaryFile("r") as out:
        whole = [sys.executable, "-c", MEASURE, out.name, *command]
        done = subprocess.run(whole, cwd=place, env=variables, check=True, stdout=subprocess.PIPE, text=True)
        printed = out.read()
    found: dict[str, float] = json.loads(done.stdout)
    return found, printed


def family(number: int) -> list[int]:
    """Return a process and all that descend from it."""
    children = defaultdict[int, list[int]](list)
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            children[int(path.read_text().rpartition(")")[2].split()[1])].append(int(path.parent.name))
        except OSError:  # It has ended meanwhile.
            continue
    members = [number]
    for each in members:
        members += children[each]
    return members
