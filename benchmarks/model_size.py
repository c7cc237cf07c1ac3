"""The size of a saved model that was fitted on 3000 pairs.

    python benchmarks/model_size.py --out benchmarks/results/model_size.jsonl

400 phantom pairs, prepared at 128 pixels, make 3000: mirrored, moved by a pixel or two, with other
gains and more noise. Eight slices in turn are a patient's. Networks are trained for one epoch,
because their size does not depend on it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from run_synthetic import commit

from ctmri_detect import Pairs
from ctmri_detect.cli.detectors import make_detector, train_with
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.persistence import save
from ctmri_detect.preprocessing import make_preprocessor

PAIRS = 3000


def many_slices() -> np.ndarray:
    """The prepared pairs."""
    heads = [make_phantom_pairs(25, 8, random_state=seed).data for seed in (100, 125)]
    raw = Pairs(np.concatenate([np.asarray(part) for part in heads]), ct_units="hu")
    X = np.asarray(make_preprocessor("hu").fit_transform(raw))
    rng, parts = np.random.default_rng(100), []
    for k in range(-(-PAIRS // len(X))):
        gain = rng.uniform(0.85, 1.15, (len(X), 2, 1, 1)).astype(np.float32)
        noise = rng.normal(0, 0.01, X.shape).astype(np.float32)
        turned = X[..., ::-1] if k % 2 else X
        parts.append(np.roll(turned, k // 2 - 1, axis=2) * gain + noise)
    return np.concatenate(parts)[:PAIRS]


def measured(name: str, X: np.ndarray) -> dict[str, object]:
    """One row: fit, save, look at the file."""
    detector = make_detector(name, 0)
    if name not in ("cross-modal", "fast"):
        train_with(detector, name, max_epochs=1)
    start = time.perf_counter()
    detector.fit(X, groups=np.arange(len(X)) // 8)
    seconds = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.ctmri"
        save(detector, path)
        size = path.stat().st_size
    found = {"detector": name, "pairs": len(X), "patients": -(-len(X) // 8), "side": X.shape[-1]}
    return found | {"megabytes": round(size / 1e6, 1), "seconds_fit": round(seconds)}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--detectors", nargs="*", default=["cross-modal", "balanced"])
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    here, X = commit(), many_slices()
    for name in asked.detectors:
        row = measured(name, X) | {"commit": here}
        print(row)
        if asked.out:
            with asked.out.open("a") as file:
                file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
