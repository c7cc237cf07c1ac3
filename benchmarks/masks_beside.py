"""Brain masks of a folder of slices beside those of another checkout: Dice, and a picture.

Run by hand; prints the Dice of the masks, and draws outlines of twelve slices for the eye:

    python benchmarks/masks_beside.py FOLDER --beside OTHER_CHECKOUT --picture masks.png

The picture shows the folder's images: look at it, don't publish it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

from ctmri_detect.datasets import load_pairs
from ctmri_detect.imageops.brainmask import brain_mask

_OTHER = """
import sys, numpy as np
from ctmri_detect.imageops.brainmask import brain_mask
ct = np.load(sys.argv[1])
np.save(sys.argv[2], np.stack([brain_mask(one, "uint8") for one in ct]))
"""


def masks_of(checkout: Path, ct: np.ndarray) -> np.ndarray:
    """Masks of 8-bit slices from another checkout."""
    with tempfile.TemporaryDirectory() as name:
        given, found = Path(name) / "ct.npy", Path(name) / "masks.npy"
        np.save(given, ct)
        environment = os.environ | {"PYTHONPATH": str(checkout)}
        command = [sys.executable, "-c", _OTHER, str(given), str(found)]
        subprocess.run(command, check=True, env=environment, cwd=checkout)
        return np.load(found)


def draw(ct: np.ndarray, old: np.ndarray, new: np.ndarray, path: Path) -> None:
    """Outlines of twelve slices, evenly spaced: the other checkout's red, these cyan."""
    rows = np.linspace(0, len(ct) - 1, 12).round().astype(int)
    _, axes = plt.subplots(3, 4, figsize=(12, 9), layout="constrained")
    for axis, i in zip(axes.ravel(), rows, strict=True):
        axis.imshow(ct[i], cmap="gray", vmin=0, vmax=255)
        for mask, colour in ((old[i], "red"), (new[i], "cyan")):
            if mask.any():
                axis.contour(mask, levels=[0.5], colors=colour, linewidths=0.7)
        axis.set_title(str(i), fontsize="small")
        axis.axis("off")
    plt.savefig(path, dpi=100)


def main() -> None:
    """Compare and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--beside", type=Path, required=True)
    parser.add_argument("--picture", type=Path)
    arguments = parser.parse_args()
    ct = np.asarray(load_pairs(arguments.folder).data)[:, 0]
    new = np.stack([brain_mask(one, "uint8") for one in ct])
    old = masks_of(arguments.beside.resolve(), ct)
    both = np.logical_and(old, new).sum(axis=(1, 2))
    total = old.sum(axis=(1, 2)) + new.sum(axis=(1, 2))
    dice = np.where(total > 0, 2 * both / np.maximum(total, 1), 1.0)
    quantiles = np.quantile(dice, [0, 0.1, 0.5, 0.9]).round(3).tolist()
    sys.stdout.write(f"slices {len(ct)}; Dice least, 10 %, median, 90 %: {quantiles}\n")
    far = [(int(i), round(float(dice[i]), 2)) for i in np.flatnonzero(dice < 0.9)]
    sys.stdout.write(f"below .9: {far}\n")
    if arguments.picture:
        draw(ct, old, new, arguments.picture)


if __name__ == "__main__":
    main()
