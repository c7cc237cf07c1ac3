"""`PatchMemoryDetector` beside anomalib's PatchCore: the same patches, bank, weights and threads.

Run by hand, with nothing else running; see README.md beside this file for anomalib's environment:

    python benchmarks/peers/compare_patchcore.py --peer anomalib-env/bin/python \
        --out benchmarks/results/peers.jsonl

96 healthy slices of 24 subjects, 160 test slices of 40 others, half of them with a lesion. Both see
three layers of EfficientNet-Lite0 on planes enlarged twice, on a grid of 32 x 32 cells, and keep
`--size` patches of each plane in float32 (anomalib) or float16 (ours). anomalib's coreset needs
about a second for each patch of its bank here, so that 10,000 would take three hours a plane.
anomalib has one model a plane, whose scores are standardised and averaged. Times of ours are those
of the whole `fit`, with patients held out for the threshold. Memory: the peak of the process of
anomalib, the rise of ours.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from threadpoolctl import threadpool_limits

from ctmri_detect import MapScoring, PatchMemoryDetector
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.evaluation.memory import PeakMemory
from ctmri_detect.features import BackboneFeatures
from ctmri_detect.features.planes import grey_images
from ctmri_detect.metrics import decision_roc_auc_score
from ctmri_detect.preprocessing import make_preprocessor

HERE = Path(__file__).resolve()
LAYERS = ("blocks.0", "blocks.2", "blocks.4")
PLAIN = {"reference": None, "symmetry": False, "smoothing": 1.0, "scales": 0.0, "cross_fit": False}


def ours(seed: int, size: int) -> dict[str, PatchMemoryDetector]:
    """From PatchCore's own settings to the defaults."""
    common: dict[str, Any] = {"features": BackboneFeatures(layers=LAYERS), "random_state": seed}
    anywhere = {"conditioning": False, "restricted": False, "bank_size": size}
    return {
        "anywhere, plain scores": PatchMemoryDetector(
            **common, **anywhere, n_neighbors=1, map_scoring=MapScoring(**PLAIN)
        ),
        "anywhere": PatchMemoryDetector(**common, **anywhere),
        "restricted": PatchMemoryDetector(**common, conditioning=False),
        "default": PatchMemoryDetector(random_state=seed),
    }


def peer(
    python: Path, train: np.ndarray, test: np.ndarray, size: int, threads: int
) -> dict[str, Any]:
    """anomalib's scores and costs."""
    with tempfile.TemporaryDirectory() as name:
        data, out = Path(name) / "data.npz", Path(name) / "out.json"
        np.savez(data, train=train, test=test)
        command = [str(python), str(HERE.with_name("patchcore.py")), str(data), str(out)]
        environment = os.environ | {"OMP_NUM_THREADS": str(threads), "PYTHONPATH": ""}
        asked = ["--size", str(size), "--threads", str(threads)]
        subprocess.run([*command, *asked], check=True, env=environment)
        return json.loads(out.read_text())


def as_grey(X: np.ndarray) -> np.ndarray:
    """Planes as the network of `BackboneFeatures` sees them, before they are enlarged."""
    low, high = (np.nanpercentile(X, q, axis=(0, 2, 3)) for q in (1, 99))
    planes = [grey_images(X[:, p], low[[p] * len(X)], high[[p] * len(X)], 1) for p in range(2)]
    return np.stack(planes, axis=1)


def run(seed: int, size: int, python: Path | None, threads: int) -> list[dict[str, Any]]:
    """A row of each."""
    healthy = make_phantom_pairs(24, 4, anomalous_fraction=0, random_state=seed)
    data = make_phantom_pairs(40, 4, anomalous_fraction=0.5, random_state=1000 + seed)
    step = make_preprocessor("hu", size=128)
    train, test = (
        np.asarray(step.fit_transform(healthy.data)),
        np.asarray(step.transform(data.data)),
    )
    rows = []
    for name, detector in ours(seed, size).items():
        with PeakMemory() as memory:
            start = time.perf_counter()
            detector.fit(train, groups=healthy.groups)
            fit = time.perf_counter() - start
            start = time.perf_counter()
            decision = detector.score_samples(test)
            score = time.perf_counter() - start
        rows.append({
            "what": f"ours: {name}", "auroc": decision_roc_auc_score(data.target, decision),
            "fit_seconds": fit, "score_seconds": score, "rise_mib": memory.increase_mb,
        })  # fmt: skip
    if python is not None:
        found = peer(python, as_grey(train), as_grey(test), size, threads)
        planes = found["planes"]
        scores = np.array([plane["scores"] for plane in planes])
        joined = ((scores - scores.mean(1, keepdims=True)) / scores.std(1, keepdims=True)).mean(0)
        rows.append({
            "what": "anomalib's PatchCore", "auroc": decision_roc_auc_score(data.target, -joined),
            "fit_seconds": sum(plane["fit_seconds"] for plane in planes),
            "score_seconds": sum(plane["score_seconds"] for plane in planes),
            "peak_mib": found["peak_mib"], "bank": [plane["bank"] for plane in planes],
            "versions": {name: found[name] for name in ("anomalib", "torch", "timm")},
        })  # fmt: skip
    return [{"seed": seed, "size": size, "threads": threads, **row} for row in rows]


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=500)
    parser.add_argument("--peer", type=Path, help="python of the environment with anomalib")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    cv2.setNumThreads(arguments.threads)
    with threadpool_limits(arguments.threads):
        for row in run(arguments.seed, arguments.size, arguments.peer, arguments.threads):
            sys.stdout.write(json.dumps(row) + "\n")
            if arguments.out:
                with arguments.out.open("a") as file:
                    file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
