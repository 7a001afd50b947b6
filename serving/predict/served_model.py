"""The model that answers now: taken from a folder, and changed under way when the champion does.

A request reads `ServedModel.predictor` once and keeps what it read to its end, so that an answer is of one version
throughout and a change cuts nobody off. A thread looks at the pointer that `training.bundle.publishing` swings; what it
names is loaded, compared with its checksum and tried on a made-up account before it takes over. What fails that is
refused: the old model goes on, and the same bundle is tried again only after a while.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from threading import Lock

from features.errors import BundleDamaged, ChurnRiskError
from serving import metrics
from serving.loops import Loop
from serving.predict.history import PredictionRequest
from serving.predict.predictor import Predictor
from training.bundle.bundle import Bundle, load_bundle
from training.bundle.kept_versions import kept_bundle
from training.bundle.publishing import Pointer, bundle_in, demand_as_published, holds_a_bundle, read_pointer

WATCH_SECONDS, RETRY_SECONDS = 1.0, 30.0
#: Earlier models that stay loaded, to compare scores with.
FORMER = 3
#: Base and contributions add up to the probability that closely (see the contract).
EXACT = 1e-9
#: One account as a request has it, a customer by every rule of churn: no real one, and long ago.
MADE_UP = {
    "account": {"account_id": "made up", "customer_since": "2018-01-01"},
    "invoices": [
        {"invoice_id": f"made up {month}", "invoiced_on": f"2019-{month:02}-01", "amount": 100.0}
        for month in (2, 5, 8, 11)
    ],
}
MADE_UP_AS_OF = date(2020, 1, 1)
log = logging.getLogger("churn_risk.model")


class ServedModel:
    """The predictor that answers, and the folder it is taken from.

    Parameters
    ----------
    predictor : Predictor
        What answers first.
    root : Path, optional
        The folder to watch; None: the predictor stays.
    pointer : Pointer, optional
        What the predictor was loaded by.
    watch_seconds, retry_seconds : float
        How often to look at the pointer, and how long to leave a refused bundle alone.
    clock : callable
        Seconds that only ever grow.
    """

    def __init__(
        self,
        predictor: Predictor,
        root: Path | None = None,
        pointer: Pointer | None = None,
        watch_seconds: float = WATCH_SECONDS,
        retry_seconds: float = RETRY_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._predictor, self._root = predictor, root
        self._served = None if pointer is None else pointer.names
        self._retry_seconds, self._clock = retry_seconds, clock
        self._refused: tuple[object, float] | None = None
        self._looking = Lock()
        self._former: dict[str, Bundle] = {}
        self._loop = Loop("bundle-watcher", self._watch, watch_seconds, log, "looking for a change of the model failed")
        metrics.serves(predictor.bundle.version)

    @property
    def predictor(self) -> Predictor:
        """What answers now; read it once a request."""
        return self._predictor

    def bundle_of(self, version: str) -> Bundle | None:
        """Return the bundle of the served version, or of an earlier one that the folder keeps; else None."""
        served = self._predictor.bundle
        if served.version == version:
            return served
        if self._root is None:
            return None
        former = self._former.get(version) or kept_bundle(self._root, version)
        if former is not None and version not in self._former:
            self._former = dict([*self._former.items(), (version, former)][-FORMER:])
        return former

    def start(self) -> None:
        """Watch the folder in a thread, until `stop`."""
        if self._root is not None:
            self._loop.start()

    def stop(self) -> None:
        """Stop watching, and wait for a change that is under way."""
        self._loop.stop()

    def look(self) -> bool:
        """Take up what the pointer names now; return whether the model was changed."""
        with self._looking:
            if self._root is None:
                return False
            named: object = None
            try:
                pointer = read_pointer(self._root)
                named = None if pointer is None else pointer.names
                if pointer is None or named == self._served or self._leave_alone(named):
                    return False
                self._take_up(self._root, pointer)
            except Exception as error:  # whatever a bundle may do, the service goes on with the model it has
                self._refuse(named, error)
                return False
            return True

    def _take_up(self, root: Path, pointer: Pointer) -> None:
        before = self._predictor.bundle.version
        predictor = load_published(root, pointer)
        metrics.serves(pointer.version, instead_of=before)
        self._predictor, self._served, self._refused = predictor, pointer.names, None
        log.info("model changed", extra={"model_version": pointer.version, "model_version_before": before})

    def _leave_alone(self, named: object) -> bool:
        return self._refused is not None and self._refused[0] == named and self._clock() < self._refused[1]

    def _refuse(self, named: object, error: Exception) -> None:
        if self._leave_alone(named):
            return
        self._refused = (named, self._clock() + self._retry_seconds)
        metrics.bundle_refused()
        kept, expected = self._predictor.bundle.version, isinstance(error, ChurnRiskError)
        trail = None if expected else error
        log.error("the published bundle is refused: %s", error, extra={"model_version": kept}, exc_info=trail)

    def _watch(self) -> bool:
        self.look()
        return False


def open_model(place: Path, watch_seconds: float = WATCH_SECONDS) -> ServedModel:
    """Return the model of a folder: a bundle itself, or a watched folder with a pointer to one.

    Raises
    ------
    NoModel
        When there is neither.
    BundleDamaged, SignalsDiffer
        When it cannot be served.
    """
    pointer = None if holds_a_bundle(place) else read_pointer(place)
    if pointer is not None:
        return ServedModel(load_published(place, pointer), place, pointer, watch_seconds)
    folder = bundle_in(place)
    return ServedModel(_tried(Predictor(load_bundle(folder)), folder))


def load_published(root: Path, pointer: Pointer) -> Predictor:
    """Return a predictor of what a pointer names, once it has been checked and tried; raises as `open_model`."""
    folder = root / pointer.folder
    demand_as_published(folder, pointer)
    return _tried(Predictor(load_bundle(folder)), folder)


def _tried(predictor: Predictor, folder: Path) -> Predictor:
    """Demand a sound answer for a made-up account: what loads may still fail to predict."""
    body = PredictionRequest.model_validate({"accounts": [MADE_UP]})
    (score,) = predictor.predict(body.accounts, MADE_UP_AS_OF)
    total = score.base_probability + sum(reason.contribution for reason in score.reasons)
    if not (0 <= score.churn_probability <= 1 and math.isclose(total, score.churn_probability, abs_tol=EXACT)):
        raise BundleDamaged(f"{folder}: its prediction for a made-up account does not add up")
    return predictor
