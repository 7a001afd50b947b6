"""A dataset's fingerprint: it changes with whatever is learnt from, and with nothing else."""

from __future__ import annotations

import numpy as np

from training.making.pipeline import Trained
from training.slices.dataset import Dataset, fingerprint


def test_fingerprint_knows_every_signal_label_and_key(trained: Trained) -> None:
    data = trained.data.take(np.arange(50))
    same = Dataset(data.matrix.take(np.arange(50)), data.churned.copy())
    assert fingerprint(same) == fingerprint(data)
    flipped = data.churned.copy()
    flipped[7] = ~flipped[7]
    signals = data.matrix.signals.copy()
    signals.loc[3, "tenure_days"] += 1
    others = [
        Dataset(data.matrix, flipped),
        Dataset(type(data.matrix)(data.matrix.keys, signals, data.matrix.facts), data.churned),
        data.take(np.arange(49)),
    ]
    assert len({fingerprint(other) for other in (data, *others)}) == 4
