"""Controls: what scores reach that look for no anomaly at all."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from ctmri_detect._types import GroupsLike, LabelsLike, PairsLike
from ctmri_detect.evaluation.sample_measures import SAMPLE_MEASURES, Resampling
from ctmri_detect.evaluation.scored import Scored
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.metrics.levels import area_under_roc
from ctmri_detect.validation import PairReader, check_groups, check_pairs, check_target, groups_of

Values = npt.NDArray[np.float64]
_BLOCK = 64  # samples read at a time


def controls(
    X: PairsLike,
    y: LabelsLike,
    *,
    groups: GroupsLike = None,
    n_resamples: int = 500,
    confidence_level: float = 0.95,
    random_state: int = 0,
) -> pd.DataFrame:
    """How well labels can be told without looking for anomalies.

    Anomalous slices often differ in something that is no lesion: they lie at another level of the
    head and show more brain, or they come from other patients. A detector can owe its AUROC to
    that. Report these figures beside its own. A detector that is not clearly better than a control
    has shown nothing on this set.

    The controls:

    - *observed area*: the number of pixels that any plane shows. On prepared pairs, where only the
      brain is observed, it is the area of the brain.
    - *mean intensity* of each plane over its observed pixels. A sample without the plane counts as
      an average one.
    - *patient identity*: a score that knows nothing but whose slice it is. It reaches 1 where each
      patient has only normal or only anomalous slices. Left out where no patients are known.

    Parameters
    ----------
    X : Pairs or array-like (n_samples, n_planes, height, width)
        Prepared pairs, as the detector gets them. On raw pairs everything is observed, and the
        area tells nothing.
    y : array-like (n_samples,)
        +1 normal, -1 anomalous.
    groups : array-like (n_samples,), default=None
        The patient of each sample; not needed where X are `Pairs` that know them. Without either,
        each sample is taken for a patient of its own, and the intervals are too narrow.
    n_resamples, confidence_level, random_state
        As in `metrics.patient_bootstrap`.

    Returns
    -------
    DataFrame
        One row per control: control, auroc, low, high (the interval over patients). A control may
        be high or low in anomalous samples. The better direction is taken, so chance gives a
        little more than 0.5.

    Raises
    ------
    InvalidPairsError
        Where y holds only one kind of label, or for lengths that don't agree.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(40, 2, 16, 16))
    >>> y = np.where(np.arange(40) % 4, 1, -1)
    >>> X[y == -1, :, :8] = np.nan  # anomalous slices show less brain
    >>> table = controls(X, y, groups=np.arange(40) // 4).set_index("control")
    >>> float(table["auroc"]["observed area"]), float(table["auroc"]["patient identity"])
    (1.0, 0.5)
    """
    reader = check_pairs(X)
    target = check_target(y, len(reader))
    if len(np.unique(target)) < 2:
        raise InvalidPairsError(
            f"All {len(target)} labels in y are {target[0]}; expected both +1 (normal) and -1 "
            "(anomalous), since a control is measured by how it tells them apart."
        )
    known = groups_of(X, groups)
    codes = np.arange(len(target)) if known is None else check_groups(known, len(target))
    by = Resampling(n_resamples, confidence_level, random_state)
    nothing = np.zeros(len(target))
    data = Scored(target, nothing, codes, codes, nothing > 0, float("nan"))
    rows = [_row(name, values, data, by) for name, values in _scores(reader)]
    if known is not None:
        figure = SAMPLE_MEASURES["auroc_of_patient_identity"][1](data, by)
        rows.append(("patient identity", figure.value, figure.low, figure.high))
    return pd.DataFrame(rows, columns=["control", "auroc", "low", "high"])


def _scores(reader: PairReader) -> Iterator[tuple[str, Values]]:
    """One number per sample for each control that looks at X."""
    area, means = np.empty(len(reader)), np.full((len(reader), reader.shape[1]), np.nan)
    for start in range(0, len(reader), _BLOCK):
        block = reader[start : start + _BLOCK]
        here, seen = slice(start, start + len(block)), ~np.isnan(block)
        area[here] = seen.any(axis=1).sum(axis=(1, 2))
        counts = seen.sum(axis=(2, 3))
        sums = np.where(seen, block, 0).sum(axis=(2, 3), dtype=np.float64)
        np.divide(sums, counts, out=means[here], where=counts > 0)
    yield "observed area", area
    for name, values in zip(reader.modalities, means.T, strict=True):
        if np.isfinite(values).any():
            yield f"mean intensity, {name}", np.nan_to_num(values, nan=float(np.nanmean(values)))


def _row(
    name: str, values: Values, data: Scored, by: Resampling
) -> tuple[str, float, float, float]:
    """A control in the better of its two directions."""
    figure = by.of(area_under_roc, data, values)
    if figure.value < 0.5:
        figure = by.of(area_under_roc, data, -values)
    return name, figure.value, figure.low, figure.high
