"""How likely a pixel is anomalous, from its features, by a small network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.preprocessing import StandardScaler

from ctmri_detect._extras import require
from ctmri_detect.networks.device import resolve_device
from ctmri_detect.networks.portable import PortableNetwork
from ctmri_detect.networks.rows import fit_on_rows
from ctmri_detect.networks.training.settings import Training

if TYPE_CHECKING:
    from torch import Tensor

Values = npt.NDArray[np.float32]


class NetworkClassifier(PortableNetwork, BaseEstimator):
    """The logit that a pixel is anomalous, from its features.

    A small network that minimises the cross-entropy.

    Parameters
    ----------
    hidden : sequence of int
        Units of each hidden layer.
    training : Training
    device : str
        Where it is trained; logits are numpy's, on the CPU.
    random_state : int
        Initial weights and order of the batches.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(2000, 2)).astype(np.float32)
    >>> training = Training(max_epochs=10, batch_size=100, lr=1e-2)
    >>> classifier = NetworkClassifier((8,), training, "cpu", 0).fit(x, x[:, 0] > 0)
    >>> (classifier.logits(np.float32([[-1, 0], [1, 0]])) > 0).tolist()
    [False, True]
    """

    def __init__(
        self, hidden: Sequence[int], training: Training, device: str, random_state: int
    ) -> None:
        self.hidden = hidden
        self.training = training
        self.device = device
        self.random_state = random_state

    def fit(self, features: Values, anomalous: npt.NDArray[np.bool_]) -> NetworkClassifier:
        """Learn from features ``(n, n_features)`` and whether each pixel is anomalous ``(n,)``."""
        require("torch", extra="torch")
        from ctmri_detect.networks.pixel import new_classifier

        self.scaler_ = StandardScaler(copy=True).fit(features)
        self.device_ = resolve_device(self.device)
        hidden = [int(units) for units in self.hidden]
        self.network_: Any = new_classifier(features.shape[1], hidden, self.random_state)
        inputs = self.scaler_.transform(features).astype(np.float32, copy=False)
        self.history_ = fit_on_rows(
            self.network_,
            (inputs, anomalous.astype(np.float32)),
            _cross_entropy,
            self.training,
            random_state=self.random_state,
            device=self.device_,
        )
        self.network_ = self.network_.cpu()  # scoring is numpy's
        self.device_ = "cpu"
        return self

    def logits(self, features: Values) -> Values:
        """``(n, n_features)`` to logits ``(n,)``; high = anomalous."""
        return next(self.logits_each([features]))

    def logits_each(self, parts: Iterable[Values]) -> Iterator[Values]:
        """`logits` for the features of one image after the other."""
        from ctmri_detect.networks.pixel import folded_layers, outputs

        layers = folded_layers(self.network_, self.scaler_.mean_, self.scaler_.scale_)
        for features in parts:
            yield outputs(layers, features)[0]


def _cross_entropy(logit: Tensor, target: Tensor, _: float) -> Tensor:
    from torch.nn.functional import binary_cross_entropy_with_logits

    return binary_cross_entropy_with_logits(logit, target)
