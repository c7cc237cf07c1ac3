"""How often `check_pairing` is right, and how well it sees misregistration.

Run by hand; appends JSON lines and prints them:

    python benchmarks/pairing.py --real images/ --out benchmarks/results/pairing.jsonl

Verdicts on phantoms, seeds 0 to 19: 8 subjects of 8 slices, 64 pixels, raw and through
`make_preprocessor`. "true": as they are. "same level": each CT with the MRI of the next subject at
the same level, which is the hard way of being no pair. "next slice", "slice before": the MRI of
the next slice or the one before of the same subject (the last one its own). "mirrored": each MRI
left to right. With 64 pairs, and with 8 (one of each subject, each at a level of its own). "order":
what `check_modalities` says of 64 slices in HU, in 8-bit windows, and without skull.
Misregistration on phantoms of 256 pixels, seeds 0 to 3: the MRI moved by 0 to 8 pixels, the
phantom's own shift counted in; on real pairs from what is found without a motion. Real pairs:
the folders of the README of the tests, where they are there.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np

from ctmri_detect.datasets import (
    check_modalities,
    check_pairing,
    load_pairs,
    make_phantom_pairs,
)
from ctmri_detect.preprocessing import BrainMask, make_preprocessor

SUBJECTS = SLICES = 8
Rows = list[dict[str, object]]


def arrangements() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Name to the rows of the CT and of the MRI that are put together."""
    subject, level = np.divmod(np.arange(SUBJECTS * SLICES), SLICES)
    grid = subject * SLICES + level
    other = (subject + 1) % SUBJECTS * SLICES + level
    following = subject * SLICES + np.minimum(level + 1, SLICES - 1)
    before = subject * SLICES + np.maximum(level - 1, 0)
    few = np.arange(SUBJECTS) * SLICES + np.arange(SUBJECTS)
    return {
        "true, 64 pairs": (grid, grid),
        "same level, 64 pairs": (grid, other),
        "next slice, 64 pairs": (grid, following),
        "slice before, 64 pairs": (grid, before),
        "mirrored, 64 pairs": (grid, grid),
        "true, 8 pairs": (few, few),
        "same level, 8 pairs": (few, other[few]),
    }


def verdicts(seeds: int) -> Rows:
    """Shares of sets that were called paired, mirrored, and one slice off."""
    called: dict[tuple[str, str], list[list[bool]]] = {}
    for seed in range(seeds):
        raw, groups = heads(seed, size=64)
        inputs = {"raw": raw, "prepared": make_preprocessor(size=64).transform(raw)}
        for what, X in inputs.items():
            for name, (ct, mri) in arrangements().items():
                pairs = np.stack([X[ct, 0], X[mri, 1]], axis=1)
                if name.startswith("mirrored"):
                    pairs[:, 1] = pairs[:, 1, :, ::-1]
                found = check_pairing(pairs, groups=groups[ct])
                told = [found.paired is True, found.mirrored is True, found.slip in (1, -1)]
                called.setdefault((name, what), []).append(told)
    return [
        {"what": "verdict", "pairs": name, "input": what, "seeds": seeds}
        | dict(zip(("called paired", "mirrored", "slip"), np.mean(told, axis=0).round(3).tolist(),
                   strict=True))
        for (name, what), told in called.items()
    ]  # fmt: skip


def heads(seed: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Healthy raw pairs, of another sequence for each seed, and their patients."""
    made = make_phantom_pairs(
        SUBJECTS,
        SLICES,
        size=size,
        anomalous_fraction=0,
        sequence=("t2", "t1", "flair", "pd")[seed % 4],
        random_state=seed,
    )
    return np.asarray(made.data), made.groups


def orders(seeds: int) -> Rows:
    """Shares of slices that tell the order of CT and MRI, rightly or not, and wrong verdicts."""
    found: dict[str, list[tuple[float, float, bool]]] = {}
    for seed in range(seeds):
        X, _ = heads(seed, size=128)
        top = np.percentile(X[:, 1:], 99, axis=(1, 2, 3), keepdims=True)
        mri = 255 * np.clip(X[:, 1:] / top, 0, 1)
        forms = {"HU": X}
        for low, high in ((0, 80), (-110, 190)):
            ct = 255 * np.clip((X[:, :1] - low) / (high - low), 0, 1)
            forms[f"8-bit, {low} to {high} HU"] = np.concatenate([ct, mri], axis=1)
        forms["without skull, 0 outside"] = np.nan_to_num(BrainMask().fit_transform(X))
        for name, pairs in forms.items():
            found.setdefault(name, []).append(order(pairs))
    return [order_row(name, seeds, told) for name, told in found.items()]


def order(pairs: np.ndarray) -> tuple[float, float, bool]:
    """Share of slices that tell, and that tell wrongly; whether the verdict is wrong."""
    told = check_modalities(pairs)
    return told.n_right / told.n_looked, told.n_exchanged / told.n_looked, told.exchanged is True


def order_row(name: str, seeds: int, told: list[tuple[float, float, bool]]) -> dict[str, object]:
    right, wrong, verdicts = np.transpose(told).astype(float)
    return {"what": "order", "input": name, "sets": len(told), "seeds": seeds,
            "tell": round(float(right.mean()), 3), "tell wrongly": round(float(wrong.mean()), 3),
            "wrong verdicts": int(verdicts.sum())}  # fmt: skip


def moved(X: np.ndarray, pixels: float, seed: int) -> np.ndarray:
    """The MRI of each pair moved by so many pixels, in directions drawn at random."""
    angles = np.random.default_rng(seed).uniform(0, 2 * np.pi, len(X))
    out = X.copy()
    for pair, angle in zip(out, angles, strict=True):
        matrix = np.array([[1, 0, pixels * np.cos(angle)], [0, 1, pixels * np.sin(angle)]])
        pair[1] = cv2.warpAffine(
            pair[1], matrix, pair[1].shape[::-1], borderMode=cv2.BORDER_REPLICATE
        )
    return out


def estimated(X: np.ndarray) -> np.ndarray:
    """Where each MRI lies by `check_pairing`, (y, x)."""
    return check_pairing(X).pairs[["shift_y", "shift_x"]].to_numpy(dtype=float)


def shifts(X: np.ndarray, source: str, seed: int, own: np.ndarray) -> Rows:
    """Error of the estimated shift; `own` is how far (y, x) the MRI was off before."""
    rows: Rows = []
    for pixels in (0, 1, 2, 4, 8):
        angles = np.random.default_rng(seed).uniform(0, 2 * np.pi, len(X))
        truth = pixels * np.stack([np.sin(angles), np.cos(angles)], axis=1)
        found = check_pairing(moved(X, pixels, seed)).pairs[["shift_y", "shift_x"]]
        error = np.hypot(*(found.to_numpy(dtype=float) - truth - own).T)
        seen = np.isfinite(error)
        rows.append({"what": "shift", "data": source, "moved_px": pixels, "pairs": len(X),
                     "median error px": round(float(np.median(error[seen])), 2),
                     "90 % error px": round(float(np.quantile(error[seen], 0.9)), 2),
                     "no estimate": int((~seen).sum())})  # fmt: skip
    return rows


def real(root: Path) -> Rows:
    """The verdicts on real pairs, on the same with patients exchanged, and on strangers."""
    pairs = load_pairs(root / "brain_pairs", patient=r"^(case\d+)")
    X, groups = np.asarray(pairs.data), pairs.groups
    names, counts = np.unique(groups, return_counts=True)
    rows: Rows = []
    least = counts.min()
    ct = np.concatenate([np.flatnonzero(groups == n)[:least] for n in names])
    exchanged = np.stack([X[ct, 0], X[np.roll(ct, least), 1]], axis=1)
    kaggle = load_kaggle(root / "kaggle_layout" / "Dataset" / "images")
    at = np.arange(len(X))
    ends = groups != np.roll(groups, -1)
    following = np.where(ends, at, at + 1)
    before = np.where(np.roll(ends, 1), at, at - 1)
    for name, data, who in (
        ("brain_pairs", X, groups),
        ("brain_pairs, mirrored", np.stack([X[:, 0], X[:, 1, :, ::-1]], axis=1), groups),
        ("brain_pairs, next slice", np.stack([X[:, 0], X[following, 1]], axis=1), groups),
        ("brain_pairs, slice before", np.stack([X[:, 0], X[before, 1]], axis=1), groups),
        ("brain_pairs, patients exchanged", exchanged, groups[ct]),
        ("kaggle_layout, by number", kaggle, None),
    ):
        found = check_pairing(data, groups=who)
        rows.append({"what": "real", "data": name, "pairs": len(data), "paired": found.paired,
                     "p_value": round(float(found.p_value), 3),
                     "mirrored": found.mirrored, "slip": found.slip,
                     "statistic": round(float(found.statistic), 2)})  # fmt: skip
    parts = [kaggle[i : i + 12] for i in range(0, len(kaggle) - 11, 12)]
    rows.append(order_row("brain_pairs", 0, [order(X)]))
    rows.append(order_row("brain_pairs, by patient", 0, [order(X[groups == n]) for n in names]))
    rows.append(order_row("kaggle_layout", 0, [order(kaggle)] + [order(part) for part in parts]))
    return rows + shifts(X, "brain_pairs", 0, estimated(X))


def load_kaggle(images: Path) -> np.ndarray:
    """Equal numbers of the unpaired set, put together within a split."""
    found = []
    for split in ("train", "test"):
        for ct in sorted((images / f"{split}A").glob("ct*.png")):
            mri = images / f"{split}B" / f"mri{ct.stem[2:]}.jpg"
            if mri.exists():
                planes = (cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in (ct, mri))
                found.append(
                    [cv2.resize(p, (256, 256), interpolation=cv2.INTER_AREA) for p in planes]
                )
    return np.asarray(found, dtype=np.float32)


def main() -> None:
    """Measure, print, append, assert."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--real", type=Path, default=None)
    parser.add_argument("--out", type=Path, default=None)
    arguments = parser.parse_args()
    rows = verdicts(arguments.seeds) + orders(arguments.seeds)
    made = [make_phantom_pairs(4, 4, anomalous_fraction=0, random_state=s) for s in range(4)]
    own = [h.frame[["mri_shift_y", "mri_shift_x"]].div(h.frame["spacing"], axis=0) for h in made]
    X = np.concatenate([each.data for each in made])
    rows += shifts(X, "phantom", 0, np.concatenate(own))
    if arguments.real:
        rows += real(arguments.real)
    for row in rows:
        print(json.dumps(row))
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        with arguments.out.open("a") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    for row in rows:
        if row.get("pairs") == "true, 64 pairs":
            assert row["called paired"] == 1, row
        if row.get("pairs") == "same level, 64 pairs":
            assert row["called paired"] <= 0.05, row


if __name__ == "__main__":
    main()
