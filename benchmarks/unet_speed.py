"""How fast the U-Net of `CrossModalDetector` trains, beside a matrix product on the same device.

Run by hand, on a machine that does nothing else:

    python benchmarks/unet_speed.py --threads 2 --out benchmarks/results/unet_speed.jsonl

One line: seconds of a 4096^3 float32 product (median of 5; TF32 off) and its arithmetic rate;
samples a second and arithmetic rate of the training through `fit_network` (skorch, loss and
augmentation included; batch 16, 128x128, precision "auto"), of the bare forward and backward passes
of the same network, and their shares of the product's rate. Operations are torch's own count.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from ctmri_detect.networks.device import resolve_device, resolve_precision
from ctmri_detect.networks.training.fit import fit_network
from ctmri_detect.networks.training.settings import Training
from ctmri_detect.networks.unet import PairUNet

BATCH, SIDE, SAMPLES = 16, 128, 256
VIEWS = {"mismatch": ("other",), "mismatch and symmetry": ("other", "mirror")}


def seconds(work: Callable[[], Any], repeats: int) -> float:
    """Median time, after one run to warm up."""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return float(np.median(times[1:]))


def bare_step(network: PairUNet, x: torch.Tensor, bfloat16: bool) -> None:
    """Forward and backward pass of a batch."""
    network.zero_grad(set_to_none=True)
    with torch.autocast(x.device.type, dtype=torch.bfloat16, enabled=bfloat16):
        mean, log_variance = network(x)
    (mean.float().square().mean() + log_variance.float().square().mean()).backward()


def measure(device: str, threads: int) -> dict[str, Any]:
    """One line of results."""
    a, b = (torch.rand(4096, 4096, device=device) for _ in range(2))
    product = seconds(lambda: a @ b, 5)
    rate = 2 * 4096**3 / product
    bfloat16 = resolve_precision("auto", device) == "bfloat16"
    row: dict[str, Any] = {
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "threads": threads,
        "torch": torch.__version__,
        "precision": "bfloat16" if bfloat16 else "float32",
        "product_seconds": product,
        "product_gflops": rate / 1e9,
    }
    data = np.random.default_rng(0).normal(size=(SAMPLES, 2, SIDE, SIDE)).astype(np.float32)
    for name, views in VIEWS.items():
        network = PairUNet(views, trim=0.02).to(device, memory_format=torch.channels_last)
        x = torch.from_numpy(data[:BATCH]).to(device)
        with FlopCounterMode(display=False) as counter:
            bare_step(network, x, bfloat16)
        work = counter.get_total_flops() / BATCH
        bare = seconds(lambda net=network, x=x: bare_step(net, x, bfloat16), 5) / BATCH
        training = Training(max_epochs=1, batch_size=BATCH, lr=3e-3, augmentation="flip")
        whole = seconds(
            lambda net=network, training=training: fit_network(
                net, data, net.loss, training, random_state=0, device=device
            ),
            3,
        )
        row[name] = {
            "gflop_a_sample": work / 1e9,
            "samples_a_second": SAMPLES / whole,
            "share_of_product": work * SAMPLES / whole / rate,
            "share_of_product_bare": work / bare / rate,
        }
    return row


def main() -> None:
    """Measure once, and print or append the line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=None)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    line = json.dumps(measure(resolve_device("auto"), arguments.threads))
    print(line)
    if arguments.out:
        with arguments.out.open("a") as file:
            file.write(line + "\n")


if __name__ == "__main__":
    main()
