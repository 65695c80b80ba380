"""Numbers that a change of layout must not move: all measures of three tasks of digits, made before the house was rebuilt.

`python tests/test_reference.py` writes them anew, for a change that is meant to move them; the changelog then says why.
"""

import os
from pathlib import Path

import pandas as pd
import pytest
import torch

from taskdist_nb.data import digits_suite
from taskdist_nb.distances import DISTANCES
from taskdist_nb.matrix import distance_matrix
from taskdist_nb.scores import SCORES
from taskdist_nb.settings import TransferConfig

REFERENCE = Path(__file__).with_name("reference_digits.csv")
CONFIG = TransferConfig.toy(
    images=120,
    walks=2,
    source_epochs=5,
    steps=20,
    checkpoints=5,
    probes=40,
    coupling_iterations=2,
    excess_points=1,
    excess_steps=5,
    fisher_images=40,
    wasserstein_images=40,
    score_images=80,
)


def measured() -> pd.DataFrame:
    "A row a number: measure, source, target, what it is, value."
    suite = digits_suite().subset(["low", "odd", "even"])
    rows = []
    for name in [*DISTANCES, *SCORES]:
        matrix = distance_matrix(suite, name, model="mlp", config=CONFIG, seeds=[0], progress=False)
        for r in matrix.results:
            numbers = dict(value=r.distance, floor=r.noise_floor, accuracy=r.accuracy, excess=r.excess_loss)
            numbers |= {f"length {k}": v for k, v in (r.lengths or {}).items()}
            rows += [(name, r.source, r.target, k, v) for k, v in numbers.items() if v is not None]
    return pd.DataFrame(rows, columns=["measure", "source", "target", "what", "value"])


@pytest.mark.skipif(os.environ.get("TASKDIST_MATRIX") == "oldest", reason="made with the newest releases")
def test_numbers_are_what_they_were():
    torch.set_num_threads(1)
    before = pd.read_csv(REFERENCE).set_index(["measure", "source", "target", "what"]).value
    now = measured().set_index(["measure", "source", "target", "what"]).value
    assert sorted(now.index) == sorted(before.index)
    # Twenty steps of SGD in float32: processors differ in the fifth digit, or in one of 450 test images.
    counts = before.index.get_level_values("what") == "accuracy"
    pd.testing.assert_series_equal(now[before.index][counts], before[counts], rtol=0, atol=2.5 / 450)
    pd.testing.assert_series_equal(now[before.index][~counts], before[~counts], rtol=1e-3, atol=1e-4)


if __name__ == "__main__":
    torch.set_num_threads(1)
    measured().to_csv(REFERENCE, index=False)
