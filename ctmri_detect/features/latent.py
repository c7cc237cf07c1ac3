"""Latent features of an encoder."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from ctmri_detect._floats import with_default_floats
from ctmri_detect._parameters import (
    BOOLEAN,
    Constraints,
    HasMethods,
    Such,
    check_parameters,
    integer,
)
from ctmri_detect._types import LabelsLike, PairsLike
from ctmri_detect.base.estimator import PairedEstimator
from ctmri_detect.base.traits import Traits
from ctmri_detect.features.grid import FeatureGrid
from ctmri_detect.validation import PairReader, check_pairs

_METHODS = HasMethods(["encode", "fit", "get_params", "set_params"])


def _is_encoder(value: object) -> bool:
    return not isinstance(value, type) and _METHODS.is_satisfied_by(value)


class LatentFeatures(PairedEstimator):
    """Latent features: what a trained encoder, such as that of an autoencoder, makes of a sample.

    A detector on these features asks how unusual they are among those of healthy samples, not how
    badly a sample is rebuilt. By default the features are the last ones of the encoder, its code.
    A code of the whole sample does not hold lesions: on synthetic pairs it found nothing. Features
    of a smaller `depth` belong to a place and find far more; those of depth 1 found most.

    With ``apart=True`` and the conditioning of `DeepFeatureDetector`, the latent features of one
    plane are predicted from those of the other planes, so it finds where the latent features of the
    planes don't agree. Begin with the example; docs/results.md has its figures. It needs
    what `FeatureConditioning` needs.

    Parameters
    ----------
    estimator : estimator
        Anything with ``encode(X)``, for samples ``(n, n_planes, height, width)`` with NaN where
        nothing was observed, such as `ConvAutoencoderDetector`. It gives one code a sample,
        ``(n, d)``, or a grid of codes over the image, ``(n, d, rows, columns)``.

        `fit` fits a clone of it on the samples that it gets. Inside scikit-learn's
        ``FrozenEstimator`` it is used as it is. Then its training patients must be others than
        those of `fit`: their codes are too normal, so the threshold would flag too many new
        samples, and nothing can notice it.
    depth : int, default=None
        How many halvings of the image come before the features; they are asked for as
        ``encode(X, depth=depth)``. A cell has a side of ``2 ** depth`` pixels: less depth is finer
        and costs more time. None means the code, as ``encode(X)`` gives it.
    apart : bool, default=False
        True describes each plane by itself: the encoder gets it with the other planes missing,
        which it has to allow. False describes all planes together.

    Attributes
    ----------
    estimator_ : estimator
        The encoder in use.
    image_shape_ : (int, int)
        Height and width of the training pairs.

    Notes
    -----
    ``traits.trains`` is False for a frozen encoder and True for any other: its codes of training
    samples differ from those of new ones, so a detector holds patients out of its training, too.

    A grid covers the image with square cells, the last of which may reach beyond it. A cell is
    seen where the plane, or with ``apart=False`` any plane, observed a pixel of it.

    Examples
    --------
    >>> from sklearn.frozen import FrozenEstimator
    >>> from ctmri_detect import ConvAutoencoderDetector, DeepFeatureDetector
    >>> from ctmri_detect.features import FeatureConditioning
    >>> X = np.random.default_rng(0).normal(size=(20, 2, 16, 16)).astype(np.float32)
    >>> patients = np.arange(20) // 2
    >>> encoder = ConvAutoencoderDetector("variational", channels=(4, 8), random_state=0)
    >>> encoder.set_params(training__max_epochs=2, map_scoring__false_positive_rate=0.3)
    ConvAutoencoderDetector(...)

    The encoder is trained in `fit` of the detector:

    >>> features = LatentFeatures(encoder, depth=1, apart=True)
    >>> smoothed = FeatureConditioning(smoothing=1.3)  # cells are small
    >>> detector = DeepFeatureDetector(features=features, conditioning=smoothed, random_state=0)
    >>> detector = detector.set_params(map_scoring__false_positive_rate=0.3)
    >>> detector.fit(X, groups=patients).anomaly_map(X[:3]).shape
    (3, 16, 16)

    Or it was trained before, on other patients:

    >>> encoder = encoder.fit(X[:10], groups=patients[:10])
    >>> features = LatentFeatures(FrozenEstimator(encoder)).fit(X[10:])
    >>> grid = features.grids(X[10:13])
    >>> grid.values.shape, grid.stride, features.traits.trains
    ((3, 1, 1, 1, 128), 16, False)
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "estimator": [
            Such(
                "an estimator (an instance) with encode, fit, get_params and set_params, such as "
                "ConvAutoencoderDetector() or FrozenEstimator of a fitted one",
                _is_encoder,
            )
        ],
        "depth": [integer(1), None],
        "apart": BOOLEAN,
    }

    def __init__(self, estimator: Any, *, depth: int | None = None, apart: bool = False) -> None:
        self.estimator = estimator
        self.depth = depth
        self.apart = apart

    @property
    def traits(self) -> Traits:  # type: ignore[override]
        """Whether `fit` trains; missing planes as far as the encoder takes them."""
        own = getattr(self.estimator, "traits", None)
        return Traits(
            trains=not isinstance(self.estimator, FrozenEstimator),
            missing_modality=bool(getattr(own, "missing_modality", False)),
        )

    @with_default_floats
    def fit(self, X: PairsLike, y: LabelsLike = None) -> LatentFeatures:
        """Fit a clone of the encoder unless it is frozen, and try it on one sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_planes, height, width)
            Patients go to the encoder if X knows them.
        y : ignored
            Not used.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the codes are not as `grids` expects them.
        """
        check_parameters(self)
        reader = check_pairs(X)
        encoder = clone(self.estimator)  # a frozen one stays the same object
        if not isinstance(encoder, FrozenEstimator):
            groups = X.groups if isinstance(X, PairReader) else None
            named = groups is not None and has_fit_parameter(encoder, "groups")
            encoder = encoder.fit(X, groups=groups) if named else encoder.fit(X)
        self.estimator_, self.image_shape_ = encoder, reader.shape[2:]
        self.grids(reader[:1])
        return self

    @with_default_floats
    def grids(self, block: npt.NDArray[np.float32]) -> FeatureGrid:
        """The codes of one block of checked pairs.

        Parameters
        ----------
        block : float32 array (n_samples, n_planes, height, width)
            A block of pairs; NaN where nothing was observed.

        Returns
        -------
        FeatureGrid
            One group for each plane, or one that describes all planes together. A code of the
            whole sample lies on a grid of one cell, whose stride covers the image.

        Raises
        ------
        ValueError
            If `encode` does not give finite numbers ``(n, d)`` or ``(n, d, rows, columns)`` for
            n samples, or its cells are no squares.
        """
        check_is_fitted(self, "estimator_")
        name = type(getattr(self.estimator_, "estimator", self.estimator_)).__name__
        shown = _apart(block) if self.apart else block[:, None]
        seen = np.asarray((~np.isnan(shown)).any(axis=2))
        there = np.asarray(seen.any(axis=(2, 3)))
        # the whole sample stands in for a missing plane: no encoder has to take an empty sample
        shown = np.where(there[:, :, None, None, None], shown, block[:, None])
        settings = {} if self.depth is None else {"depth": self.depth}
        codes = self.estimator_.encode(shown.reshape(-1, *block.shape[1:]), **settings)
        codes = _checked(np.asarray(codes), there.size, name)
        stride = _stride(block.shape[2:], codes.shape[2:], name)
        for axis, n_cells in zip((2, 3), codes.shape[2:], strict=True):
            first = (np.arange(n_cells) * stride).astype(int)
            seen = np.logical_or.reduceat(seen, first, axis=axis)
        values = np.moveaxis(codes, 1, -1).reshape(*seen.shape, codes.shape[1])
        return FeatureGrid(values, seen, stride)


def _apart(block: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Each plane with the others missing: ``(n, n_planes, n_planes, height, width)``."""
    own = np.eye(block.shape[1], dtype=bool)[:, :, None, None]
    return np.where(own, block[:, None], np.float32(np.nan))


def _checked(codes: npt.NDArray[Any], n_samples: int, name: str) -> npt.NDArray[np.float32]:
    """Codes as float32 ``(n, d, rows, columns)``."""
    shape = codes.shape
    if codes.dtype.kind not in "fiu" or codes.ndim not in (2, 4) or shape[0] != n_samples:
        raise ValueError(
            f"{name}.encode gives {codes.dtype} of shape {shape}; expected numbers (n, d) or "
            f"(n, d, rows, columns) for the n = {n_samples} sample(s) that it was given."
        )
    if 0 in shape[1:]:
        raise ValueError(f"{name}.encode gives shape {shape}; expected one number or more a cell.")
    bad = ~np.isfinite(codes).reshape(n_samples, -1).all(axis=1)
    if bad.any():
        raise ValueError(
            f"{name}.encode gives NaN or infinity for {bad.sum()} of {n_samples} sample(s); "
            "expected finite numbers. NaN in X means that nothing was observed there; encode has "
            "to put numbers in its place."
        )
    codes = codes if codes.ndim == 4 else codes[:, :, None, None]
    return codes.astype(np.float32, copy=False)


def _stride(image: tuple[int, ...], grid: tuple[int, ...], name: str) -> float:
    """Side of a cell in pixels; a whole number if one fits."""
    least = max(side / cells for side, cells in zip(image, grid, strict=True))
    for stride in (int(np.ceil(least)), float(least)):
        begun = [stride * (n - 1) < side for side, n in zip(image, grid, strict=True)]
        if all(begun) and stride >= 1:
            return stride
    raise ValueError(
        f"{name}.encode gives {' x '.join(map(str, grid))} cells for images of "
        f"{' x '.join(map(str, image))} pixels; expected square cells of a pixel or more that "
        "cover the image. Pool or pad the codes."
    )
