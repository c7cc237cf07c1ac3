"""Checks of what a detector takes and refuses."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from ctmri_detect.base import BasePairedDetector
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.localization import anomaly_map
from ctmri_detect.pairs import Pairs
from ctmri_detect.preprocessing import MRIScaler
from ctmri_detect.testing._laws import demand, demand_close, demand_equal, demand_error
from ctmri_detect.testing._samples import PATIENTS, fit, fitted, test, train
from ctmri_detect.testing.heads import make_heads

VERBS = (
    "residual_map",
    "z_maps",
    "anomaly_map",
    "score_samples",
    "decision_function",
    "predict",
    "p_values",
    "detect",
    "explain",
)


def check_unfitted(estimator: BasePairedDetector) -> None:
    """Each verb of an unfitted detector raises NotFittedError."""
    for verb in VERBS:
        ask = getattr(clone(estimator), verb)
        law = f"{verb} of an unfitted detector raises NotFittedError."
        demand_error(partial(ask, test()), NotFittedError, law)


def check_wrong_input(estimator: BasePairedDetector) -> None:
    """Another number of axes, another grid and infinity are refused, with a message that helps."""
    detector = fitted(estimator)
    infinite = test().copy()
    infinite[3, 0, 16, 16] = np.inf
    cases = {
        "X with three axes": (test()[:, 0], "(5, 32, 32)"),
        "X on another grid than in fit": (make_heads(2, size=40), "(40, 40)"),
        "Infinity in sample 3": (infinite, "3"),
    }
    for name, (X, named) in cases.items():
        for verb in ("score_samples", "anomaly_map"):
            law = f"{name} is refused by {verb}."
            ask = getattr(detector, verb)
            message = demand_error(partial(ask, X), InvalidPairsError, law)
            demand(named in message, f"{law} The message names {named!r}. It is: {message}")


def check_read_only_memmap(estimator: BasePairedDetector) -> None:
    """A read-only file is enough to fit and to score, and is left as it was."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pairs.npy"
        np.save(path, train())
        pairs = np.load(path, mmap_mode="r")
        again = fit(estimator, pairs, PATIENTS)
        law = "A detector fitted on a read-only memmap scores as one fitted on an array."
        demand_close(again.score_samples(test()), fitted(estimator).score_samples(test()), law)
        demand_equal(np.array(pairs), train(), "fit does not change X.")
        del pairs, again  # an open file can't be removed everywhere


def check_hole_in_one_plane(estimator: BasePairedDetector) -> None:
    """A pixel that one plane doesn't show is no anomaly of the other plane."""
    detector, whole = fitted(estimator), test()
    hole = (slice(None), 1, slice(14, 20), slice(12, 20))
    X = whole.copy()
    X[hole] = np.nan
    usual = detector.anomaly_map(whole)
    inside = detector.anomaly_map(X)[hole[0], hole[2], hole[3]]
    allowed = 1.5 * np.nanmax(usual)
    demand(
        np.nanmax(inside) <= allowed,
        "Where one plane is not observed, the other is not called anomalous for that. In a hole in "
        f"the MRI of healthy slices the map reaches {np.nanmax(inside):.3g}; the highest value "
        f"without the hole is {np.nanmax(usual):.3g}. NaN in a residual counts as 0: it has to be "
        "the usual value.",
    )


def check_float64(estimator: BasePairedDetector) -> None:
    """float64 and float32 give the same maps."""
    detector = fitted(estimator)
    wide, narrow = (detector.anomaly_map(test().astype(kind)) for kind in ("f8", "f4"))
    demand_close(wide, narrow, "float64 and float32 give the same maps.")


def check_pipeline(estimator: BasePairedDetector) -> None:
    """Maps through a Pipeline are the maps of its last step."""
    raw = Pairs(train() * np.float32(7) + np.float32(3), groups=PATIENTS)
    pipe = make_pipeline(MRIScaler(), clone(estimator)).fit(raw)
    expected = pipe[-1].anomaly_map(pipe[:-1].transform(raw[:2]))
    law = "anomaly_map(pipeline, X) is the map that the last step gives of the prepared X."
    demand_close(anomaly_map(pipe, raw[:2]), expected, law)
