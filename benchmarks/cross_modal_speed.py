"""How fast `CrossModalDetector` learns and scores, beside a matrix product on the same threads.

Run by hand, with nothing else running; appends a JSON line:

    python benchmarks/cross_modal_speed.py --threads 2 \
        --out benchmarks/results/cross_modal_speed.jsonl

The pixel form with all three kinds of evidence, at 128 pixels: the fit of 400 healthy pairs of 50
subjects, `decision_function` of 360 pairs of 45 other subjects (median of three), and in the same
process, on the same threads, a 4096 x 4096 float32 matrix product (median of five) as a measure of
the machine. The profile is of one more call on one thread: milliseconds a pair in each stage,
without the stages inside it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
import torch
from threadpoolctl import threadpool_limits

from ctmri_detect import CrossModalDetector
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.preprocessing import make_preprocessor

ALL = ("mismatch", "symmetry", "within")
SEED = 120
CROSS_MODAL, SCORING = "ctmri_detect.detectors.cross_modal.", "ctmri_detect.scoring."
STAGES = {  # what is timed, by the name under which it is called
    "checking X": "ctmri_detect.base.detector.check_pairs",
    "filter banks": CROSS_MODAL + "pixel_features.filter_bank",
    "shares of the masks": CROSS_MODAL + "pixel_features.mask_shares",
    "geometry": CROSS_MODAL + "pixel_features.geometry",
    "gathering features": CROSS_MODAL + "pixel_features.PairFeatures.columns",
    "features of blocks": CROSS_MODAL + "pixel_features.PairFeatures.block_means",
    "network": "ctmri_detect.networks.pixel.predict_pixels",
    "registration": CROSS_MODAL + "alignment.align_to_prediction",
    "moving the MRI": CROSS_MODAL + "alignment.warp_observed",
    "recalibration": CROSS_MODAL + "residual.recalibrate",
    "rest of the residual": CROSS_MODAL + "detector.CrossModalDetector._residual",
    "smoothing": SCORING + "evidence.masked_gaussian",
    "mirror contrast": SCORING + "evidence.mirror_contrast",
    "similar slices": SCORING + "reference.ReferenceBank.weights",
    "reference sums": SCORING + "reference.ReferenceBank._sums",
    "rest of the z-score": SCORING + "reference.ReferenceBank.standardise",
    "descriptors": SCORING + "calibration.slice_descriptors",
    "fusing and pooling": SCORING + "judging.Judging._score",
}


def seconds_of(function: Callable[[], Any], times: int) -> float:
    """Median wall time."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        function()
        found.append(time.perf_counter() - start)
    return float(np.median(found))


class Stages:
    """Seconds in each stage, without the stages inside it; one thread at a time."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.inner = [0.0]

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, and its time noted."""

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self.inner.append(0.0)
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                spent = time.perf_counter() - start
                self.seconds[name] += spent - self.inner.pop()
                self.inner[-1] += spent

        return wrapped

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Put all stages under the clock."""
        with ExitStack() as stack:
            for name, path in STAGES.items():
                patched = patch(path)
                original = patched.get_original()[0]
                stack.enter_context(patch(path, self.timed(name, original)))
            yield


def profile(detector: Any, X: np.ndarray) -> dict[str, float]:
    """Milliseconds a pair by stage, on one thread."""
    stages = Stages()
    with threadpool_limits(1), stages.watch():
        start = time.perf_counter()
        detector.decision_function(X)
        total = time.perf_counter() - start
    stages.seconds["the rest"] = total - sum(stages.seconds.values())
    stages.seconds["all"] = total
    return {name: round(1000 * s / len(X), 3) for name, s in stages.seconds.items()}


def cpu_name() -> str:
    """As the system has it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def measure(threads: int) -> dict[str, Any]:
    """One row."""
    healthy = make_phantom_pairs(50, 8, anomalous_fraction=0, random_state=SEED)
    step = make_preprocessor("hu", size=128)
    train = step.fit_transform(healthy.data)
    test = make_phantom_pairs(45, 8, anomalous_fraction=0.5, random_state=1000 + SEED)
    X = step.transform(test.data)
    a = np.random.default_rng(0).standard_normal((4096, 4096), dtype=np.float32)
    detector = CrossModalDetector(evidence=ALL, random_state=SEED)
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    load = os.getloadavg()[0]
    with threadpool_limits(threads):
        product = seconds_of(lambda: a @ a, 5)
        fit = seconds_of(lambda: detector.fit(train, groups=healthy.groups), 1)
        score = seconds_of(lambda: detector.decision_function(X), 3)
    return {
        "what": "400 pairs fitted, 360 scored, 128 pixels, all evidence",
        "cpu": cpu_name(),
        "threads": threads,
        "load before": round(load, 2),
        **{name: version(name) for name in ("numpy", "torch", "opencv-python-headless")},
        "product, s": round(product, 3),
        "fit, s": round(fit, 2),
        "fit in products": round(fit / product, 1),
        "score, s": round(score, 2),
        "pairs a second": round(len(X) / score, 1),
        "profile, ms a pair on one thread": profile(detector, X),
    }


def main() -> None:
    """Measure, print, append."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, choices=(1, 2), default=2)
    parser.add_argument("--out", type=Path, default=None)
    arguments = parser.parse_args()
    row = json.dumps(measure(arguments.threads))
    print(row)
    if arguments.out:
        with arguments.out.open("a") as file:
            file.write(row + "\n")


if __name__ == "__main__":
    main()
