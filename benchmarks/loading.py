"""How fast pairs are read and prepared, and that memory stays flat.

Run by hand; appends JSON lines and prints a table:

    python benchmarks/loading.py --out benchmarks/results/loading.jsonl

Speed: a folder of 8-bit PNG pairs (256 x 256, synthetic heads) is loaded and goes through
`make_preprocessor`, with one process and with two; medians, and their ratio within this run.
Memory: a memmap of 1,000 and one of 10,000 pairs (128 x 128) go through `transform_to`; the rise of
anonymous memory must not grow with the number of pairs (asserted: by less than 30 MiB).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from ctmri_detect.datasets import load_pairs, make_phantom_pairs
from ctmri_detect.evaluation.memory import PeakMemory
from ctmri_detect.preprocessing import make_preprocessor, transform_to
from ctmri_detect.preprocessing.store import PairWriter

PIXELS = 256
FLAT = 30.0  # MiB


def write_folder(folder: Path, n_pairs: int) -> None:
    """8-bit PNG pairs of synthetic heads; the same few heads over and over."""
    heads = np.asarray(make_phantom_pairs(8, 4, size=PIXELS, random_state=0).data)
    for plane, name in enumerate(("CT", "MRI")):
        (folder / name).mkdir(parents=True)
        values = heads[:, plane]
        low, high = (0.0, 80.0) if plane == 0 else np.percentile(values, [0.5, 99.5])
        grey = (255 * np.clip((values - low) / (high - low), 0, 1)).astype(np.uint8)
        for i in range(n_pairs):
            cv2.imwrite(str(folder / name / f"p{i // 4:04d}_{i % 4}.png"), grey[i % len(grey)])


def median_seconds(work: Callable[[int], object], repeats: int) -> float:
    """Median over repeats; the first run warms up and is not counted."""
    seconds = []
    for i in range(repeats + 1):
        start = time.perf_counter()
        work(i)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])


def speed(n_pairs: int, repeats: int) -> list[dict[str, object]]:
    """Pairs a second, with one process and with two."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_folder(folder / "pairs", n_pairs)
        X = load_pairs(folder / "pairs").data
        steps = make_preprocessor(ct_units="uint8")
        for jobs in (1, 2):
            works: dict[str, Callable[[int], object]] = {
                "load_pairs": lambda _, jobs=jobs: load_pairs(folder / "pairs", n_jobs=jobs),
                "transform_to": lambda i, jobs=jobs: transform_to(
                    steps, X, folder / f"{jobs}-{i}.npy", n_jobs=jobs
                ),
            }
            for what, work in works.items():
                seconds = median_seconds(work, repeats)
                rows.append({"what": what, "n_jobs": jobs, "pairs": n_pairs,
                             "pairs_per_second": round(n_pairs / seconds, 1)})  # fmt: skip
    one = {row["what"]: row["pairs_per_second"] for row in rows if row["n_jobs"] == 1}
    for row in rows:
        row["ratio_to_one"] = round(row["pairs_per_second"] / one[row["what"]], 2)
    return rows


def memory(n_pairs: int) -> dict[str, object]:
    """Rise of anonymous memory while a memmap of raw pairs is prepared into another one."""
    heads = np.asarray(make_phantom_pairs(8, 4, size=128, random_state=0).data)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with PairWriter(folder / "raw.npy", shape=heads.shape[1:]) as writer:
            for start in range(0, n_pairs, len(heads)):
                writer.append(heads[: n_pairs - start])
        X = writer.open()
        steps = make_preprocessor(size=128)
        transform_to(steps, X[:64], folder / "warm.npy")  # imports and first allocations
        with PeakMemory() as peak:
            transform_to(steps, X, folder / "prepared.npy")
        return {"what": "transform_to, memory", "n_jobs": 1, "pairs": n_pairs,
                "anonymous_mb": round(peak.increase_mb, 1)}  # fmt: skip


def main() -> None:
    """Measure, print, append, and assert that memory is flat."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=None)
    arguments = parser.parse_args()
    machine = {"python": platform.python_version(), "numpy": np.__version__, "cv2": cv2.__version__,
               "cores": os.cpu_count(), "size": PIXELS}  # fmt: skip
    flat = [memory(1_000), memory(10_000)]
    rows = [*speed(arguments.pairs, arguments.repeats), *flat]
    for row in rows:
        print(json.dumps(row))
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        with arguments.out.open("a") as file:
            file.writelines(json.dumps({**row, **machine}) + "\n" for row in rows)
    grown = flat[1]["anonymous_mb"] - flat[0]["anonymous_mb"]
    assert grown < FLAT, f"memory grew by {grown:.0f} MiB from 1,000 to 10,000 pairs"


if __name__ == "__main__":
    main()
