"""Features of a pretrained network on a coarse grid; the network is not trained further."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ctmri_detect._floats import with_default_floats
from ctmri_detect._parameters import (
    DEVICE,
    Constraints,
    SequenceOf,
    Such,
    check_parameters,
    integer,
)
from ctmri_detect._types import LabelsLike, PairsLike
from ctmri_detect.base.estimator import PairedEstimator, PlainOutput
from ctmri_detect.base.traits import Traits
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.features.grid import FeatureGrid
from ctmri_detect.features.planes import grey_range, observed_cells
from ctmri_detect.features.weights import load_backbone
from ctmri_detect.networks.device import available_device, resolve_device
from ctmri_detect.networks.portable import PortableNetwork
from ctmri_detect.networks.torch_settings import own_settings
from ctmri_detect.validation import check_pairs

LAYERS = ("stem", "blocks.0", "blocks.2", "blocks.4")  # 32, 16, 24, 40 channels; stride 2 to 8
_BATCH = 16


def _is_module(value: object) -> bool:
    kinds = [(kind.__module__, kind.__name__) for kind in type(value).__mro__]
    return ("torch.nn.modules.module", "Module") in kinds  # works without torch


class BackboneFeatures(PortableNetwork, PlainOutput, TransformerMixin, PairedEstimator):
    """Outputs of layers of a trained network for each plane.

    By default the first layers of EfficientNet-Lite0, pretrained on photographs (ImageNet) and
    never changed, turn each plane, at twice its size, into 32 + 16 + 24 + 40 = 112 numbers for
    each cell of 4 x 4 pixels. Its weights come in an installed package, so nothing is downloaded.

    It fails where an anomaly is much smaller than a cell, and knows nothing of medicine.

    Parameters
    ----------
    module : torch.nn.Module, default=None
        A trained network. None means EfficientNet-Lite0. It gets images
        ``(n, 3, height, width)``, see Notes; put other scaling, or the mean of the three
        channels, in front of it with ``torch.nn.Sequential``. `fit` takes a copy in evaluation
        mode; the module itself is left as it is.
    layers : sequence of str, default=None
        Names of layers as in ``module.named_modules()``, each of which gives a tensor
        ``(n, channels, height, width)``. Layers after the last one don't run. None means
        ``("stem", "blocks.0", "blocks.2", "blocks.4")`` of EfficientNet-Lite0; a module of
        one's own needs names. More layers cost time and memory in the detector.
    enlargement : int, default=2
        How many times each plane is enlarged (bilinear) before the network sees it. The time
        grows with its square; 1 leaves the plane as it is.
    cell : int or None, default=None
        Side of a cell in pixels of the plane. None means the stride of the coarsest layer divided
        by `enlargement`: 4 for the default layers. Smaller cells cost memory.
    device : str, default="auto"
        Where the network runs: "auto" (CUDA if there is), "cpu", "cuda".

    Attributes
    ----------
    low_, high_ : float64 arrays (n_planes,)
        1st and 99th percentile of each plane in training, which become black and white.
    layers_ : tuple of str
        The layers in use.
    network_ : torch.nn.Module
        The copy of `module` in use; absent for the default network, which is shared.
    device_ : str
        The device in use.
    image_shape_ : (int, int)
        Height and width of the training pairs.

    Notes
    -----
    Each plane is described by itself, so X may have any number of planes. A plane is a grey image
    ``(x - low) / (high - low)``, clipped to -0.5..1.5, repeated in three channels and mapped from
    0..1 to -1..1 as the default weights expect (TensorFlow's convention, mean 127 and scale 128
    of 8-bit images). Pixels that were not observed take the value of the nearest observed one,
    because black pixels would make the outline of the mask the strongest edge. Planes with a side
    below 32 pixels are enlarged to 32 at least. Layers on a finer grid than the cells are averaged
    over each cell, coarser ones interpolated linearly. A cell is seen where at least half of its
    pixels were observed. The network does not run for a plane that is missing.

    `fit` learns the grey range and nothing else of the patients, so ``traits.trains`` is False: a
    detector computes the features of a fit once, however many patients it holds out.

    References
    ----------
    Tan and Le (2019), EfficientNet: rethinking model scaling for convolutional neural networks,
    ICML. Roth et al. (2022), Towards total recall in industrial anomaly detection, CVPR, for
    patch features of several depths.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(3, 2, 96, 64)).astype(np.float32)
    >>> X[0, 1] = np.nan
    >>> grid = BackboneFeatures(device="cpu").fit(X).grids(X)
    >>> grid.values.shape, grid.stride, bool(grid.seen[0, 1].any())
    ((3, 2, 24, 16, 112), 4, False)
    """

    traits = Traits(trains=False, missing_modality=True)
    _parameter_constraints: ClassVar[Constraints] = {
        "module": [Such("a torch.nn.Module (an instance)", _is_module), None],
        "layers": [SequenceOf("a list of names of layers", str), None],
        "enlargement": [integer(1)],
        "cell": [integer(1), None],
        "device": DEVICE,
    }

    def __init__(
        self,
        module: Any = None,
        *,
        layers: Sequence[str] | None = None,
        enlargement: int = 2,
        cell: int | None = None,
        device: str = "auto",
    ) -> None:
        self.module = module
        self.layers = layers
        self.enlargement = enlargement
        self.cell = cell
        self.device = device

    def _check_parameters(self) -> None:
        if self.module is not None and self.layers is None:
            raise ValueError(
                "BackboneFeatures has a module and no layers. Name the layers whose outputs are "
                "the features: [name for name, _ in module.named_modules()] lists them."
            )

    @with_default_floats
    @own_settings()
    def fit(self, X: PairsLike, y: LabelsLike = None) -> BackboneFeatures:
        """Find the grey range of each plane, and check the layers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_planes, height, width)
            Pairs, prepared for a detector.
        y : ignored
            Not used.

        Returns
        -------
        self

        Raises
        ------
        ImportError
            Without torch or the package with the weights.
        ValueError
            If the network has no such layer, the device is unknown, or the weights are not the
            published ones.
        """
        check_parameters(self)
        from ctmri_detect.features.layers import check_layers

        device = resolve_device(self.device)
        layers = LAYERS if self.layers is None else tuple(self.layers)
        network = load_backbone(device) if self.module is None else self.module
        check_layers(network, layers)
        reader = check_pairs(X)
        self.low_, self.high_ = grey_range(reader)
        self.device_, self.layers_, self.image_shape_ = device, layers, reader.shape[2:]
        self.__dict__.pop("network_", None)
        if self.module is not None:
            self.network_ = deepcopy(self.module).eval().requires_grad_(False).to(device)
        return self

    @with_default_floats
    def transform(self, X: PairsLike) -> npt.NDArray[np.float32]:
        """The features of all samples as one array, channels first.

        float32 ``(n_samples, n_planes, n_channels, grid height, grid width)``; NaN in cells of
        which less than half was observed.
        """
        check_is_fitted(self, "low_")
        reader = check_pairs(X)
        parts = []
        for start in range(0, len(reader), _BATCH):  # one fixed length, the last block padded
            rows = np.minimum(np.arange(start, start + _BATCH), len(reader) - 1)
            grid = self.grids(reader[rows])
            values = np.where(grid.seen[..., None], grid.values, np.float32(np.nan))
            parts.append(np.moveaxis(values[: len(reader) - start], -1, 2))
        return np.concatenate(parts)

    @with_default_floats
    @own_settings()
    def grids(self, block: npt.NDArray[np.float32]) -> FeatureGrid:
        """The features of one block of checked pairs.

        Parameters
        ----------
        block : float32 array (n_samples, n_planes, height, width)
            A block of pairs; NaN where nothing was observed.

        Returns
        -------
        FeatureGrid
            One group for each plane, and the channels of all layers as features; 0 where a whole
            plane is missing. The stride is `cell`. float16 for the default network, else float32.

        Raises
        ------
        InvalidPairsError
            If the number of planes is not that of the training pairs.
        """
        from ctmri_detect.features.cells import describe_cells

        check_is_fitted(self, "low_")
        if block.shape[1] != len(self.low_):
            raise InvalidPairsError(
                f"The block has {block.shape[1]} plane(s); expected {len(self.low_)}, as in fit. "
                "Give the same planes."
            )
        there = np.asarray(~np.isnan(block).all(axis=(2, 3)))
        there[0, 0] |= not there.any()  # one plane tells the number of channels
        which, device = np.nonzero(there)[1], available_device(self.device_)
        described, cell = describe_cells(
            load_backbone(device) if self.module is None else self.network_,
            self.layers_,
            block[there],
            grey_range=(self.low_[which], self.high_[which]),
            channels=1 if self.module is None else 3,
            enlargement=self.enlargement,
            cell=self.cell,
            device=device,
        )
        seen = observed_cells(block, cell)
        kept = np.float16 if self.module is None else np.float32  # others may exceed float16
        values = np.zeros((*seen.shape, described.shape[-1]), kept)
        values[there] = described[:, : seen.shape[2], : seen.shape[3]]
        return FeatureGrid(values, seen, cell)
