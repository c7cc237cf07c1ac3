"""The picture of the README: CT, MRI and the map of `CrossModalDetector`, on synthetic heads.

    python benchmarks/title_picture.py docs/images/hero.png

Fitted on 160 healthy slices of 20 heads; three severe lesions of other heads, as they come.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from ctmri_detect import CrossModalDetector, anomaly_map, make_preprocessor
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.plotting import AnomalyMapDisplay, PairDisplay

KINDS = ("haematoma", "oedema", "subdural_isodense")


def draw(path: Path, seed: int) -> None:
    """Fit, score and draw."""
    healthy = make_phantom_pairs(20, 8, anomalous_fraction=0, random_state=seed)
    ill = make_phantom_pairs(
        len(KINDS), 1, kinds=KINDS, anomalous_fraction=1, severity="severe", random_state=seed + 1
    )
    model = make_pipeline(make_preprocessor("hu"), CrossModalDetector(random_state=0))
    maps = anomaly_map(model.fit(healthy.data), ill.data)
    figure, axes = plt.subplots(len(KINDS), 3, figsize=(7.6, 7.8), layout="constrained")
    for i, (row, pair, mask, heat, kind) in enumerate(
        zip(axes, np.asarray(ill.data), ill.masks, maps, ill.frame["kind"], strict=True)
    ):
        PairDisplay(pair[0], pair[1], ct_units="hu").plot(row[:2])
        AnomalyMapDisplay(heat, pair[0], mask=mask, ct_units="hu").plot(row[2], colorbar=False)
        row[0].set_ylabel(kind.replace("_", " "))
        if i:
            for axis in row:
                axis.set_title("")
    axes[0, 2].set_title("anomaly map", fontsize="medium")
    figure.savefig(path, dpi=110)


def main() -> None:
    """Draw it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path)
    parser.add_argument("--seed", type=int, default=100)
    arguments = parser.parse_args()
    draw(arguments.path, arguments.seed)


if __name__ == "__main__":
    main()
