"""One network, or two: the second also sees what the first said around each pixel."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator

from ctmri_detect.detectors.synthetic.channels import Channels, PixelFeatures
from ctmri_detect.detectors.synthetic.pool import Learned, plan, training_pixels
from ctmri_detect.detectors.synthetic.residuals import Block
from ctmri_detect.networks.classification import NetworkClassifier
from ctmri_detect.networks.training.settings import Training
from ctmri_detect.synthesis import GenericAnomalies
from ctmri_detect.validation import PairReader

_SECOND_COPIES = 1200  # that the second network learns from, at most
_FEWEST_STEPS = 80  # in an epoch; batches are smaller if there are few pixels
_BATCH = (128, 2048)


class Stages(BaseEstimator):
    """Networks that say how likely a pixel is anomalous.

    Parameters
    ----------
    stages : {1, 2}
    hidden : sequence of int
        Units of each hidden layer, in both networks.
    device : str

    Attributes
    ----------
    first_ : NetworkClassifier
    second_ : NetworkClassifier or None
        Sees the channels and the logits of the first network. It learned from logits of networks
        that did not learn from the same patient (`OtherHalf`).
    """

    def __init__(self, stages: int, hidden: Sequence[int], device: str) -> None:
        self.stages = stages
        self.hidden = hidden
        self.device = device

    def fit(
        self,
        X: PairReader,
        channels: Channels,
        anomalies: GenericAnomalies,
        copies: int,
        pixels: int,
        rng: np.random.RandomState,
    ) -> Stages:
        """Learn from varied copies of healthy slices; `channels` are fitted on the same slices."""
        chosen = plan(X.groups, len(X), copies, pixels, rng)
        learned = training_pixels(X, chosen, anomalies, channels.of_training, pixels)
        self.first_, self.second_ = self._network(learned, rng), None
        if self.stages == 2:
            other = OtherHalf(channels, learned, lambda part: self._network(part, rng))
            del learned
            most = min(copies, -(-_SECOND_COPIES // len(X)))
            chosen = plan(X.groups, len(X), most, pixels, rng)[:_SECOND_COPIES]
            learned = training_pixels(X, chosen, anomalies, other.of_training, pixels)
            self.second_ = self._network(learned, rng)
        return self

    def _network(self, learned: Learned, rng: np.random.RandomState) -> NetworkClassifier:
        batch = int(np.clip(len(learned.features) // _FEWEST_STEPS, *_BATCH))
        training = Training(max_epochs=6, batch_size=batch, lr=4e-3)
        network = NetworkClassifier(self.hidden, training, self.device, rng.randint(2**31 - 1))
        return network.fit(learned.features, learned.anomalous)

    def logits(self, channels: Block) -> Block:
        """Of each network ``(n, stages, height, width)``; NaN where nothing was observed."""
        features = PixelFeatures(channels)
        maps = [logit_maps(self.first_, features)]
        if self.second_ is not None:
            maps.append(logit_maps(self.second_, features.beside(maps[0])))
        return np.stack(maps, axis=1)


class OtherHalf:
    """First networks for copies of training slices: none learned from a copy's own patient.

    There is one for each half of the patients. (Except for anomalies:
    they may be patches of patients of the other half.)

    Parameters
    ----------
    channels : Channels
        Fitted; it says to which half a slice belongs.
    learned : Learned
        Pixels that the first network learned from.
    network : callable
        Fits a network to some of them.
    """

    def __init__(
        self, channels: Channels, learned: Learned, network: Callable[[Learned], NetworkClassifier]
    ) -> None:
        self.channels = channels
        of = channels.half_[learned.rows]
        parts = [learned.of(of == side) if (of == side).any() else learned for side in (0, 1)]
        self.networks = [network(part) for part in parts]

    def of_training(self, block: Block, rows: npt.NDArray[np.int64]) -> Block:
        """The channels of copies of these slices, and the logit as one more."""
        made = self.channels.of_training(block, rows)
        logits = np.full((len(made), 1, *made.shape[2:]), np.nan, np.float32)
        for side in (0, 1):
            here = np.flatnonzero(self.channels.half_[rows] == side)
            if len(here):
                logits[here, 0] = logit_maps(self.networks[1 - side], PixelFeatures(made[here]))
        return np.concatenate([made, logits], axis=1)


def logit_maps(network: NetworkClassifier, features: PixelFeatures) -> Block:
    """Logits of all observed pixels ``(n, height, width)``; NaN elsewhere."""
    out = np.full(features.seen.shape, np.nan, np.float32)
    places = [np.flatnonzero(seen) for seen in features.seen]
    described = (features.of(n, where) for n, where in enumerate(places))
    for n, logits in enumerate(network.logits_each(described)):
        out[n].ravel()[places[n]] = logits
    return out
