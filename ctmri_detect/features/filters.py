"""Responses of a filter bank, averaged over cells."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import check_is_fitted

from ctmri_detect._floats import with_default_floats
from ctmri_detect._parameters import Constraints, check_parameters, integer
from ctmri_detect._types import LabelsLike, PairsLike
from ctmri_detect.base.estimator import PairedEstimator
from ctmri_detect.base.traits import Traits
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.features.grid import FeatureGrid
from ctmri_detect.features.planes import cell_sums, observed_cells
from ctmri_detect.imageops.filters import filter_bank
from ctmri_detect.validation import check_pairs


class FilterBankFeatures(PairedEstimator):
    """Ten filter responses for each cell of each plane; needs no torch.

    Each plane is filtered by `imageops.filters.filter_bank`: the plane itself, Gaussians at four
    scales, gradient, Laplacians at two scales, local minimum and maximum. Each response is averaged
    over the observed pixels of a cell. So a cell is described by its brightness, its edges and its
    surroundings, in the units of the plane. It takes about two milliseconds a plane of 128 x 128.

    It works on lesions that are brighter or darker than their surroundings. It fails on texture
    finer than a cell, which the averages lose. Ten standard deviations inside each cell were tried
    as well and left out (two development phantoms, "mahalanobis": image AUROC .74 with them, .75
    without).

    Parameters
    ----------
    cell : int, default=4
        Side of a cell in pixels. Smaller cells find smaller anomalies and cost memory.

    Attributes
    ----------
    image_shape_ : (int, int)
        Height and width of the training pairs.
    n_planes_ : int
        Planes of the training pairs.

    Notes
    -----
    `fit` learns nothing of the patients, so ``traits.trains`` is False: a detector computes the
    features of a fit once, however many patients it holds out. The outline of the mask is no edge
    for any filter.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(3, 2, 32, 24)).astype(np.float32)
    >>> FilterBankFeatures().fit(X).grids(X).values.shape
    (3, 2, 8, 6, 10)
    """

    traits = Traits(trains=False, missing_modality=True)
    _parameter_constraints: ClassVar[Constraints] = {"cell": [integer(1)]}

    def __init__(self, *, cell: int = 4) -> None:
        self.cell = cell

    @with_default_floats
    def fit(self, X: PairsLike, y: LabelsLike = None) -> FilterBankFeatures:
        """Note the number of planes; nothing is learned.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_planes, height, width)
            Pairs, prepared for a detector.
        y : ignored
            Not used.

        Returns
        -------
        self
        """
        check_parameters(self)
        reader = check_pairs(X)
        self.n_planes_, self.image_shape_ = reader.shape[1], reader.shape[2:]
        return self

    @with_default_floats
    def grids(self, block: npt.NDArray[np.float32]) -> FeatureGrid:
        """The features of one block of checked pairs.

        Parameters
        ----------
        block : float32 array (n_samples, n_planes, height, width)
            A block of pairs; NaN where nothing was observed.

        Returns
        -------
        FeatureGrid
            One group for each plane, ten features. A cell is seen where at least half of its
            pixels were observed.

        Raises
        ------
        InvalidPairsError
            If the number of planes is not that of the training pairs.
        """
        check_is_fitted(self, "n_planes_")
        if block.shape[1] != self.n_planes_:
            raise InvalidPairsError(
                f"The block has {block.shape[1]} plane(s); expected {self.n_planes_}, as in fit. "
                "Give the same planes."
            )
        there = ~np.isnan(block)
        sums = cell_sums(filter_bank(block, there), self.cell)
        means = sums / np.maximum(cell_sums(there, self.cell), 1)[:, :, None]
        return FeatureGrid(np.moveaxis(means, 2, -1), observed_cells(block, self.cell), self.cell)
