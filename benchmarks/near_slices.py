"""How near slices of one head, of two heads and copies lie to each other: the bank's tolerance.

Run by hand; prints the figures of the comment in `ctmri_detect/scoring/reference.py`, and appends
them as JSON lines:

    python benchmarks/near_slices.py --out benchmarks/results/near_slices.jsonl
    python benchmarks/near_slices.py --folder FOLDER --patient '^(case\\d+)' --out ...

Distances are those of `imageops.similar`, relative to the slice's own descriptor. Development
phantom (seed 140, 20 subjects, slices 5 mm apart), or a folder of real pairs.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ctmri_detect.datasets import load_pairs, make_phantom_pairs
from ctmri_detect.imageops.similar import slice_descriptors, squared_distances
from ctmri_detect.preprocessing import make_preprocessor

COPIES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "scaled by 1.000001": lambda X: X * np.float32(1 + 1e-6),
    "scaled by 1.01": lambda X: X * np.float32(1.01),
    "saved in 8 bits": lambda X: np.round(X * 255) / 255,
}


def relative(a: np.ndarray, b: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Distances of slices `a` to slices `b`, as shares of the size of `a`'s descriptors."""
    size = squared_distances(a, np.zeros_like(a[:1]), scale)
    return np.sqrt(squared_distances(a, b, scale) / size)


def main() -> None:
    """Measure, print, append."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", default=None)
    parser.add_argument("--patient", default=None)
    parser.add_argument("--out", type=Path, default=None)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # some slices show little brain
    if arguments.folder:
        data = load_pairs(arguments.folder, patient=arguments.patient)
    else:
        data = make_phantom_pairs(
            20, 24, slice_spacing=5.0, anomalous_fraction=0.0, random_state=140
        )
    X = np.asarray(make_preprocessor(data.ct_units).fit_transform(data.data))
    found, patients = slice_descriptors(X), np.asarray(data.groups)
    images, masks = found[:, :, 0], found[:, :, 1]
    scale = np.array([images[:, p][masks[:, p] > 0].std() for p in (0, 1)])
    distance = relative(found, found, scale)
    np.fill_diagonal(distance, np.inf)
    own = patients[:, None] == patients
    nearest = {
        "another patient's slice": np.where(own, np.inf, distance).min(axis=1),
        "another slice of the patient": np.where(own, distance, np.inf).min(axis=1),
    }
    for name, change in COPIES.items():
        copies = slice_descriptors(change(X).astype(np.float32))
        nearest[f"copy {name}"] = np.diag(relative(copies, found, scale))
    rows = [
        {
            "data": "real pairs" if arguments.folder else "phantom, seed 140",
            "nearest": name,
            "slices": len(values),
            **{f"{q} %": round(float(np.percentile(values, q)), 4) for q in (0, 1, 50, 100)},
        }
        for name, values in nearest.items()
    ]
    for row in rows:
        print(row)
    if arguments.out:
        with arguments.out.open("a") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)


if __name__ == "__main__":
    main()
