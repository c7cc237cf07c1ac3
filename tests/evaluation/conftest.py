"""A small data set in which the corner of a CT tells the label and the patient."""

import numpy as np
import pandas as pd
import pytest
from sklearn.utils import Bunch

SIZE = 32


def make_data(n_patients=8, per_patient=4, seed=0):
    """Noise with a bright block in the MRI of anomalous samples."""
    rng = np.random.default_rng(seed)
    n = n_patients * per_patient
    X = rng.normal(size=(n, 2, SIZE, SIZE)).astype(np.float32)
    groups = np.repeat([f"p{i}" for i in range(n_patients)], per_patient)
    target = np.where(np.arange(n) % per_patient == 0, -1, 1)
    kind = np.where(target == 1, "normal", np.where(np.arange(n) % 8 == 0, "bleed", "in_farct"))
    masks = np.zeros((n, SIZE, SIZE), bool)
    for i in np.flatnonzero(target == -1):
        y, x = rng.integers(6, 22, size=2)
        masks[i, y : y + 4, x : x + 4] = True
        X[i, 1][masks[i]] += 5
    X[:, 0, 0, 0] = target
    X[:, 0, 0, 1] = np.repeat(np.arange(n_patients), per_patient)
    frame = pd.DataFrame({"kind": kind, "slice": np.arange(n) % per_patient})
    return Bunch(
        data=X, target=target, groups=groups, masks=masks, frame=frame, ct_units=None, DESCR=""
    )


@pytest.fixture
def data():
    return make_data()


@pytest.fixture(scope="module")
def same_data():
    """Equal to `data`, for results that a module's tests share; not to be changed."""
    return make_data()
