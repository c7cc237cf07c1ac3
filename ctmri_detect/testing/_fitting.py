"""Checks of what a fit learns and what it leaves unchanged."""

from __future__ import annotations

import importlib.util
import pickle
import tempfile
from functools import partial
from typing import Any
from unittest import SkipTest

import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from ctmri_detect import persistence
from ctmri_detect.base import BasePairedDetector
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.pairs import Pairs
from ctmri_detect.scoring import MapScoring
from ctmri_detect.testing._generators import demand_untouched, global_states
from ctmri_detect.testing._laws import (
    demand,
    demand_close,
    demand_equal,
    demand_error,
    demand_same_copy,
)
from ctmri_detect.testing._samples import PATIENTS, fit, fitted, test, train
from ctmri_detect.testing.heads import make_heads


class Interrupted:
    """Pairs whose reading is interrupted once, after some blocks, as by Ctrl-C."""

    def __init__(self, array: npt.NDArray[np.float32], reads: int) -> None:
        self.array, self.reads = array, reads
        self.shape, self.dtype = array.shape, array.dtype

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, key: Any) -> Any:
        self.reads -= 1
        if self.reads == -1:
            raise KeyboardInterrupt
        return self.array[key]


def check_failed_fit(estimator: BasePairedDetector) -> None:
    """A fit that is interrupted leaves the detector as it was, fitted or not."""
    whole = Interrupted(train(), 10**6)
    detector = fit(estimator, whole, PATIENTS)
    reads = 10**6 - whole.reads
    before, scores = dict(vars(detector)), detector.score_samples(test())
    law = "A fit does not hide KeyboardInterrupt (Ctrl-C)."
    fresh = clone(estimator)
    for target, last in ((detector, 1), (detector, reads // 2), (detector, reads - 1), (fresh, 2)):
        interrupted = partial(target.fit, Interrupted(train(), last), groups=PATIENTS)
        demand_error(interrupted, KeyboardInterrupt, law)
    after = vars(detector)
    changed = [name for name in before | after if before.get(name) is not after.get(name)]
    demand(
        not changed,
        f"A fit that is interrupted leaves the detector as it was. Changed: {', '.join(changed)}.",
    )
    law = "A fit that is interrupted leaves the scores as they were."
    demand_equal(detector.score_samples(test()), scores, law)
    law = "A detector whose first fit was interrupted is not fitted."
    demand_error(lambda: fresh.predict(test()), NotFittedError, law)


def check_second_fit(estimator: BasePairedDetector) -> None:
    """A second fit equals a first one: nothing of the earlier fit is left."""
    used = fit(estimator, make_heads(10, seed=5), PATIENTS[:10]).fit(train(), groups=PATIENTS)
    law = "A second fit on other pairs equals the fit of a fresh detector."
    demand_close(used.anomaly_map(test()), fitted(estimator).anomaly_map(test()), law)


def check_parameters_kept(estimator: BasePairedDetector) -> None:
    """`fit` and the scoring leave the parameters as the user gave them."""
    given, detector = MapScoring(symmetry=False), clone(estimator)
    has = "map_scoring" in detector.get_params(deep=False)
    if has:
        detector.set_params(map_scoring=given)
    before = detector.get_params(deep=False)
    detector.fit(train()[:12], groups=PATIENTS[:12])
    after = detector.get_params(deep=False)
    changed = [name for name in before if before[name] is not after[name]]
    demand(not changed, f"fit does not set parameters. Changed: {', '.join(changed)}.")
    demand(
        not hasattr(given, "offset_"),
        "The MapScoring that a user gives is cloned, not fitted: fitted parts end in '_'.",
    )
    demand(
        not has or detector.map_scoring_.symmetry is False,
        "map_scoring_ is a fitted clone of map_scoring; its symmetry is not the False that was "
        "given.",
    )


def check_global_generators(estimator: BasePairedDetector) -> None:
    """The global generators of numpy, Python and torch are left as they were."""
    before = global_states()
    fit(estimator).score_samples(test())
    demand_untouched(before, "fit and score")


def check_pickle(estimator: BasePairedDetector) -> None:
    """Pickle gives equal maps and scores."""
    _same(pickle.loads(pickle.dumps(fitted(estimator))), estimator, "pickled")


def check_save(estimator: BasePairedDetector) -> None:
    """`persistence.save` and `load` give equal maps and scores."""
    if not importlib.util.find_spec("skops"):
        raise SkipTest('persistence.save needs: pip install "ctmri_detect[save]"')
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/model.ctmri"
        persistence.save(fitted(estimator), path)
        loaded = persistence.load(path, trusted=[type(estimator)])
    _same(loaded, estimator, "saved")


def _same(copy: BasePairedDetector, estimator: BasePairedDetector, how: str) -> None:
    detector = fitted(estimator)
    for verb in ("anomaly_map", "score_samples", "decision_function"):
        law = f"{verb} of a detector that was {how} and loaded is the same."
        demand_same_copy(getattr(copy, verb)(test()), getattr(detector, verb)(test()), law)


def check_labels(estimator: BasePairedDetector) -> None:
    """Samples labelled -1 do not train, and change nothing."""
    y = np.where(np.arange(24) < 20, 1, -1)
    wild = train().copy()
    wild[20:] += np.float32(50)
    kept = clone(estimator).fit(wild, y, groups=PATIENTS)
    only = fit(estimator, wild[:20], PATIENTS[:20])
    demand(
        kept.n_samples_fit_ == 20,
        f"Samples labelled -1 do not train. n_samples_fit_ is {kept.n_samples_fit_}; expected 20.",
    )
    law = "Samples labelled -1 do not change what is learned from the others."
    demand_close(kept.score_samples(test()), only.score_samples(test()), law)


def check_patients(estimator: BasePairedDetector) -> None:
    """Patients count as said: in `groups` or by `Pairs`, under any names."""
    pairs, other = Pairs(train(), groups=PATIENTS), np.repeat(np.arange(6), 4)
    law = "Patients that Pairs know count as patients given by groups do."
    expected = fitted(estimator).decision_function(test())
    demand_close(fit(estimator, pairs).decision_function(test()), expected, law)
    law = "Patients of Pairs and of groups that divide the rows in different ways are refused."
    demand_error(lambda: fit(estimator, pairs, other), InvalidPairsError, law)
