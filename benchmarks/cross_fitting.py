"""What `MapScoring(cross_fit=True)` is worth for autoencoders, and what it costs.

Run by hand; one seed a process, then the table:

    python benchmarks/cross_fitting.py --seed 0 --out benchmarks/results/cross_fitting.jsonl
    python benchmarks/cross_fitting.py --kaggle archive.zip --labels labels.csv \
        --out benchmarks/results/cross_fitting.jsonl
    python benchmarks/cross_fitting.py --report benchmarks/results/cross_fitting.jsonl

Synthetic: healthy pairs of 32 subjects, and pairs of 24 others, half of them with lesions, 6 slices
each, prepared at 128 pixels. From 32 patients on, each half is left out in turn: three fits instead
of one. `--subjects 16` makes it five. Kaggle: the real CT, see `autoencoders.py`, on slices of
which the brain is at least half of the head. Seeds 0 to 9 are for publishing.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from autoencoders import cross_validated, heads_and_brains, real_ct, row_of
from cross_modal import Test

from ctmri_detect import ConvAutoencoderDetector
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.preprocessing import make_preprocessor

OBJECTIVES = ("denoising", "plain")


def detector(objective: str, epochs: int, seed: int, cross_fit: bool) -> ConvAutoencoderDetector:
    """An autoencoder with its default scoring."""
    made = ConvAutoencoderDetector(objective, random_state=seed, device="cpu")
    return made.set_params(training__max_epochs=epochs, map_scoring__cross_fit=cross_fit)


def phantom(seed: int, subjects: int, epochs: int) -> Iterator[dict[str, Any]]:
    """Rows of one seed."""
    healthy = make_phantom_pairs(subjects, 6, anomalous_fraction=0, random_state=seed)
    data = make_phantom_pairs(24, 6, anomalous_fraction=0.5, random_state=1000 + seed)
    train = make_preprocessor("hu", size=128).fit_transform(healthy.data)
    test = Test(data, np.asarray(data.data))
    for objective in OBJECTIVES:
        for cross_fit in (False, True):
            model = detector(objective, epochs, seed, cross_fit)
            start = time.perf_counter()
            model.fit(train, groups=healthy.groups)
            row = test.row(f"{objective}, cross_fit={cross_fit}", model,
                           fit_seconds=time.perf_counter() - start)  # fmt: skip
            flagged = np.array(row.pop("decision"))[data.target == 1] < 0
            yield {"data": "phantom", "objective": objective, "cross_fit": cross_fit,
                   "subjects": subjects, "references": len(model.map_scoring_.residual_),
                   "healthy_flagged": float(flagged.mean()), **row}  # fmt: skip


def kaggle(archive: Path, labels: Path, seed: int, epochs: int) -> Iterator[dict[str, Any]]:
    """Rows of the real CT."""
    X, *known = real_ct(archive, labels)
    brainy = heads_and_brains(X)[2]
    sample = X[brainy], *(part[brainy] for part in known)
    for objective in OBJECTIVES:
        for cross_fit in (False, True):
            model, start = detector(objective, epochs, seed, cross_fit), time.perf_counter()
            decision = cross_validated(model, *sample, prepare=True)
            what = f"{objective}, cross_fit={cross_fit}"
            row = row_of(what, "brain", seed, decision, *sample[1:])
            yield {"data": "kaggle", "objective": objective, "cross_fit": cross_fit, **row,
                   "fit_seconds": (time.perf_counter() - start) / 5}  # fmt: skip


def main() -> None:
    """Run one seed, or print what there is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--subjects", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=30)
    for name in ("kaggle", "labels", "out", "report"):
        parser.add_argument(f"--{name}", type=Path, default=None)
    given = parser.parse_args()
    if given.report:
        lines = given.report.read_text().splitlines()
        frame = pd.DataFrame([json.loads(line) for line in lines])
        figures = ["auroc", "pixel_ap", "healthy_flagged", "fit_seconds"]
        by = ["data", "subjects", "epochs", "objective", "cross_fit"]
        print(frame.groupby(by, dropna=False)[figures].mean().round(3).to_markdown())
        return
    rows = (
        kaggle(given.kaggle, given.labels, given.seed, given.epochs)
        if given.kaggle
        else phantom(given.seed, given.subjects, given.epochs)
    )
    for row in rows:
        with given.out.open("a") as file:
            file.write(json.dumps({"seed": given.seed, "epochs": given.epochs, **row}) + "\n")


if __name__ == "__main__":
    main()
