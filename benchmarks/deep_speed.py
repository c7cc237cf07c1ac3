"""How fast detectors on deep features learn and score, and what a coreset costs.

Run by hand, with nothing else running; appends JSON lines:

    python benchmarks/deep_speed.py --threads 2 --out benchmarks/results/deep_speed.jsonl

The fit of 400 healthy pairs of 50 subjects and `decision_function` of 96 pairs of other subjects,
at 128 pixels. Without ``--only`` also 100,000 random patches of 48 features into a coreset of
10,000, and the memory of a patch memory's fit on 100 and on 400 pairs. In the same process, on the
same threads, a 4096 x 4096 float32 matrix product (median of five) as a measure of the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from cross_modal_speed import cpu_name, seconds_of
from threadpoolctl import threadpool_limits

from ctmri_detect import DeepFeatureDetector, PatchMemoryDetector
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.detectors.patch_memory import greedy_coreset
from ctmri_detect.evaluation.memory import PeakMemory
from ctmri_detect.features import FilterBankFeatures
from ctmri_detect.preprocessing import make_preprocessor

SEED = 120
DETECTORS: dict[str, Callable[[], Any]] = {
    "mahalanobis": lambda: DeepFeatureDetector(random_state=SEED),
    "ocsvm": lambda: DeepFeatureDetector("ocsvm", random_state=SEED),
    "memory": lambda: PatchMemoryDetector(random_state=SEED),
}


def measure(names: list[str]) -> Iterator[dict[str, Any]]:
    """Rows of the detectors, of the coreset and of memory."""
    step = make_preprocessor("hu", size=128)
    healthy = make_phantom_pairs(50, 8, anomalous_fraction=0, random_state=SEED)
    train = step.fit_transform(healthy.data)
    test = step.transform(make_phantom_pairs(12, 8, random_state=1000 + SEED).data)
    for name in names:
        detector = DETECTORS[name]()
        with PeakMemory() as memory:
            fit = seconds_of(lambda d=detector: d.fit(train, groups=healthy.groups), 1)
        score = seconds_of(lambda d=detector: d.decision_function(test), 3)
        row = {"what": name, "fit_seconds": round(fit, 1), "MiB": round(memory.increase_mb)}
        yield row | {"pairs_a_second": round(len(test) / score, 1)}
    if names != list(DETECTORS):
        return
    patches = np.random.default_rng(0).normal(size=(100_000, 48)).astype(np.float32)
    with PeakMemory() as memory:
        start = time.perf_counter()
        greedy_coreset(patches, 10_000, np.random.RandomState(0))
        seconds = time.perf_counter() - start
    row = {"what": "coreset of 10,000 from 100,000", "seconds": round(seconds, 1)}
    yield row | {"MiB": round(memory.increase_mb)}
    for n in (100, 400):
        detector = PatchMemoryDetector(
            features=FilterBankFeatures(),
            conditioning=False,
            restricted=False,
            bank_size=2000,
            random_state=0,
        )
        with PeakMemory() as memory:
            detector.fit(np.asarray(train)[:n], groups=healthy.groups[:n])
        yield {"what": f"memory of 2,000 patches, {n} pairs", "MiB": round(memory.increase_mb)}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", nargs="*", choices=DETECTORS, default=list(DETECTORS))
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    cv2.setNumThreads(arguments.threads)
    about: dict[str, Any] = {"threads": arguments.threads, "cpu": cpu_name()}
    about |= {name: version(name) for name in ("numpy", "torch", "scikit-learn")}
    a = np.random.default_rng(0).standard_normal((4096, 4096), dtype=np.float32)
    with threadpool_limits(arguments.threads):
        about["product_seconds"] = round(seconds_of(lambda: a @ a, 5), 2)
        for row in measure(arguments.only):
            row |= about | {"load": round(os.getloadavg()[0], 1)}
            print(json.dumps(row), flush=True)
            if arguments.out:
                with arguments.out.open("a") as file:
                    file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
