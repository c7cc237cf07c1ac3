"""What a threshold promises, and what it says where it can't: patients, references, few slices."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest
from heads import make_heads
from numpy.testing import assert_allclose, assert_array_equal

from ctmri_detect import AtlasDetector, MapScoring, ThresholdDetector
from ctmri_detect.exceptions import LabelsWarning, PatientsUnknownWarning, ThresholdWarning
from ctmri_detect.scoring import conformal_offset

X = make_heads(24, seed=1)
PATIENTS = np.repeat(np.arange(8), 3)


def detector(rate=0.25):
    return AtlasDetector(map_scoring=MapScoring(false_positive_rate=rate))


# patients -----------------------------------------------------------------------------------


def test_a_fit_without_patients_is_warned_of_once_at_the_users_line():
    with pytest.warns(PatientsUnknownWarning, match="fit\\(X, groups=patients\\)") as caught:
        detector().fit(X)
    assert [w.filename for w in caught] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        detector().fit(X, groups=PATIENTS)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_search_without_patients_is_warned_of_once(jobs):
    code = """
import warnings
warnings.simplefilter("always")
import numpy as np
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from ctmri_detect import AtlasDetector, MapScoring
from ctmri_detect.model_selection import NormalOnlyGroupKFold
from ctmri_detect.evaluation import decision_roc_auc_scorer
X = np.random.default_rng(0).normal(size=(48, 2, 16, 16))
y = np.where(np.arange(48) % 4, 1, -1)
model = make_pipeline(AtlasDetector(map_scoring=MapScoring(false_positive_rate=0.25)))
GridSearchCV(
    model, {"atlasdetector__map_scoring__pool_fraction": [0.01, 0.1]},
    scoring=decision_roc_auc_scorer, cv=NormalOnlyGroupKFold(3), error_score="raise", n_jobs=JOBS,
).fit(X, y, groups=np.arange(48) // 4)
"""
    code = code.replace("JOBS", str(jobs))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    workers = 0 if jobs == 1 else jobs  # each may say it once
    assert 1 <= done.stderr.count("PatientsUnknownWarning") <= 1 + workers


# the reference ------------------------------------------------------------------------------

REFERENCE = make_heads(40, seed=3)
OWNERS = np.repeat(np.arange(10), 4)


@pytest.mark.parametrize(
    "copy",
    [lambda x: x, lambda x: x * (1 + 1e-6), lambda x: x * 1.01, lambda x: np.round(x * 255) / 255],
    ids=["itself", "scaled by a millionth", "scaled by a percent", "8 bits"],
)
def test_a_copy_of_a_reference_slice_is_never_compared_with_its_own_patient(copy):
    """Else it would look more normal than the slice itself did when the threshold was set."""
    residual = np.random.default_rng(0).normal(size=REFERENCE.shape).astype(np.float32)
    residual[4:8] += 5  # patient 1 leaves what nobody else does
    residual[np.isnan(REFERENCE)] = np.nan
    scoring = MapScoring(reference="position", symmetry=False, clip=99)
    scoring.fit(residual, REFERENCE, OWNERS)
    copied = copy(REFERENCE).astype(np.float32)
    assert_allclose(scoring.score_samples(residual, copied), scoring.calibration_scores_, rtol=1e-5)


# few slices ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "rate"), [(16, 0.2), (19, 0.05), (38, 0.05), (50, 0.1)])
def test_no_more_healthy_samples_are_flagged_than_promised(n, rate):
    """The expected rate is floor(rate (n + 1)) / (n + 1); a plain quantile flags more."""
    rng, sets = np.random.default_rng(n), 2000
    shares = []
    for _ in range(sets):
        scores = rng.normal(size=n + 1000)
        shares.append((scores[n:] < conformal_offset(scores[:n], rate)).mean())
    expected = np.floor(rate * (n + 1) + 1e-9) / (n + 1)
    assert expected <= rate + 1e-9
    assert np.mean(shares) == pytest.approx(expected, abs=4 * np.std(shares) / np.sqrt(sets))


@pytest.mark.parametrize(("rate", "needed"), [(0.05, 19), (0.01, 99), (0.3, 3)])
def test_too_few_slices_flag_nothing_and_say_how_many_are_needed(rate, needed):
    n = needed - 1
    heads, patients = make_heads(n, seed=5), np.arange(n)
    with pytest.warns(ThresholdWarning, match=f"at least {needed} are needed") as caught:
        few = detector(rate).fit(heads, groups=patients)
    assert len(caught) == 1
    assert few.offset_ == -np.inf
    assert (few.predict(heads * 9) == 1).all()
    assert len(np.unique(few.score_samples(heads))) == n  # it ranks all the same
    heads, patients = make_heads(needed, seed=5), np.arange(needed)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        enough = detector(rate).fit(heads, groups=patients)
        assert np.isfinite(enough.offset_)
        assert few.rescore(false_positive_rate=0).offset_ == -np.inf  # what was asked for


# labels -------------------------------------------------------------------------------------

Y = np.where(np.arange(24) % 6 == 0, -1, 1)


def test_fit_predict_learns_from_what_fit_learns_from():
    model = detector()
    predicted = model.fit_predict(X, Y, groups=PATIENTS)
    again = detector().fit(X, Y, groups=PATIENTS)
    assert model.n_samples_fit_ == again.n_samples_fit_ == (Y == 1).sum()
    assert_array_equal(predicted, again.predict(X))
    assert_array_equal(model.score_samples(X), again.score_samples(X))


@pytest.mark.parametrize(
    ("y", "named"),
    [
        (np.where(Y == -1, 1, 0), r"0, 1"),
        (Y == -1, r"False, True"),
        (np.where(Y == -1, "ill", "well"), r"'ill', 'well'"),
        (np.where(np.arange(24) == 3, np.nan, Y), r"-1.0, 1.0, nan"),
        (np.ma.masked_array(Y, np.arange(24) == 3), r"-1.0, 1.0, nan"),
        (Y.astype(str).astype(object), r"'-1', '1'"),
    ],
    ids=["0/1", "bool", "words", "one NaN", "one masked", "digits as text"],
)
def test_labels_of_another_coding_are_named_when_they_are_ignored(y, named):
    with pytest.warns(LabelsWarning, match=f"y holds {named}.*all samples train"):
        fitted = ThresholdDetector().fit(X, y, groups=PATIENTS)
    assert fitted.n_samples_fit_ == 24


@pytest.mark.parametrize("y", [Y.astype(object), Y.astype(float), Y.astype(np.int8)])
def test_labels_that_are_plus_and_minus_one_are_read_whatever_their_dtype(y):
    assert ThresholdDetector().fit(X, y, groups=PATIENTS).n_samples_fit_ == 20
