"""A cell's features without what the other planes, similar slices and the place explain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator

from ctmri_detect._arrays import evenly_spaced
from ctmri_detect._parameters import (
    RANDOM_STATE,
    CheckedParameters,
    Constraints,
    OneOf,
    SequenceOf,
    check_parameters,
    integer,
    number,
)
from ctmri_detect._random import own_random_state
from ctmri_detect._types import GroupsLike, PairsLike, RandomState
from ctmri_detect.features.conditioning.inputs import INPUTS, described_slice
from ctmri_detect.features.conditioning.learning import (
    DescribedSlices,
    components_of,
    fit_projections,
)
from ctmri_detect.features.conditioning.remainders import fit_prediction, remainders
from ctmri_detect.features.conditioning.similar import SimilarSlices
from ctmri_detect.features.grid import FeatureGrid
from ctmri_detect.features.protocol import Grids, described
from ctmri_detect.imageops.similar import slice_descriptors
from ctmri_detect.imageops.smooth import masked_gaussian
from ctmri_detect.networks.training.settings import Training, check_training
from ctmri_detect.scoring.calibration import describe
from ctmri_detect.validation import PairReader, check_groups, check_pairs, groups_of

MOST_SLICES = 512  # that the conditioning learns from and keeps, evenly spaced


class FeatureConditioning(CheckedParameters, BaseEstimator):
    """Take away from the features of a cell what is to be expected; what remains is unusual.

    Most of what varies in deep features of healthy heads is anatomy: a ventricle has other
    features than cortex. So a one-class detector on the features finds rare anatomy rather than
    lesions. This step predicts each plane's features in a cell, with their variance, from the
    other planes' features there, from what similar slices of other patients have there, and from
    the place in the head. What remains, standardised and smoothed, is given
    to the detector.

    One fit serves samples with missing planes, too: in training, each cell loses each other plane
    with probability 1/4.
    If a plane is missing, the variance that is predicted is larger.

    It needs head-aligned slices (`make_preprocessor`), CT and MRI registered to about a cell, and
    some twenty patients. It removes a lesion that both planes show as normal tissue would be.

    Parameters
    ----------
    inputs : sequence of {"planes", "similar", "place"}, default=("planes", "similar", "place")
        From what the features are predicted. Empty: the components are only centred and
        smoothed.
    n_components : int, default=64
        Whitened principal components of a plane's features that predict other planes.
    n_predicted : int, default=8
        Number of components of a plane that are predicted, the first ones; the others are dropped,
        since they are mostly noise: with 24, development phantoms gave .03 less AUROC and .1 less
        pixel AP.
    n_neighbors : int, default=30
        Similar slices whose mean is an input. More are steadier and less specific.
    smoothing : float, default=0.65
        Standard deviation in cells of the Gaussian that smooths what remains. More is steadier
        and coarser.
    n_cells : int, default=200000
        Cells of each plane that the prediction learns from; time grows in proportion.
    training : Training, default=None
        None means ``Training(max_epochs=12, batch_size=1024, lr=3e-3)``.
    random_state : int, RandomState or None, default=None
        Choice of cells, initial weights, order of batches.

    Attributes
    ----------
    projections_ : list of Projection or None
        For each group of features, its components; None for a plane that was never seen.
    similar_ : SimilarSlices
        Components of at most 512 training slices, float16, and their descriptors.
    regressors_ : list of NetworkRegressor or None
        For each group; None if nothing is predicted. With more than two groups, one
        `PlanesRegressor` for all.

    Notes
    -----
    With ``z`` the components of a cell, and mean ``m`` and variance ``v`` that a network of two
    hidden layers of 128 predicts from the inputs (Gaussian negative log-likelihood, preceded by
    ten times the squared error for 30 % of the steps)::

        r = (z - m) / sqrt(v);    r = smooth(r - median of the slice)

    The recipe and its settings come from experiments on development phantoms, see docs/trials.md.

    References
    ----------
    Likelihood: Nix and Weigend (1994), Estimating the mean and variance of the target probability
    distribution, ICNN. Features that depend on position: Defard et al. (2021), PaDiM, ICPR.

    Examples
    --------
    >>> from ctmri_detect.features import FilterBankFeatures
    >>> X = np.random.default_rng(0).normal(size=(20, 2, 32, 32)).astype(np.float32)
    >>> features = FilterBankFeatures().fit(X)
    >>> conditioning = FeatureConditioning(random_state=0).fit(features, X, groups=range(20))
    >>> conditioning.transform(features.grids(X[:2]), X[:2]).values.shape
    (2, 2, 8, 8, 8)
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "inputs": [
            SequenceOf("a sequence of 'planes', 'similar', 'place'", OneOf(*INPUTS), least=0)
        ],
        "n_components": [integer(1)],
        "n_predicted": [integer(1)],
        "n_neighbors": [integer(1)],
        "smoothing": [number(0)],
        "n_cells": [integer(1)],
        "training": [Training, None],
        "random_state": RANDOM_STATE,
    }

    def __init__(
        self,
        *,
        inputs: Sequence[str] = INPUTS,
        n_components: int = 64,
        n_predicted: int = 8,
        n_neighbors: int = 30,
        smoothing: float = 0.65,
        n_cells: int = 200_000,
        training: Training | None = None,
        random_state: RandomState = None,
    ) -> None:
        self.inputs = inputs
        self.n_components = n_components
        self.n_predicted = n_predicted
        self.n_neighbors = n_neighbors
        self.smoothing = smoothing
        self.n_cells = n_cells
        self.training = training
        self.random_state = random_state

    def _check_parameters(self) -> None:
        check_training(self.training, self.random_state)

    def fit(self, features: Grids, X: PairsLike, groups: GroupsLike = None) -> FeatureConditioning:
        """Learn what is to be expected.

        Parameters
        ----------
        features : fitted feature extractor
            Or anything else with `grids`.
        X : array-like of shape (n_samples, n_planes, height, width)
            Healthy samples; at most 512 of them, evenly spaced, are used.
        groups : array-like of shape (n_samples,), default=None
            Patient of each; not needed if X are `Pairs` that know them. None: each sample counts
            as a patient of its own.

        Returns
        -------
        self
        """
        check_parameters(self)
        reader = _with_patients(X, groups)
        reader = reader.take(evenly_spaced(len(reader), MOST_SLICES))
        rng = own_random_state(self.random_state)
        self.projections_ = fit_projections(features, reader, self.n_components, rng)
        parts = [
            components_of(self.projections_, described(features, b)) for b in reader.blocks(16)
        ]
        components, seen = (np.concatenate(part) for part in zip(*parts, strict=True))
        assert reader.groups is not None
        kept = np.ascontiguousarray(components[..., : self.n_predicted])
        self.similar_ = SimilarSlices(self.n_neighbors).fit(
            kept, seen, describe(reader), reader.groups
        )
        training = self.training or Training(max_epochs=12, batch_size=1024, lr=3e-3)
        slices = DescribedSlices(components, seen, self.similar_)
        self.regressors_ = fit_prediction(slices, self.inputs, self.n_cells, training, rng)
        return self

    def transform(
        self,
        grid: FeatureGrid,
        X: npt.NDArray[np.float32],
        groups: npt.NDArray[np.int64] | None = None,
    ) -> FeatureGrid:
        """The features of a block without what was to be expected.

        Parameters
        ----------
        grid : FeatureGrid
            Of these samples, from the features that were given to `fit`.
        X : float32 array (n_samples, n_planes, height, width)
            The samples; similar slices are found by them.
        groups : int array (n_samples,), default=None
            Codes of their patients, as in `fit`.

        Returns
        -------
        FeatureGrid
            ``(n_samples, n_groups, gh, gw, n_predicted)`` in standard deviations; fewer features
            if the grid has fewer.
        """
        components, seen = components_of(self.projections_, grid)
        similar = self.similar_.means(slice_descriptors(X), groups)
        n, n_groups, height, width = seen.shape
        width_out = similar.shape[-1]
        rest = np.full((n, n_groups, width_out, height * width), np.nan, np.float32)
        slices = map(described_slice, components, seen, similar)
        found = remainders(self.regressors_, slices, self.inputs, self.n_predicted)
        for i, target, cells, values in found:
            rest[i, target][:, cells] = (values - np.median(values, axis=0)).T
        rest = masked_gaussian(
            rest.reshape(n, n_groups, width_out, height, width), self.smoothing, seen[:, :, None]
        )
        values = np.nan_to_num(np.moveaxis(rest, 2, -1))
        return FeatureGrid(values, seen, grid.stride)


def _with_patients(X: PairsLike, groups: GroupsLike) -> PairReader:
    """X with the codes of its patients."""
    if isinstance(X, PairReader) and X.groups is not None:
        return X
    reader, names = check_pairs(X), groups_of(X, groups)
    n = len(reader)
    codes = np.arange(n) if names is None else check_groups(names, n)
    return reader.with_groups(codes)
