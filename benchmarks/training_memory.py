"""Memory of training an autoencoder on more pairs than memory should hold.

Run by hand; it writes a memmap (20,000 pairs of 128x128: 2.6 GB) into a temporary folder:

    python benchmarks/training_memory.py --out benchmarks/results/training_memory.jsonl

One line: the peak of anonymous resident memory of the whole process (libraries and all; pages of
the memmap are the system's) in one epoch of `ConvAutoencoderDetector.fit`, with checkpoints and a
validation split. It asserts that the peak stays under 1.5 GB.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from ctmri_detect import ConvAutoencoderDetector
from ctmri_detect.evaluation.memory import PeakMemory, resident_bytes
from ctmri_detect.networks.training.settings import Training

LIMIT_GB = 1.5
CHANNELS = (8, 16, 32, 64)  # a small network: the data are in question


def write_pairs(path: Path, n: int, side: int) -> None:
    """Noise, with patients of eight slices that differ in brightness."""
    pairs = np.lib.format.open_memmap(path, "w+", np.float32, (n, 2, side, side))
    rng = np.random.default_rng(0)
    for start in range(0, n, 8):
        block = rng.standard_normal((min(8, n - start), 2, side, side), dtype=np.float32)
        pairs[start : start + 8] = block + np.float32(rng.normal())
    pairs.flush()


def measure(n: int, side: int) -> dict[str, float | int]:
    """One line of results."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pairs.npy"
        write_pairs(path, n, side)
        X = np.load(path, mmap_mode="r")
        training = Training(
            max_epochs=1, patience=5, augmentation="flip", verbose=1, checkpoint_dir=folder
        )
        detector = ConvAutoencoderDetector(channels=CHANNELS, training=training, random_state=0)
        before, start = resident_bytes(), time.perf_counter()
        with PeakMemory() as memory:
            detector.fit(X, groups=np.arange(n) // 8)
        seconds = time.perf_counter() - start
    peak = before / 1e9 + memory.increase_mb * 2**20 / 1e9
    return {
        "pairs": n,
        "side": side,
        "data_gb": round(n * 2 * side * side * 4 / 1e9, 2),
        "peak_anonymous_gb": round(peak, 3),
        "seconds": round(seconds, 1),
        "threads": torch.get_num_threads(),
    }


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=20_000)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    row = measure(args.pairs, args.side)
    print(json.dumps(row))
    if args.out is not None:
        with args.out.open("a") as file:
            file.write(json.dumps(row) + "\n")
    assert row["peak_anonymous_gb"] < LIMIT_GB, row


if __name__ == "__main__":
    main()
