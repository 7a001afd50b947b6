"""Spark's session: the active one, or one of our own.

In: `CHURN_RISK_SPARK_MASTER`, or Spark's own files (`spark-defaults.conf`), by default `local[*]`. Out: a session whose
clock is UTC. Where a program has a session, as in a notebook, ours is another one on the same cluster, with its own
settings and views. A local Spark takes the memory that is handed over.

What is missing is told in one line: PySpark and Java by an `ImportError`, a cluster by a `ConnectionError`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from features.spark.catalog_address import MASTER

LEAST_JAVA = 17
#: Below it Spark refuses to start (450 MiB) or cannot hold a plan.
LEAST_MEMORY = 640 * 2**20
#: Settings under which the same expression has the same result on every cluster.
MEANING = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
    "spark.sql.legacy.exponentLiteralAsDecimal.enabled": "false",
}
#: Settings of a session of our own: no pages, no bar of progress, no warnings of Spark about itself.
OWN = {"spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false", "spark.log.level": "ERROR"}
PARTITIONS = "spark.sql.shuffle.partitions"
LOCAL = re.compile(r"local(\[.*\])?")
MASTERS = re.compile(r"local(\[.+\])?|yarn|(spark|k8s)://.+")


def spark_session(memory: int, environment: Mapping[str, str] = os.environ) -> Any:
    """Return a `pyspark.sql.SparkSession`.

    Parameters
    ----------
    memory : int
        Bytes that a Spark started here may take. One that runs keeps what it has.

    Raises
    ------
    ImportError
        When PySpark or Java is missing.
    ConnectionError
        When Spark cannot be started, or does not reach its master.
    """
    with _unwarned():
        sessions = _sessions()
        session = (sessions.getActiveSession() or _started(sessions, memory, environment)).newSession()
    for name, value in MEANING.items():
        session.conf.set(name, value)
    context = session.sparkContext
    if LOCAL.fullmatch(context.master) and context.getConf().get(PARTITIONS) is None:
        session.conf.set(PARTITIONS, str(context.defaultParallelism))
    return session


def demand_spark(environment: Mapping[str, str] = os.environ) -> str:
    """Return the release of PySpark; raise ImportError where it or a Java that it can run on is missing."""
    if _sessions().getActiveSession() is None:
        _demand_java(environment)
    return version("pyspark")


@contextmanager
def _unwarned() -> Iterator[None]:
    """Silence what PySpark 4.3 says of pandas 3, through which nothing goes here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def _sessions() -> Any:
    with _unwarned():
        try:
            from pyspark.sql import SparkSession
        except ImportError as error:
            raise ImportError(
                f"Spark needs the library PySpark, which is missing ({error}): pip install 'churn-risk[spark]'"
            ) from error
    return SparkSession


def _started(sessions: Any, memory: int, environment: Mapping[str, str]) -> Any:
    _demand_java(environment)
    master = environment.get(MASTER, "").strip()
    if master and not MASTERS.fullmatch(master):
        raise ConnectionError(f"{MASTER}={master!r}: local[2], spark://HOST:PORT, yarn or k8s://... is expected")
    builder = sessions.builder.appName("churn-risk").config(
        "spark.driver.memory", f"{max(memory, LEAST_MEMORY) // 2**20}m"
    )
    for name, value in OWN.items():
        builder = builder.config(name, value)
    try:
        return (builder.master(master) if master else builder).getOrCreate()
    except Exception as error:  # Py4J, PySpark and the JVM have no common root.
        where = f"{MASTER}={master!r}" if master else "its own settings"
        raise ConnectionError(f"Spark cannot be started by {where}: {first_line(error)}") from error


def _demand_java(environment: Mapping[str, str]) -> None:
    """Raise ImportError unless a Java that Spark can run on is there."""
    home = environment.get("JAVA_HOME", "").strip()
    java = shutil.which(str(Path(home, "bin", "java")) if home else "java", path=environment.get("PATH"))
    get = f"apt-get install openjdk-{LEAST_JAVA}-jre-headless, or name one by JAVA_HOME"
    if java is None:
        raise ImportError(
            f"Spark needs Java {LEAST_JAVA}, and there is none{f' in JAVA_HOME={home}' if home else ''}: {get}"
        )
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    said = re.search(r'version "(?:1\.)?(\d+)', told)
    if said is not None and int(said[1]) < LEAST_JAVA:
        raise ImportError(f"Spark needs Java {LEAST_JAVA} or later, and {java} is Java {said[1]}: {get}")


@contextmanager
def told(what: str) -> Iterator[None]:
    """Raise an error of Spark in one line: what a query says wrongly as a ValueError, all else as a ConnectionError.

    Parameters
    ----------
    what : str
        What is asked of Spark; it begins the line.
    """
    from py4j.protocol import Py4JError
    from pyspark.errors import AnalysisException, PySparkException

    try:
        yield
    except AnalysisException as error:
        raise ValueError(first_line(error)) from error
    except (PySparkException, Py4JError) as error:
        raise ConnectionError(f"{what}: Spark gave up: {first_line(error)}") from error


def first_line(error: BaseException) -> str:
    """Return what an error of Spark says first; of an exception in the JVM its own message."""
    cause = getattr(error, "java_exception", None)
    text = str(cause.toString()) if cause is not None else str(error)
    return next((line.strip() for line in text.splitlines() if line.strip()), type(error).__name__)
