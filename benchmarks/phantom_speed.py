"""How fast the phantom is made, how much memory that takes, and that processes change no bit.

Run by hand, with nothing else running; appends a JSON line and asserts its claims:

    python benchmarks/phantom_speed.py --out benchmarks/results/phantom_speed.jsonl

1,000 pairs of 256 pixels: 100 subjects of 10 slices, half of the slices with an anomaly. Beside it,
on the same threads, a 4096 x 4096 float32 matrix product, as a measure of the machine.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.evaluation.memory import PeakMemory

LIMIT = 60.0  # seconds for 1,000 pairs with two processes


def digest(X: np.ndarray) -> str:
    """Of the bits of all pairs, read in blocks."""
    found = hashlib.sha256()
    for start in range(0, len(X), 50):
        found.update(np.ascontiguousarray(X[start : start + 50]).tobytes())
    return found.hexdigest()


def matrix_product() -> float:
    """Median seconds of five products."""
    a = np.random.default_rng(0).standard_normal((4096, 4096), dtype=np.float32)
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        a @ a
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))


def main() -> None:
    """Measure, write, assert."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    row: dict[str, object] = {"what": "1,000 pairs at 256 pixels", "numpy": version("numpy")}
    row["matrix product, s"] = round(matrix_product(), 3)
    make_phantom_pairs(1, 1, size=64)  # the template is read once a process
    digests = set()
    for jobs in (1, 2):
        with tempfile.TemporaryDirectory() as folder, PeakMemory() as memory:
            start = time.perf_counter()
            made = make_phantom_pairs(
                100, 10, random_state=0, n_jobs=jobs, out=Path(folder) / "pairs.npy"
            )
            row[f"seconds, {jobs} process{'es' * (jobs > 1)}"] = round(
                time.perf_counter() - start, 1
            )
            digests.add(digest(made.data))
            del made
        row[f"anonymous memory of this process, MiB, {jobs}"] = round(memory.increase_mb, 1)
    print(json.dumps(row))
    with arguments.out.open("a") as file:
        file.write(json.dumps(row) + "\n")
    assert len(digests) == 1, "the bits depend on the number of processes"
    assert float(str(row["seconds, 2 processes"])) < LIMIT, row


if __name__ == "__main__":
    main()
