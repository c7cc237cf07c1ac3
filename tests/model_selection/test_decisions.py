"""Decisions across folds: what fitting each fold by hand gives."""

from __future__ import annotations

import numpy as np
import pytest
from heads import make_heads, plant
from numpy.testing import assert_array_equal
from sklearn.model_selection import GroupKFold, ShuffleSplit
from sklearn.pipeline import make_pipeline

from ctmri_detect import AtlasDetector, MapScoring, Pairs
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.metrics import decision_roc_auc_score
from ctmri_detect.model_selection import (
    LeaveOnePatientOut,
    NormalOnlyGroupKFold,
    cross_val_decisions,
)
from ctmri_detect.preprocessing import Resize

N = 48
RNG = np.random.default_rng(0)
PATIENTS = RNG.permutation(np.arange(N) // 4)
Y = np.where(RNG.random(N) < 0.25, -1, 1)
X = make_heads(N, seed=7)
for i in np.flatnonzero(Y == -1):
    X[i] = plant(X[i], 1, amount=0.8, at=(16, 9))[0]
MODEL = AtlasDetector(map_scoring=MapScoring(false_positive_rate=0.2))


@pytest.mark.parametrize("cv", [3, NormalOnlyGroupKFold(4), LeaveOnePatientOut(), GroupKFold(3)])
@pytest.mark.parametrize("piped", [False, True])
@pytest.mark.filterwarnings("error::ctmri_detect.exceptions.PatientsUnknownWarning")
def test_each_sample_is_judged_by_a_model_that_did_not_see_its_patient(cv, piped):
    model = make_pipeline(Resize(32), MODEL) if piped else MODEL
    found = cross_val_decisions(model, Pairs(X, groups=PATIENTS), Y, cv=cv)
    splitter = NormalOnlyGroupKFold(3) if cv == 3 else cv
    for train, test in splitter.split(X, Y, PATIENTS):
        train = train[Y[train] == 1]
        by_hand = AtlasDetector(**MODEL.get_params(deep=False))
        by_hand.fit(X[train], groups=PATIENTS[train])
        assert_array_equal(found[test], by_hand.decision_function(X[test]))
    assert decision_roc_auc_score(Y, found) > 0.9


def test_processes_and_named_patients_change_nothing():
    plain = cross_val_decisions(MODEL, Pairs(X, groups=PATIENTS), Y, cv=3)
    assert_array_equal(cross_val_decisions(MODEL, X, Y, groups=PATIENTS, cv=3, n_jobs=2), plain)


def test_what_gives_no_decisions_is_refused():
    pairs = Pairs(X, groups=PATIENTS)
    with pytest.raises(InvalidPairsError, match="groups is None"):
        cross_val_decisions(MODEL, X, Y, cv=3)
    with pytest.raises(InvalidPairsError, match="expected each once"):
        cross_val_decisions(MODEL, pairs, Y, cv=ShuffleSplit(3, random_state=0))
    strict = AtlasDetector(map_scoring=MapScoring(false_positive_rate=0.001))
    with pytest.raises(InvalidPairsError, match=r"larger false_positive_rate"):
        cross_val_decisions(strict, pairs, Y, cv=3)
    with pytest.raises(InvalidPairsError, match=r"expected \+1"):
        cross_val_decisions(MODEL, pairs, (Y == -1).astype(int))
    with pytest.raises(InvalidPairsError, match="disagree about the patients"):
        cross_val_decisions(MODEL, pairs, Y, groups=np.arange(N))
