"""Training and scoring of the autoencoders, beside plain skorch with the same network.

Run by hand, on a machine that does nothing else (`--out FILE` appends a line of JSON):

    python benchmarks/autoencoder_speed.py --threads 2

At 256x256, batch 16, 64 synthetic pairs, 2 epochs, in one run on the same threads: seconds of a
4096^3 float32 product; images a second of `fit_network` as `ConvAutoencoderDetector` calls it
(bfloat16 where the hardware has it) and of a plain `skorch.NeuralNet` (float32, DataLoader) with
the same weights and loss; the last epoch's loss of both; images a second of scoring by torch
and by onnxruntime as `ConvAutoencoderDetector` does it, and by ``NeuralNet.predict``; all as shares
of the product's arithmetic rate, by torch's own count of operations.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import skorch
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ctmri_detect.networks import isolated_generators
from ctmri_detect.networks.autoencoder import PairAutoencoder
from ctmri_detect.networks.denoising import DenoisingUNet
from ctmri_detect.networks.device import resolve_device, resolve_precision
from ctmri_detect.networks.onnx import onnx_session
from ctmri_detect.networks.training.fit import fit_network
from ctmri_detect.networks.training.settings import Training

BATCH, SIDE, SAMPLES, EPOCHS = 16, 256, 64, 2


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of one call, and what it gave."""
    start = time.perf_counter()
    result = work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start, result


class Plain(skorch.NeuralNet):
    """skorch as it comes, but for a loss that is a function of output and target."""

    def get_loss(self, y_pred: Any, y_true: Any, X: Any = None, training: bool = False) -> Any:
        """The final form of the loss."""
        return self.module_.loss(y_pred, y_true.to(self.device), 1.0)


def plain_net(network: nn.Module, device: str) -> Plain:
    """skorch's defaults for everything that can be left out."""
    return Plain(
        network,
        criterion=nn.Identity,
        optimizer=torch.optim.AdamW,
        lr=1e-3,
        max_epochs=EPOCHS,
        batch_size=BATCH,
        train_split=None,
        device=device,
        verbose=0,
        iterator_train__shuffle=True,
    )


def measure(make: Callable[[], nn.Module], data: np.ndarray, device: str) -> dict[str, Any]:
    """Figures of one network."""
    with isolated_generators(0):
        network = make()
    loss = type(network).loss
    tuned = deepcopy(network).to(device)  # as `ConvAutoencoderDetector` gives it
    training = Training(max_epochs=EPOCHS, batch_size=BATCH, lr=1e-3, schedule=None)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.eval()(torch.from_numpy(data[:1]))
    work = counter.get_total_flops()
    network.train()
    ours, history = timed(
        lambda: fit_network(
            tuned,
            data,
            lambda out, y, _: loss(tuned, out, y, 1.0),
            training,
            random_state=0,
            device=device,
        )
    )
    with isolated_generators(0):
        net = plain_net(deepcopy(network), device)
        theirs, _ = timed(lambda: net.fit(data, data))
    x = torch.from_numpy(data).to(device)

    def score(batch: int) -> None:
        with torch.inference_mode():
            for start in range(0, SAMPLES, batch):
                tuned(x[start : start + batch])

    def score_onnx() -> None:
        session = onnx_session(tuned, (SIDE, SIDE))
        for start in range(0, SAMPLES, BATCH):
            session.run(None, {"pairs": data[start : start + BATCH]})

    seconds: dict[str, float] = {}
    for name, step in (("torch", lambda: score(BATCH)), ("onnxruntime", score_onnx),
                       ("plain", lambda: net.predict(data))):  # fmt: skip
        step()
        seconds[name] = float(np.median([timed(step)[0] for _ in range(3)]))
    return {
        "gflop_an_image": work / 1e9,
        "train": SAMPLES * EPOCHS / ours,
        "train_plain": SAMPLES * EPOCHS / theirs,
        "loss": float(history["train_loss"].iloc[-1]),
        "loss_plain": float(net.history[-1, "train_loss"]),
        "score": {name: SAMPLES / value for name, value in seconds.items()},
    }


def main() -> None:
    """Measure once, and print or append the line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=None)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = resolve_device("auto")
    a, b = (torch.rand(4096, 4096, device=device) for _ in range(2))
    product = float(np.median([timed(lambda: a @ b)[0] for _ in range(5)]))
    data = np.random.default_rng(0).normal(size=(SAMPLES, 2, SIDE, SIDE)).astype(np.float32)
    row: dict[str, Any] = {
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "threads": arguments.threads,
        "torch": torch.__version__,
        "precision": resolve_precision("auto", device),
        "product_seconds": product,
    }
    kinds = {"denoising": DenoisingUNet, "uncertainty": lambda: PairAutoencoder((SIDE, SIDE))}
    for name, make in kinds.items():
        figures = measure(make, data, device)
        rate = 2 * 4096**3 / product
        figures["train_share"] = 3e9 * figures["gflop_an_image"] * figures["train"] / rate
        figures["score_share"] = {
            kind: 1e9 * figures["gflop_an_image"] * value / rate
            for kind, value in figures["score"].items()
        }
        row[name] = figures
        print(name, json.dumps(figures), flush=True)
    if arguments.out:
        with arguments.out.open("a") as file:
            file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
