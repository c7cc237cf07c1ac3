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
from ctmri_detect._parameters import DEVICE, Constraints, SequenceOf, Such, check_parameters
from ctmri_detect._types import LabelsLike, PairsLike
from ctmri_detect.base.estimator import PairedEstimator, PlainOutput
from ctmri_detect.base.traits import Traits
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.features.grid import FeatureGrid
from ctmri_detect.features.planes import enlarged, grey_range, nearest_filled, observed_cells
from ctmri_detect.features.weights import load_backbone
from ctmri_detect.networks.device import available_device, resolve_device
from ctmri_detect.networks.portable import PortableNetwork
from ctmri_detect.networks.torch_settings import own_settings
from ctmri_detect.validation import check_pairs

LAYERS = ("blocks.4", "blocks.10")  # of EfficientNet-Lite0: 40 channels, stride 8; 112, stride 16
LEAST_SIDE = 32  # smaller images are enlarged; otherwise they have too few cells
_BATCH = 16


def _is_module(value: object) -> bool:
    kinds = [(kind.__module__, kind.__name__) for kind in type(value).__mro__]
    return ("torch.nn.modules.module", "Module") in kinds  # works without torch


class BackboneFeatures(PortableNetwork, PlainOutput, TransformerMixin, PairedEstimator):
    """Outputs of layers of a trained network for each plane.

    By default EfficientNet-Lite0, pretrained on photographs (ImageNet) and never changed, turns
    each plane into a grid of 40 + 112 channels (strides 8 and 16, both on the grid of stride 8).
    Its weights come in an installed package, so nothing is downloaded.

    It fails where an anomaly is smaller than about half a cell. The default network knows nothing
    of medicine: a detector has to learn which of its channels matter.

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
        ``("blocks.4", "blocks.10")`` of EfficientNet-Lite0; a module of one's own needs names.
        More layers describe a cell better and cost time and memory in the detector.
    device : str, default="auto"
        Where the network runs: "auto" (CUDA where it is), "cpu", "cuda".

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
    because black pixels would make the outline of the mask the strongest edge. Planes with a
    side below 32 pixels are enlarged. The layer with the finest grid sets the cells; the others
    are interpolated linearly. A cell is seen where at least half of its pixels were observed.

    References
    ----------
    Tan and Le (2019), EfficientNet: rethinking model scaling for convolutional neural networks,
    ICML. Roth et al. (2022), Towards total recall in industrial anomaly detection, CVPR, for
    patch features of two depths.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(3, 2, 96, 64)).astype(np.float32)
    >>> X[0, 1] = np.nan
    >>> grid = BackboneFeatures(device="cpu").fit(X).grids(X)
    >>> grid.values.shape, grid.stride, bool(grid.seen[0, 1].any())
    ((3, 2, 12, 8, 152), 8.0, False)
    """

    traits = Traits(missing_modality=True)
    _parameter_constraints: ClassVar[Constraints] = {
        "module": [Such("a torch.nn.Module (an instance)", _is_module), None],
        "layers": [SequenceOf("a list of names of layers", str), None],
        "device": DEVICE,
    }

    def __init__(
        self, module: Any = None, layers: Sequence[str] | None = None, device: str = "auto"
    ) -> None:
        self.module = module
        self.layers = layers
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
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        ImportError
            Without torch or the package with the weights.
        ValueError
            Where the network has no such layer, the weights are not the published ones, or the
            device is unknown.
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

        Parameters
        ----------
        X : array-like of shape (n_samples, n_planes, height, width)

        Returns
        -------
        float32 array (n_samples, n_planes, n_channels, grid height, grid width)
            NaN in cells of which less than half was observed.
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
        """The features of one block of checked pairs, in one batch.

        Parameters
        ----------
        block : float32 array (n_samples, n_planes, height, width)

        Returns
        -------
        FeatureGrid
            One group for each plane, and the channels of all layers as features. With the
            default layers the stride is 8 (less where planes have to be enlarged).

        Raises
        ------
        InvalidPairsError
            Where the number of planes is not that of the training pairs.
        """
        check_is_fitted(self, "low_")
        if block.shape[1] != len(self.low_):
            raise InvalidPairsError(
                f"The block has {block.shape[1]} plane(s); expected {len(self.low_)}, as in fit."
            )
        planes = enlarged(block, LEAST_SIDE)
        values, stride = self._run(self._as_images(planes))
        seen = observed_cells(planes, stride)
        values = values.reshape(*block.shape[:2], *values.shape[1:])
        rows, columns = seen.shape[2:]
        scale = planes.shape[-1] / block.shape[-1]
        return FeatureGrid(values[:, :, :rows, :columns], seen, stride / scale)

    def _as_images(self, planes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Grey images ``(n, h, w)`` from -1 (black) to 1, their sides a multiple of 16 or 32."""
        multiple = 16 if self.module is None else 32
        flat = planes.reshape(-1, *planes.shape[2:])
        low, high = (np.tile(v, len(planes))[:, None, None] for v in (self.low_, self.high_))
        grey = np.clip((nearest_filled(flat) - low) / (high - low), -0.5, 1.5)
        pad = [(0, -side % multiple) for side in flat.shape[1:]]
        return np.pad(2 * grey - 1, [(0, 0), *pad], mode="edge").astype(np.float32)

    def _run(self, images: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], int]:
        """Outputs of the layers ``(n, gh, gw, channels)``, and the side of a cell."""
        import torch
        from torch.nn import functional

        from ctmri_detect.features.layers import layer_outputs

        device = available_device(self.device_)
        network = load_backbone(device) if self.module is None else self.network_
        given = torch.from_numpy(images).to(device)[:, None].expand(-1, 3, -1, -1)
        with torch.inference_mode():
            outputs = layer_outputs(
                network, self.layers_, given.contiguous(memory_format=torch.channels_last)
            )
            stride = max(1, round(images.shape[1] / max(out.shape[2] for out in outputs)))
            size = tuple(-(-side // stride) for side in images.shape[1:])
            resized = [
                out if out.shape[2:] == size else functional.interpolate(out, size, mode="bilinear")
                for out in outputs
            ]
            values = torch.cat(resized, dim=1).float().permute(0, 2, 3, 1)
            return values.cpu().numpy(), stride
