"""Distance of each patch from the nearest remembered patches of healthy slices."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from ctmri_detect._arrays import evenly_spaced
from ctmri_detect._parameters import BOOLEAN, DEVICE, RANDOM_STATE, Constraints, OneOf, integer
from ctmri_detect._random import own_random_state
from ctmri_detect._types import RandomState
from ctmri_detect.detectors.deep_features.described import CONDITIONING, FeatureGridDetector
from ctmri_detect.detectors.patch_memory.banks import Bank, PatchBank, SliceBank
from ctmri_detect.detectors.patch_memory.coreset import Reservoir, greedy_coreset
from ctmri_detect.features.conditioning.learning import components_of, fit_projections
from ctmri_detect.features.grid import FeatureGrid
from ctmri_detect.features.protocol import FEATURES, FeatureExtractor
from ctmri_detect.imageops.similar import slice_descriptors
from ctmri_detect.scoring import MapScoring
from ctmri_detect.scoring.calibration import describe
from ctmri_detect.validation import PairReader

CANDIDATES = 10  # random patches from which the coreset takes one
N_COMPONENTS = 48
_BLOCK = 16


class PatchMemoryDetector(FeatureGridDetector):
    """Distance of each patch from the nearest remembered patches of healthy slices.

    The idea of PatchCore [1]_: keep features of healthy patches, and call a patch unusual where
    none of them is near. By default a patch is compared only with patches of about the same place
    in similar slices: a piece of ventricle is normal in the middle of the head and not in the
    cortex. And what is remembered is not the features themselves but what the other modality, the
    place and similar slices do not explain of them (`features.FeatureConditioning`).

    It needs many healthy slices: what it has never seen, it calls unusual. It knows no variance. So
    distances are large, too, where healthy heads vary much, until `MapScoring` compares them with
    those in other healthy slices.

    Parameters
    ----------
    features : feature extractor, default=None
        See `features.FeatureExtractor`. None means ``BackboneFeatures(device=device)``. Without
        conditioning, ``JointFeatures(BackboneFeatures())`` is better: CT and MRI in one vector.
    conditioning : FeatureConditioning or False, default=None
        What is taken away from the features first. None means `FeatureConditioning()`. False
        takes nothing away; then nothing is trained.
    restricted : bool, default=True
        Compare with the 20 most similar slices and one cell to each side only. False: with all
        patches of the bank, as PatchCore does.
    n_neighbors : int, default=3
        Nearest patches whose mean distance is the residual. More are steadier and less specific.
    bank_size : int, default=200000
        Most patches of each plane that are remembered. Memory: 2 bytes for each patch and
        component (at most 48 components, 8 with conditioning). If `restricted`, whole slices
        are kept, evenly spaced ones, as many as fit.
    selection : {"coreset", "random"}, default="coreset"
        How patches are chosen if not `restricted`: a greedy coreset of ten times as many
        random candidates, or a random sample. Neither's memory grows with the number of slices.
    map_scoring : MapScoring, default=None
        None means ``MapScoring(scales=2.0)``.
    device : str, default="auto"
        Where the default features run.
    random_state : int, RandomState or None, default=None
        Choice of patches, and the conditioning's training.

    Attributes
    ----------
    features_ : feature extractor
    conditioning_ : FeatureConditioning or None
    projections_ : list of Projection or None
        Principal components of each plane's standardised features, not whitened.
    bank_ : SliceBank or PatchBank
        What is remembered; ``bank_.nbytes`` is its size.
    device_ : str
        The device in use.
    map_scoring_ : MapScoring
        Fitted; turns residuals into maps and scores.
    offset_ : float
        Score below which `predict` says -1.

    Notes
    -----
    The residual of a cell is the mean Euclidean distance, in these components, to its nearest
    remembered patches, interpolated linearly to pixels. It has no sign. Search is exact.

    References
    ----------
    .. [1] Roth et al. (2022), Towards total recall in industrial anomaly detection, CVPR.

    Examples
    --------
    >>> from ctmri_detect import PatchMemoryDetector
    >>> from ctmri_detect.features import FilterBankFeatures
    >>> X = np.random.default_rng(0).normal(size=(20, 2, 16, 16))
    >>> detector = PatchMemoryDetector(features=FilterBankFeatures(), conditioning=False)
    >>> detector.fit(X, groups=np.arange(20) // 4).anomaly_map(X[:3]).shape
    (3, 16, 16)
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "features": FEATURES,
        "conditioning": CONDITIONING,
        "restricted": BOOLEAN,
        "n_neighbors": [integer(1)],
        "bank_size": [integer(1)],
        "selection": [OneOf("coreset", "random")],
        "map_scoring": [MapScoring, None],
        "device": DEVICE,
        "random_state": RANDOM_STATE,
    }

    def __init__(
        self,
        *,
        features: FeatureExtractor | None = None,
        conditioning: Any = None,
        restricted: bool = True,
        n_neighbors: int = 3,
        bank_size: int = 200_000,
        selection: Literal["coreset", "random"] = "coreset",
        map_scoring: MapScoring | None = None,
        device: str = "auto",
        random_state: RandomState = None,
    ) -> None:
        self.features = features
        self.conditioning = conditioning
        self.restricted = restricted
        self.n_neighbors = n_neighbors
        self.bank_size = bank_size
        self.selection = selection
        self.map_scoring = map_scoring
        self.device = device
        self.random_state = random_state

    def _default_map_scoring(self) -> MapScoring:
        return MapScoring(scales=2.0)

    def _fit(self, X: PairReader) -> None:
        rng = own_random_state(self.random_state)
        self._fit_features(X, rng)
        conditioned = _Conditioned(self)
        self.projections_ = fit_projections(conditioned, X, N_COMPONENTS, rng, whiten=False)
        self.bank_: Bank = self._slices(X) if self.restricted else self._patches(X, rng)

    def _blocks(self, X: PairReader) -> Any:
        """Components of the training slices, and where they are seen."""
        for start in range(0, len(X), _BLOCK):
            part = X.take(np.arange(start, min(start + _BLOCK, len(X))))
            yield components_of(self.projections_, self._grid(np.asarray(part), part.groups))

    def _slices(self, X: PairReader) -> SliceBank:
        first = self._grid(X[:1], None)
        fit = max(1, self.bank_size // int(np.prod(first.seen.shape[2:])))
        kept = X.take(evenly_spaced(len(X), fit))
        components, seen = zip(*self._blocks(kept), strict=True)
        assert kept.groups is not None
        return SliceBank(
            np.concatenate(components), np.concatenate(seen), describe(kept), kept.groups,
            self.n_neighbors,
        )  # fmt: skip

    def _patches(self, X: PairReader, rng: np.random.RandomState) -> PatchBank:
        greedy = self.selection == "coreset"
        size = self.bank_size * (CANDIDATES if greedy else 1)
        reservoirs = [Reservoir(size, rng) for _ in self.projections_]
        for components, seen in self._blocks(X):
            for group, reservoir in enumerate(reservoirs):
                reservoir.add(components[:, group][seen[:, group]])
        patches = [reservoir.patches() for reservoir in reservoirs]
        if greedy:
            patches = [
                one[greedy_coreset(one, self.bank_size, rng, progress=None)] if len(one) else one
                for one in patches
            ]
        return PatchBank(patches, self.n_neighbors)

    def _residual_of_grid(
        self,
        grid: FeatureGrid,
        X: npt.NDArray[np.float32],
        codes: npt.NDArray[np.int64] | None,
    ) -> npt.NDArray[np.float32]:
        components, seen = components_of(self.projections_, grid)
        distances = self.bank_.distances(components, seen, slice_descriptors(X), codes)
        return grid.spread(np.where(grid.seen, distances, 0), X.shape[2:])


class _Conditioned:
    """The conditioned features of training slices, as `fit_projections` reads them."""

    def __init__(self, detector: PatchMemoryDetector) -> None:
        self.detector = detector

    def grids(self, block: npt.NDArray[np.float32]) -> FeatureGrid:
        """Of a block; a patient's own slices are recognised by their descriptors alone."""
        return self.detector._grid(block, None)
