"""Whose slice is whose, from raw pairs to every fit of a search in two processes.

Each sample carries a mark that preprocessing keeps: its own CT number of the brain. A detector
writes down the marks that each of its fits saw, so what it was told about patients is compared
with the truth.
"""

from __future__ import annotations

import pickle

import joblib
import numpy as np
import pytest
from recorder import Recorder, mean_score, records
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from ctmri_detect import Pairs
from ctmri_detect.model_selection import LeaveOnePatientOut, NormalOnlyGroupKFold
from ctmri_detect.preprocessing import make_preprocessor, open_pairs, transform_to

SIZES = {"zoe": 2, "10": 3, "9": 3, "Ann": 4, "bob": 5, "p-1": 7}
RNG = np.random.default_rng(0)
NAMES = RNG.permutation(np.repeat(list(SIZES), list(SIZES.values())))
N = len(NAMES)
Y = np.where(RNG.random(N) < 0.2, -1, 1)
LEAST, STEP = 14.0, 2.0  # HU of sample 0, and from one sample to the next
SPLITTERS = [NormalOnlyGroupKFold(3), LeaveOnePatientOut(), LeaveOnePatientOut(normal_only=False)]


def raw_pairs():
    """Heads with skull and air; the brain of sample k has 14 + 2k HU."""
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    r = np.hypot(y, x)
    X = np.empty((N, 2, 64, 64), np.float32)
    for k in range(N):
        X[k, 0] = np.select([r < 0.6, r < 0.75], [LEAST + STEP * k, 1000.0], default=-1000.0)
        X[k, 1] = 100 + 30 * x + RNG.normal(size=r.shape)
    return Pairs(X, groups=NAMES, spacing=2.0, ct_units="hu")


def rows_of(marks):
    """The samples that these marks belong to."""
    return np.rint((80 * np.array(marks) - LEAST) / STEP).astype(int)


def in_memory(prepare, raw, folder):
    return prepare.fit_transform(raw)


def pickled(prepare, raw, folder):
    return pickle.loads(pickle.dumps(prepare.fit_transform(raw)))


def dumped(prepare, raw, folder):
    joblib.dump(prepare.fit_transform(raw), folder / "pairs.joblib")
    return joblib.load(folder / "pairs.joblib")


def on_disk(prepare, raw, folder):
    transform_to(prepare, raw, folder / "pairs.npy", batch_size=5, n_jobs=2)
    return pickle.loads(pickle.dumps(open_pairs(folder / "pairs.npy")))


def in_pipeline(prepare, raw, folder):
    return raw


@pytest.mark.parametrize("way", [in_pipeline, in_memory, pickled, dumped, on_disk])
@pytest.mark.parametrize("cv", SPLITTERS, ids=repr)
def test_each_fit_of_a_search_sees_the_patients_of_its_training_side(way, cv, tmp_path):
    seen = tmp_path / "seen"
    seen.mkdir()
    prepare, model = make_preprocessor("hu", size=32), Recorder(str(seen))
    if way is in_pipeline:
        model = make_pipeline(prepare, model)
    X = way(prepare, raw_pairs(), tmp_path)
    name = "recorder__amount" if way is in_pipeline else "amount"
    search = GridSearchCV(
        model, {name: [1.0, 2.0]}, cv=cv, scoring=mean_score, n_jobs=2, error_score="raise"
    )
    search.fit(X, Y)

    sides = [frozenset(train) for train, _ in cv.split(np.zeros((N, 1)), Y, NAMES)]
    # detectors learn from normal samples, whatever the splitter leaves
    sides = [frozenset(row for row in side if Y[row] == 1) for side in sides]
    whole = frozenset(np.flatnonzero(Y == 1))
    fits = []
    for marks, codes in records(seen):
        rows = rows_of(marks)
        assert len(set(rows)) == len(rows)
        told, true = np.array(codes), NAMES[rows]
        assert len(set(zip(told, true, strict=True))) == len(set(told)) == len(set(true))
        fits.append(frozenset(rows))
    # each candidate was fitted on each side, the best one on all
    assert all(fits.count(side) >= 2 * sides.count(side) for side in sides)
    assert whole in fits
    # all other fits are those behind thresholds: a training side without some whole patients
    for rows in set(fits) - {*sides, whole}:
        kept = np.isin(NAMES, list(set(NAMES[list(rows)])))
        assert any(rows == {row for row in side if kept[row]} for side in (*sides, whole))


def test_the_marks_tell_every_sample_after_all_steps():
    prepared = np.asarray(make_preprocessor("hu", size=32).fit_transform(raw_pairs()))
    assert rows_of(np.nanmedian(prepared[:, 0], axis=(1, 2))).tolist() == list(range(N))
