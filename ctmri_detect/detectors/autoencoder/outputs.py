"""Outputs of a fitted network besides the residual: reconstruction, features, ONNX file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import check_is_fitted

from ctmri_detect._parameters import check_value, integer
from ctmri_detect._types import PairsLike
from ctmri_detect.base.estimator import PlainOutput
from ctmri_detect.detectors.autoencoder.rebuilding import encoded, latent, rebuild
from ctmri_detect.validation import PairReader


class NetworkOutputs(PlainOutput):
    """Mixin of a detector that keeps a `PairNetwork` in ``network_``."""

    network_: Any
    device_: str
    engine: str
    image_shape_: tuple[int, ...]
    _ready: Callable[..., PairReader]

    def reconstruct(self, X: PairsLike) -> npt.NDArray[np.float32]:
        """Each sample as the network rebuilds it, in the units of X.

        `residual_map` measures how far a sample and its reconstruction differ.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_planes, height, width)
            Pairs, prepared like those of the fit.

        Returns
        -------
        float32 array (n_samples, n_planes, height, width)
            The mean that the network predicts; NaN where X is NaN. For "denoising" it is the
            output without added noise.
        """
        rebuilt = []
        center, scale = (part.cpu().numpy() for part in (self.network_.center, self.network_.scale))
        for x in self._ready(X).blocks():
            mean, _ = rebuild(self.network_, x, device=self.device_, engine=self.engine)
            rebuilt.append(np.where(np.isnan(x), np.float32(np.nan), mean * scale + center))
        return np.concatenate(rebuilt)

    def transform(self, X: PairsLike) -> npt.NDArray[np.float32]:
        """Latent features, for a next step in a Pipeline.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_planes, height, width)
            Pairs, prepared like those of the fit.

        Returns
        -------
        float32 array (n_samples, n_features)
            The bottleneck, ``latent_dim`` numbers (the mean, for "variational"); for "denoising"
            the mean over the image of the deepest features, ``channels[-1]`` numbers.
        """
        blocks = self._ready(X).blocks()
        return np.concatenate([latent(self.network_, x, device=self.device_) for x in blocks])

    def encode(self, X: PairsLike, depth: int | None = None) -> npt.NDArray[np.float32]:
        """The encoder's features of each sample, for `features.LatentFeatures`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_planes, height, width)
            Pairs, prepared like those of the fit.
        depth : int, default=None
            How many halvings of the image come before the features, 1 or more. They lie on a grid
            with one cell for each ``2 ** depth`` pixels. None means the last ones, see below.

        Returns
        -------
        float32 array
            The bottleneck ``(n_samples, latent_dim)`` (the mean, for "variational"). For
            "denoising", and wherever `depth` is given, features
            ``(n_samples, n_features, rows, columns)``; for "denoising" the deepest ones after
            ``len(channels) - 1`` halvings, of which `transform` gives the mean.

        Raises
        ------
        ValueError
            If the encoder does not halve the image `depth` times.
        """
        reader = self._ready(X)
        most = self.network_.most_depth
        check_value("depth", depth, [integer(1), None])
        if depth is not None and depth > most:
            raise ValueError(
                f"depth is {depth}, but the encoder halves the image {most} time(s); expected no "
                "more than that, or None."
            )
        parts = [encoded(self.network_, x, depth, device=self.device_) for x in reader.blocks()]
        return np.concatenate(parts)

    def export_onnx(self, path: Any) -> None:
        """Write the network as an ONNX file, for use without torch.

        The input `pairs` is float32 ``(n, n_planes, height, width)``, NaN where nothing was
        observed. The outputs `rebuilt_mean` and `rebuilt_log_variance` have the same shape and
        are in units of the training intensities (mean 0, SD 1 of each plane).

        Parameters
        ----------
        path : str or path-like
            The file to write.

        Raises
        ------
        ImportError
            Without the extra `onnx`.
        """
        check_is_fitted(self, "network_")
        from ctmri_detect.networks.onnx import onnx_bytes

        Path(path).write_bytes(onnx_bytes(self.network_, self.image_shape_))
