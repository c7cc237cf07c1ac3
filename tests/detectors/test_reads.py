"""How often a fit of the cross-modal detector reads X: as often as docs/architecture.md says."""

from __future__ import annotations

import numpy as np
import pytest
from heads import make_heads

from ctmri_detect import CrossModalDetector, Training

pytest.importorskip("torch")


class CountedReads:
    """An array as on a disk; `n_read` counts the slices that were read."""

    def __init__(self, array):
        self.array, self.n_read = array, 0
        self.shape, self.dtype = array.shape, array.dtype

    def __len__(self):
        return len(self.array)

    def __getitem__(self, rows):
        found = self.array[rows]
        self.n_read += len(found)
        return found


@pytest.mark.parametrize(
    ("evidence", "passes"),
    [(("mismatch", "within"), 14.75), (("mismatch", "symmetry", "within"), 18.75)],
)
def test_a_fit_reads_x_as_often_as_the_docs_say(evidence, passes):
    X = CountedReads(make_heads(160, seed=0))
    brief = Training(max_epochs=1, batch_size=2048)
    detector = CrossModalDetector(
        evidence=evidence, pixels_per_slice=16, training=brief, device="cpu", random_state=0
    )
    detector.fit(X, groups=np.arange(160) // 20)
    assert X.n_read / len(X) == passes
