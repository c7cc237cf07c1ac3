"""What a benchmark measures on: checked samples, checked folds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.utils import Bunch

from ctmri_detect.evaluation.foreign import as_detector
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.model_selection import NormalOnlyGroupKFold, check_no_leak
from ctmri_detect.pairs import Pairs
from ctmri_detect.validation import (
    check_groups,
    check_masks,
    check_pairs,
    check_target,
    groups_of,
)

ALL = "all"
NORMAL = "normal"
UNNAMED = "anomaly"  # the kind of an anomalous sample whose kind is not given
Fold = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]


@dataclass(frozen=True)
class Samples:
    """The samples of a data set, checked; `frame` has sample, patient, slice, kind, target."""

    X: Pairs
    target: npt.NDArray[np.int64]
    masks: npt.NDArray[np.bool_] | None
    frame: pd.DataFrame

    def pixel_truth(self, sample: int) -> npt.NDArray[np.bool_] | None:
        """The mask of a sample; None for an anomaly without a mask, such as a whole slice."""
        if self.masks is None or (self.target[sample] == -1 and not self.masks[sample].any()):
            return None
        return self.masks[sample]

    @property
    def kinds(self) -> list[str]:
        """Kinds of anomaly, in alphabetical order."""
        return sorted(set(self.frame.loc[self.target == -1, "kind"]))


def check_detectors(detectors: Any) -> dict[str, Any]:
    """The estimators by name, or an error that says what is wrong with them."""
    if not isinstance(detectors, Mapping) or not detectors:
        raise TypeError(
            f"detectors is {type(detectors).__name__}{'' if detectors else ', empty'}; expected a "
            'dict of names and estimators, such as {"atlas": AtlasDetector()}.'
        )
    found = {}
    for name, given in detectors.items():
        try:
            found[str(name)] = as_detector(given)
        except TypeError as error:
            raise TypeError(f"detectors[{name!r}]: {error}") from None
    return found


def check_seeds(seeds: Any) -> list[int]:
    """Different seeds, at least one, as ints that random generators take."""
    given = [] if isinstance(seeds, str) or not isinstance(seeds, Iterable) else list(seeds)
    whole = all(isinstance(s, Integral) and not isinstance(s, bool) for s in given)
    if not given or not whole or min(given) < 0 or max(given) >= 2**32:
        hint = f": for {seeds} runs, seeds=range({seeds})" if isinstance(seeds, Integral) else ""
        raise ValueError(
            f"seeds is {seeds!r}; expected a sequence of ints of 0 or more, one for each run, such "
            f"as seeds=(0, 1, 2){hint}."
        )
    if len(set(given)) < len(given):
        raise ValueError(f"seeds is {seeds!r}; expected different ones: equal ones are one run.")
    return [int(seed) for seed in given]


def read_samples(data: Bunch) -> Samples:
    """Check a Bunch of data, target, masks, groups and frame."""
    if not hasattr(data, "data"):
        raise InvalidPairsError(
            f"data is {type(data).__name__}; expected a Bunch with data, target and groups, as "
            "make_phantom_pairs and load_pairs return it."
        )
    n = len(check_pairs(data.data))
    target = check_target(_needed(data, "target", "+1 normal, -1 anomalous"), n)
    for label, name in ((1, "normal"), (-1, "anomalous")):
        if not (target == label).any():
            raise InvalidPairsError(
                f"data.target holds no {label:+d}; a benchmark needs normal and anomalous samples. "
                f"Add {name} ones."
            )
    X = Pairs(data.data, groups=_patients(data))
    check_groups(X.groups, n)
    masks = getattr(data, "masks", None)
    if masks is not None:
        masks = check_masks(masks, (n, X.shape[2], X.shape[3]))
    return Samples(X, target, masks, _sample_frame(data, target, X.groups))


def told_again(after: Any, before: Pairs, X: Pairs) -> Pairs:
    """What a step made of `before`, with the patients and the frame of `X`.

    Steps of other packages return an array. It gets the names and roles of the planes of `before`
    if it has as many planes.
    """
    made = Pairs(after, groups=X.groups, frame=X.frame)
    if isinstance(after, Pairs) or made.shape[1] != before.shape[1]:
        return made
    return made.replace(modalities=before.modalities, roles=before.roles)


def _patients(data: Bunch) -> Any:
    """The patients that the pairs know, or `data.groups`; both must agree."""
    known = groups_of(data.data, getattr(data, "groups", None))
    return _needed(data, "groups", "the patient of each sample") if known is None else known


def _needed(data: Bunch, name: str, meaning: str) -> Any:
    value = getattr(data, name, None)
    if value is None:
        raise InvalidPairsError(
            f"data.{name} is None; a benchmark needs it: {meaning}. Set it: data.{name} = ..., "
            "one entry for each sample."
        )
    return value


def _sample_frame(
    data: Bunch, target: npt.NDArray[np.int64], groups: npt.NDArray[Any] | None
) -> pd.DataFrame:
    n, given = len(target), getattr(data, "frame", None)
    given = pd.DataFrame(index=range(n)) if given is None else given.reset_index(drop=True)
    if len(given) != n:
        raise InvalidPairsError(
            f"data.frame has {len(given)} rows; expected {n}, one for each sample."
        )
    kind = given["kind"].astype(object) if "kind" in given else pd.Series([UNNAMED] * n)
    kind = kind.where(kind.notna() & (kind != NORMAL), UNNAMED)
    kind = kind.where(target == -1, NORMAL).astype(str)
    if (kind == ALL).any():
        raise InvalidPairsError(
            f"data.frame has the kind {ALL!r}, which is the name of the row for all kinds "
            "together. Rename it."
        )
    place = given.get("slice", np.nan)
    columns = {"patient": groups, "slice": place, "kind": kind.to_numpy(), "target": target}
    return pd.DataFrame({"sample": np.arange(n), **columns})


def make_folds(cv: Any, samples: Samples, seed: int) -> list[Fold]:
    """Training and test rows: only normal samples in training, no patient on both sides.

    Raises
    ------
    InvalidPairsError
        Where a splitter puts a patient on both sides, or tests a sample twice.
    """
    if isinstance(cv, Integral) and (isinstance(cv, bool) or cv < 2):
        raise ValueError(f"cv is {cv!r}; expected None, a splitter, or at least 2 folds.")
    if cv is None or isinstance(cv, Integral):
        cv = NormalOnlyGroupKFold(2 if cv is None else int(cv), shuffle=True, random_state=seed)
    n = len(samples.target)
    times = np.zeros(n, dtype=int)
    folds = []
    for train, test in cv.split(np.zeros(n), samples.target, samples.X.groups):
        check_no_leak(train, test, samples.X.groups)
        times[test] += 1
        folds.append((train[samples.target[train] == 1], np.asarray(test)))
    if not folds or times.max() > 1:
        raise InvalidPairsError(
            f"cv tests some samples {times.max()} times; expected each at most once, so that a "
            "score belongs to one sample. Take NormalOnlyGroupKFold, and repeat it with seeds."
        )
    return folds
