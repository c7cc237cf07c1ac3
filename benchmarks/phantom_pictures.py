"""The pictures of docs/phantom.md."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

from ctmri_detect.datasets import load_pairs, make_phantom_pairs
from ctmri_detect.synthesis import LESION_KINDS

CT_WINDOW = (0, 80)  # HU: width 80, level 40


def show(axis: plt.Axes, image: np.ndarray, plane: int, window: tuple[float, float] | None) -> None:
    """One plane as a radiologist sees it."""
    low, high = window or (0, float(np.nanpercentile(image, 99.7)))
    if plane == 0 and window is None:
        low, high = CT_WINDOW
    axis.imshow(image, cmap="gray", vmin=low, vmax=high)
    axis.axis("off")


def gallery(path: Path, seed: int) -> None:
    """Healthy slices in all sequences, then one lesion of each kind."""
    rows = [make_phantom_pairs(1, 5, anomalous_fraction=0, random_state=seed)]
    others = [
        make_phantom_pairs(1, 5, anomalous_fraction=0, sequence=name, random_state=seed)
        for name in ("t1", "flair")
    ]
    figure, axes = plt.subplots(4, 5, figsize=(12.5, 10), facecolor="black")
    for k in range(5):
        show(axes[0, k], rows[0].data[k, 0], 0, None)
        show(axes[1, k], rows[0].data[k, 1], 1, None)
        for r, other in enumerate(others):
            show(axes[2 + r, k], other.data[k, 1], 1, None)
    for r, name in enumerate(("CT (W80 L40)", "T2", "T1", "FLAIR")):
        axes[r, 0].text(4, 20, name, color="white", fontsize=11)
    figure.subplots_adjust(0, 0, 1, 1, 0.01, 0.01)
    figure.savefig(path, dpi=60)
    lesions(path.with_name("phantom_lesions.png"), seed)
    sequences(path.with_name("phantom_sequences.png"), seed)


def lesions(path: Path, seed: int) -> None:
    """One of each kind, CT above T2, outlined in T2."""
    kinds = list(LESION_KINDS)
    made = make_phantom_pairs(
        len(kinds), 1, kinds=kinds, anomalous_fraction=1, severity="severe", random_state=seed
    )
    columns = 7
    figure, axes = plt.subplots(4, columns, figsize=(17.5, 10), facecolor="black")
    for axis in axes.ravel():
        axis.axis("off")
    for k, kind in enumerate(kinds):
        r, c = divmod(k, columns)
        show(axes[2 * r, c], made.data[k, 0], 0, None)
        show(axes[2 * r + 1, c], made.data[k, 1], 1, None)
        axes[2 * r + 1, c].contour(made.masks[k], [0.5], colors="#ff5050", linewidths=0.8)
        axes[2 * r, c].text(4, 20, kind, color="white", fontsize=10)
    figure.subplots_adjust(0, 0, 1, 1, 0.01, 0.01)
    figure.savefig(path, dpi=60)


def sequences(path: Path, seed: int) -> None:
    """CT and three sequences of one head with one lesion, outlined in the CT."""
    made = make_phantom_pairs(
        1,
        3,
        kinds="infarct_subacute",
        anomalous_fraction=1,
        severity="severe",
        sequence=("t1", "t2", "flair"),
        random_state=seed,
    )
    figure, axes = plt.subplots(1, 4, figsize=(12, 3), facecolor="black")
    for plane, (axis, name) in enumerate(zip(axes, made.data.modalities, strict=True)):
        show(axis, made.data[1, plane], plane, None)
        axis.text(4, 20, name, color="white", fontsize=11)
    axes[0].contour(made.masks[1], [0.5], colors="#ff5050", linewidths=0.8)
    figure.subplots_adjust(0, 0, 1, 1, 0.01, 0.01)
    figure.savefig(path, dpi=60)


def histograms(path: Path, values: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    """Brain pixels of CT and MRI, phantom against real."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.6))
    for name, (ct, mri) in values.items():
        dashes = "-" if name.startswith("phantom") else "--"
        style = {"histtype": "step", "density": True, "linestyle": dashes, "label": name}
        axes[0].hist(ct - np.median(ct), bins=80, range=(-45, 45), **style)
        if len(mri):
            axes[1].hist(mri, bins=80, range=(0, 3), **style)
    axes[0].set(xlabel="CT within the brain, HU from the median", ylabel="density")
    axes[1].set(xlabel="T2-weighted MRI within the brain, over the median")
    for axis in axes:
        axis.legend(frameon=False)
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=90)


def side_by_side(path: Path, phantom: np.ndarray, real: Path) -> None:
    """Phantom in the odd rows, real slices in the even ones; for the eye, not for the project."""
    data = load_pairs(real / "brain_pairs", patient=r"^(case\d+)_").data[12:90:13]
    figure, axes = plt.subplots(4, 6, figsize=(18, 12), facecolor="black")
    for k in range(6):
        show(axes[0, k], phantom[6 * k + k % 6, 0], 0, None)
        show(axes[1, k], data[k, 0], 0, (0, 255))
        show(axes[2, k], phantom[6 * k + k % 6, 1], 1, None)
        show(axes[3, k], data[k, 1], 1, None)
    figure.subplots_adjust(0, 0, 1, 1, 0.01, 0.01)
    figure.savefig(path, dpi=60)
