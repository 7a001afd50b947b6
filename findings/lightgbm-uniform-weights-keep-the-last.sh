#!/usr/bin/env bash
# Packages: lightgbm 4.7.0, numpy.
#
# Who meets it: whoever bins a matrix once and trains on it under several weightings with `Dataset.set_weight`, of which
# one is uniform.
# Expected: after `set_weight(np.ones(n))` or `set_weight(None)` the trees are those of a Dataset without weights.
# Happens: on a constructed Dataset both calls change the attribute in Python only (weights that are all 1 count as
# None, and None is not handed on). `dataset.weight` is None, `get_weight()` and the training still have the weights
# that were set before. `set_init_score(None)` does the same. `set_field("weight", None)` takes them away.
#
# Seen:
#   after set_weight(ones): weight is None, trees as with the weights before
#   after set_weight(None): weight is None, trees as with the weights before
#   after set_field("weight", None): trees as without weights
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'lightgbm==4.7.0'
cat > "$folder/try.py" <<'PY'
import lightgbm
import numpy as np

random = np.random.default_rng(0)
rows = random.normal(size=(500, 4))
outcome = (rows[:, 0] + random.normal(size=500) > 0).astype(int)
heavy = np.where(rows[:, 1] > 0, 9.0, 1.0)


def trained(dataset: lightgbm.Dataset) -> str:
    return lightgbm.train({"verbosity": -1, "num_threads": 1}, dataset, 5).model_to_string()


without, weighted = trained(lightgbm.Dataset(rows, outcome)), trained(lightgbm.Dataset(rows, outcome, weight=heavy))
assert without != weighted
for name, uniform in (("ones", np.ones(500)), ("None", None)):
    dataset = lightgbm.Dataset(rows, outcome).construct()
    dataset.set_weight(heavy)
    assert trained(dataset) == weighted
    dataset.set_weight(uniform)
    assert trained(dataset) == weighted
    print(f"after set_weight({name}): weight is {dataset.weight}, trees as with the weights before")
dataset.set_field("weight", None)
assert trained(dataset) == without
print('after set_field("weight", None): trees as without weights')
PY
"$folder/venv/bin/python" "$folder/try.py"
