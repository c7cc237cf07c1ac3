"""Mean and variance of values of each plane from the other planes, by one small network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator

from ctmri_detect._extras import require
from ctmri_detect.networks.device import resolve_device
from ctmri_detect.networks.planes_prediction import Columns, Layers, predict_planes
from ctmri_detect.networks.portable import PortableNetwork
from ctmri_detect.networks.rows import fit_on_rows
from ctmri_detect.networks.training.settings import Training

if TYPE_CHECKING:
    from torch import Tensor

Values = npt.NDArray[np.float32]
Predict = Callable[[Columns, Sequence[int]], tuple[Values, Values]]
"""Mean and variance of the values of these planes, ``(n_targets, n_values, n)`` each."""

_LEAST_SPREAD = 1e-6


class PlanesRegressor(PortableNetwork, BaseEstimator):
    """Mean and variance of values of each plane from the features of all others, for many planes.

    One network for all planes (`PlanesNetwork`), so that time and memory are in proportion to
    their number. `NetworkRegressor` is the same for one plane.

    Parameters
    ----------
    training : Training
    trim : float
        Share of the worst predicted values of a plane that training leaves out, 0 to below 1.
    device : str
        Where it is trained; predictions are numpy's, on the CPU.
    random_state : int
        Initial weights and order of the batches.
    width : int, default=64
        Units of each of the two hidden layers.

    Attributes
    ----------
    network_ : PlanesNetwork
    scales_ : dict of str to float64 array
        "features" and "own": mean and standard deviation of each column, ``(2, n_planes, k)``;
        "values": the same, ``(2, n_planes, n_values)``.
    """

    def __init__(
        self, training: Training, trim: float, device: str, random_state: int, width: int = 64
    ) -> None:
        self.training = training
        self.trim = trim
        self.device = device
        self.random_state = random_state
        self.width = width

    def fit(
        self, table: Values, values: Values, kept: npt.NDArray[np.bool_], n_features: int
    ) -> PlanesRegressor:
        """Learn from pixels or cells.

        Parameters
        ----------
        table : float32 array (n, n_columns)
            Rows of `Columns.table`; changed in place.
        values : float32 array (n, n_planes, n_values)
            What is predicted; NaN where it is not known.
        kept : bool array (n, n_planes)
            Which planes each row may use; the others count as missing.
        n_features : int
            Of each plane.
        """
        require("torch", extra="torch")
        from ctmri_detect.networks.planes import new_planes_network

        n, n_planes, n_values = values.shape
        cut = n_planes * (n_features + 1)
        sources = table[:, :cut].reshape(n, n_planes, n_features + 1)
        own = table[:, cut:].reshape(n, n_planes, -1)
        seen = sources[..., -1] > 0
        whole = np.ones_like(seen)
        self.scales_ = {
            "features": _standardised(sources[..., :-1], seen),
            "own": _standardised(own, whole),
        }
        sources[~(kept & seen)] = 0
        values = values.copy()
        self.scales_["values"] = _standardised(values, whole)
        self.device_ = resolve_device(self.device)
        self.network_ = new_planes_network(
            self.random_state,
            n_planes=n_planes,
            n_features=n_features,
            n_own=own.shape[-1],
            width=self.width,
            n_values=n_values,
        )
        self.history_ = fit_on_rows(
            self.network_,
            (table, values.reshape(n, -1)),
            partial(_loss, trim=self.trim, n_planes=n_planes),
            self.training,
            random_state=self.random_state,
            device=self.device_,
        )
        self.network_, self.device_ = self.network_.cpu(), "cpu"  # scoring is numpy's
        return self

    def predictor(self) -> Predict:
        """A function that predicts planes; its weights are prepared once for many predictions."""
        from ctmri_detect.networks.planes import folded_planes

        return partial(self._predict, folded_planes(self.network_, self.scales_))

    def _predict(
        self, layers: Layers, columns: Columns, targets: Sequence[int]
    ) -> tuple[Values, Values]:
        mean, log_variance = predict_planes(layers, columns, list(targets))
        center, scale = self.scales_["values"][:, list(targets), :, None].astype(np.float32)
        return mean * scale + center, np.exp(log_variance) * np.square(scale)


def _standardised(columns: Values, used: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Standardise ``(n, n_planes, k)`` in place where `used` ``(n, n_planes)``; mean and spread.

    NaN is left out. The spread is 1 where a column is constant.
    """
    scales = np.zeros((2, *columns.shape[1:]))
    scales[1] = 1
    for plane, k in np.ndindex(columns.shape[1:]):  # column by column: no copy of all of them
        column = columns[:, plane, k]
        known = used[:, plane] & ~np.isnan(column)
        here = column[known].astype(np.float64)
        if not len(here):
            continue
        spread = here.std()
        scales[:, plane, k] = here.mean(), spread if spread > _LEAST_SPREAD else 1.0
        column[known] = (here - scales[0, plane, k]) / scales[1, plane, k]
    return scales


def _loss(
    output: tuple[Tensor, Tensor], target: Tensor, progress: float, trim: float, n_planes: int
) -> Tensor:
    """The sum over the planes of `trimmed_likelihood`, where their values are known."""
    import torch

    from ctmri_detect.networks.likelihood import trimmed_likelihood

    losses = []
    parts = (part.chunk(n_planes, dim=1) for part in (*output, target))
    for mean, log_variance, value in zip(*parts, strict=True):
        known = ~torch.isnan(value)
        error = (value[known] - mean[known]) ** 2
        losses.append(trimmed_likelihood(error, log_variance[known], progress, trim))
    return torch.stack(losses).sum()
