"""Networks that predict components of cells, and what remains: one a plane, or one for many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from ctmri_detect.features.conditioning.inputs import Cells, DescribedSlice, drawn_cells
from ctmri_detect.features.conditioning.learning import (
    WIDTH,
    WITHHELD,
    DescribedSlices,
    fit_regressors_of_cells,
)
from ctmri_detect.networks.planes_prediction import Columns
from ctmri_detect.networks.planes_regression import PlanesRegressor
from ctmri_detect.networks.regression import NetworkRegressor
from ctmri_detect.networks.training.settings import Training

Values = npt.NDArray[np.float32]
Regressors = list[NetworkRegressor | None] | list[PlanesRegressor]


def fit_prediction(
    slices: DescribedSlices,
    inputs: Sequence[str],
    n_cells: int,
    training: Training,
    rng: np.random.RandomState,
) -> Regressors:
    """A network for each group of features; or one for all, if there are more than two.

    One for all keeps time and memory in proportion to the number of planes.
    """
    if slices.seen.shape[1] < 3 or "planes" not in inputs:
        return fit_regressors_of_cells(slices, inputs, n_cells, training, rng)
    drawn = drawn_cells(np.asarray(slices.seen.any(axis=1)), n_cells, rng)
    tables, values = [], []
    for i, cells in enumerate(drawn):
        one = slices.one(i)
        tables.append(columns_of(one, cells, inputs).table())
        known = one.seen.reshape(len(one.seen), -1)[:, cells, None]
        kept = one.components[:, cells, : one.similar.shape[-1]]
        values.append(np.where(known, kept, np.float32(np.nan)).swapaxes(0, 1))
    table, value = np.concatenate(tables), np.concatenate(values)
    del tables, values
    regressor = PlanesRegressor(training, 0.0, "cpu", rng.randint(2**31 - 1), WIDTH)
    kept_planes = rng.rand(*value.shape[:2]) >= WITHHELD
    return [regressor.fit(table, value, kept_planes, slices.components.shape[-1])]


def columns_of(one: DescribedSlice, cells: Cells, inputs: Sequence[str]) -> Columns:
    """The inputs of a network for all planes, at some cells of a slice."""
    n_groups = len(one.seen)
    seen = one.seen.reshape(n_groups, -1)[:, cells].astype(np.float32)
    features = one.components[:, cells].swapaxes(1, 2) * seen[:, None]
    own = [np.empty((n_groups, 0, len(cells)), np.float32)]
    if "similar" in inputs:
        own.append(one.similar[:, cells].swapaxes(1, 2))
    if "place" in inputs:
        place = one.place()[cells].T
        own.append(np.broadcast_to(place, (n_groups, *place.shape)))
    return Columns(features, seen, np.concatenate(own, axis=1))


def remainders(
    regressors: Regressors,
    slices: Iterable[DescribedSlice],
    inputs: Sequence[str],
    n_predicted: int,
) -> Iterator[tuple[int, int, Cells, Values]]:
    """Components of some slices without what the networks predict.

    Yields
    ------
    i : int
        Of the slice.
    target : int
        A group that was seen.
    cells : int array (n,)
        Where it was seen.
    values : float32 array (n, n_predicted)
        In standard deviations.
    """
    shared = regressors[0] if regressors else None
    predict = shared.predictor() if isinstance(shared, PlanesRegressor) else None
    for i, one in enumerate(slices):
        places = [np.flatnonzero(seen) for seen in one.seen]
        targets = [target for target, cells in enumerate(places) if len(cells)]
        if predict is not None and targets:
            cells = np.flatnonzero(one.seen.any(axis=0))
            found = predict(columns_of(one, cells, inputs), targets)
            for target, mean, variance in zip(targets, *found, strict=True):
                here = np.isin(cells, places[target])
                z = one.components[target, places[target], :n_predicted]
                z = _standardised(z, mean[:, here].T, variance[:, here].T)
                yield i, target, places[target], z
            continue
        for target in targets:
            cells, regressor = places[target], regressors[target]
            z = one.components[target, cells, :n_predicted]
            if isinstance(regressor, NetworkRegressor):
                z = _standardised(z, *regressor.predict(one.inputs(target, cells, inputs)))
            yield i, target, cells, z


def _standardised(z: Values, mean: Values, variance: Values) -> Values:
    return np.asarray((z - mean) / np.sqrt(variance))
