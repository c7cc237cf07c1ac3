"""How fast the default features are, beside a matrix product on the same threads.

Run by hand, with nothing else running; appends a JSON line:

    python benchmarks/backbone.py --threads 1 --out benchmarks/results/backbone.jsonl

Planes of 128 x 128 pixels a second, median of five passes over 64 planes: `BackboneFeatures.grids`
with all that belongs to it (masks, grey values, cells); its network alone in torch (enlarge, stem
and blocks 0 to 4, means over cells), one plane at a time as `grids` runs it; and the same as an
ONNX model in onnxruntime, one plane and 16 planes at a time. Each is also a share of the arithmetic
rate of a 4096^3 float32 product (median of five) in the same process. Operations are torch's own
count for the convolutions.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from ctmri_detect.features import BackboneFeatures
from ctmri_detect.features.backbone import LAYERS
from ctmri_detect.features.cells import on_cells
from ctmri_detect.features.weights import load_backbone
from ctmri_detect.testing import make_heads

SIDE, CELL, PAIRS, REPEATS = 128, 4, 32, 5


class DefaultNetwork(nn.Module):
    """The part of the network that runs for the default features, without hooks."""

    def __init__(self) -> None:
        super().__init__()
        whole = load_backbone("cpu")
        self.stem, self.blocks = whole.stem, whole.blocks[: 1 + int(LAYERS[-1].split(".")[1])]

    def forward(self, grey: Tensor) -> Tensor:
        """Grey images ``(n, 1, h, w)`` to features ``(n, rows, columns, 112)``."""
        x = self.stem(F.interpolate(grey, scale_factor=2, mode="bilinear"))
        outputs = [x]
        for i, block in enumerate(self.blocks):
            x = block(x)
            if f"blocks.{i}" in LAYERS:
                outputs.append(x)
        return on_cells(outputs, (SIDE // CELL, SIDE // CELL))


def seconds(work: Callable[[], Any]) -> float:
    """Median time, after one run to warm up."""
    times = []
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return float(np.median(times[1:]))


def session_of(network: nn.Module, threads: int) -> Any:
    """onnxruntime's session for any number of images."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network,
            (torch.zeros(2, 1, SIDE, SIDE),),
            input_names=["grey"],
            dynamic_shapes=({0: torch.export.Dim("n")},),
            dynamo=True,
            verbose=False,
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(
        program.model_proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def measure(threads: int) -> dict[str, Any]:
    """One row."""
    X = make_heads(PAIRS, size=SIDE)
    features, network = BackboneFeatures(device="cpu").fit(X), DefaultNetwork()
    planes = np.random.default_rng(0).uniform(-1, 1, (2 * PAIRS, 1, SIDE, SIDE))
    planes = planes.astype(np.float32)
    session = session_of(network, threads)

    def in_torch() -> None:
        with torch.inference_mode():
            for plane in torch.from_numpy(planes).split(1):
                network(plane)

    def in_onnxruntime(at_once: int) -> None:
        for start in range(0, len(planes), at_once):
            session.run(None, {"grey": planes[start : start + at_once]})

    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        expected = network(torch.from_numpy(planes[:2]))
    found = session.run(None, {"grey": planes[:2]})[0]
    work = counter.get_total_flops() / 2
    a = np.random.default_rng(0).standard_normal((4096, 4096), dtype=np.float32)
    torch.set_num_threads(threads)
    load = os.getloadavg()[0]
    with threadpool_limits(threads):
        product = seconds(lambda: a @ a)
        taken = {
            "grids": seconds(lambda: features.grids(X)),
            "torch": seconds(in_torch),
            "onnxruntime": seconds(lambda: in_onnxruntime(1)),
            "onnxruntime, 16 at a time": seconds(lambda: in_onnxruntime(16)),
        }
    rate = 2 * 4096**3 / product
    return {
        "what": f"default BackboneFeatures, planes of {SIDE} x {SIDE}",
        "threads": threads,
        "load before": round(load, 2),
        **{name: version(name) for name in ("numpy", "torch", "onnxruntime")},
        "product, s": round(product, 3),
        "product, GFLOP/s": round(rate / 1e9, 1),
        "GFLOP a plane": round(work / 1e9, 4),
        "largest difference of onnxruntime": float(np.abs(found - expected.numpy()).max()),
        "planes a second": {name: round(len(planes) / s, 1) for name, s in taken.items()},
        "share of the product's rate": {
            name: round(work * len(planes) / s / rate, 3) for name, s in taken.items()
        },
    }


def main() -> None:
    """Measure, print, append."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, choices=(1, 2), default=1)
    parser.add_argument("--out", type=Path, default=None)
    arguments = parser.parse_args()
    row = json.dumps(measure(arguments.threads))
    print(row)
    if arguments.out:
        with arguments.out.open("a") as file:
            file.write(row + "\n")


if __name__ == "__main__":
    main()
