"""How time and memory of detectors grow with the number of planes.

Run by hand, with little else running; appends JSON lines, and prints the fitted exponents:

    python benchmarks/many_planes.py --out benchmarks/results/many_planes.jsonl

Each detector learns from 200 healthy phantom slices of 50 subjects and scores 24 of six others, at
64 pixels, with 2, 4 and 8 planes: the CT, and the MRI of four sequences at 1.5 T and of three at
3 T, of the same heads. Each measurement is a process of its own, on one thread. Time is the time
of the processor, so that a busy machine changes little. Memory is by how much anonymous memory
rises in fit and scoring. With far fewer training slices, the calibration of missing planes takes
most of the time, and grows faster. Networks train for two epochs where many would take long
("denoising" and "U-Net"). The exponent k is fitted to ``planes ** k`` by least squares on
logarithms.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from plane_tables import exponents
from run_synthetic import commit

from ctmri_detect import (
    AtlasDetector,
    ConvAutoencoderDetector,
    CrossModalDetector,
    DeepFeatureDetector,
    PatchMemoryDetector,
    SyntheticAnomalyDetector,
)
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.evaluation.memory import PeakMemory
from ctmri_detect.networks.training.settings import Training
from ctmri_detect.preprocessing import make_preprocessor

SEED, PLANES, SIZE = 140, (2, 4, 8), 64
SEQUENCES = {1.5: ("t2", "t1", "flair", "pd"), 3.0: ("t2", "t1", "flair")}
SUBJECTS, SLICES = {"train": 50, "test": 6}, 4
BRIEF = Training(max_epochs=2, batch_size=16, lr=2e-3)
DETECTORS: dict[str, Callable[[], Any]] = {
    "cross-modal": lambda: CrossModalDetector(random_state=0, device="cpu"),
    "cross-modal, U-Net": lambda: CrossModalDetector(
        predictor="unet", tolerance=0, training=BRIEF, random_state=0, device="cpu"
    ),
    "atlas": AtlasDetector,
    "denoising": lambda: ConvAutoencoderDetector(training=BRIEF, random_state=0, device="cpu"),
    "deep features": lambda: DeepFeatureDetector(random_state=0, device="cpu"),
    "patch memory": lambda: PatchMemoryDetector(random_state=0, device="cpu"),
    "synthetic": lambda: SyntheticAnomalyDetector(random_state=0, device="cpu"),
    "synthetic, planes": lambda: SyntheticAnomalyDetector(
        channels="planes", random_state=0, device="cpu"
    ),
}


def write_samples(folder: Path) -> None:
    """The prepared samples of eight planes, and their patients."""
    for part, subjects in SUBJECTS.items():
        found = []
        for tesla, sequences in SEQUENCES.items():
            made = make_phantom_pairs(
                subjects,
                SLICES,
                size=SIZE,
                anomalous_fraction=0,
                sequence=sequences,
                field_strength=tesla,
                random_state=SEED + (part == "test"),
            )
            found.append(np.asarray(make_preprocessor("hu", size=SIZE).fit_transform(made.data)))
        np.save(folder / f"{part}.npy", np.concatenate([found[0], found[1][:, 1:]], axis=1))


def measure(name: str, n_planes: int, folder: Path) -> dict[str, Any]:
    """One row, in this process."""
    train, test = (
        np.ascontiguousarray(np.load(folder / f"{part}.npy", mmap_mode="r")[:, :n_planes])
        for part in SUBJECTS
    )
    detector = DETECTORS[name]()
    with warnings.catch_warnings(), PeakMemory() as memory:
        warnings.simplefilter("ignore")
        start, clock = time.process_time(), time.perf_counter()
        detector.fit(train, groups=np.arange(len(train)) // SLICES)
        fitted = time.process_time()
        detector.decision_function(test)
        scored = time.process_time()
    return {
        "detector": name,
        "planes": n_planes,
        "fit, s": round(fitted - start, 2),
        "score, s": round(scored - fitted, 3),
        "wall, s": round(time.perf_counter() - clock, 2),
        "memory, MiB": round(memory.increase_mb, 1),
    }


def in_own_process(name: str, n_planes: int, folder: Path) -> dict[str, Any]:
    """`measure`, in a process that does nothing else."""
    command = [sys.executable, __file__, "--folder", str(folder), "--one", name, str(n_planes)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return row


def main() -> None:
    """Measure, print, append."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--folder", type=Path, help="where the samples lie, or are to lie")
    parser.add_argument("--detectors", nargs="*", default=list(DETECTORS), choices=DETECTORS)
    parser.add_argument("--planes", nargs="*", type=int, default=PLANES)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given.one[0], int(given.one[1]), given.folder)))
        return
    here = commit()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        if not (folder / "test.npy").exists():
            write_samples(folder)
        for name in given.detectors:
            rows = []
            for n_planes in given.planes:
                rows.append(in_own_process(name, n_planes, folder))
                print(json.dumps(rows[-1]), flush=True)
            print(name, exponents(pd.DataFrame(rows)), flush=True)
            if given.out:
                lines = "".join(json.dumps(row | {"commit": here}) + "\n" for row in rows)
                with given.out.open("a") as file:
                    file.write(lines)


if __name__ == "__main__":
    main()
