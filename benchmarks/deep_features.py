"""One-class detectors and patch memories on deep features, on synthetic pairs.

Run by hand, one seed a process; appends JSON lines, and `--report` prints the tables:

    python benchmarks/deep_features.py --seed 0 --out benchmarks/results/deep_features.jsonl
    python benchmarks/deep_features.py --report benchmarks/results/deep_features.jsonl

The sets of `cross_modal.py`: 400 healthy pairs of 50 subjects, 360 test pairs of 45 others, half of
them with a lesion. Seeds 0 to 9 are for publishing; what was chosen, was chosen on seeds from 100
on. Every detector scores both planes, CT alone and MRI alone with the same fit. The features of a
slice are computed once for all detectors, so the times are those of all the rest.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from cross_modal import Test, interval

from ctmri_detect import AtlasDetector, DeepFeatureDetector, MapScoring, PatchMemoryDetector
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.features import BackboneFeatures, FeatureConditioning, FeatureGrid, JointFeatures
from ctmri_detect.metrics import decision_roc_auc_score
from ctmri_detect.preprocessing import make_preprocessor

_KNOWN: dict[bytes, tuple[np.ndarray, np.ndarray, float]] = {}
ONE_CLASS = ("mahalanobis", "knn", "ocsvm", "iforest", "ecod")


class Remembered(BackboneFeatures):
    """The default features, computed once for each slice in this process."""

    def grids(self, block: np.ndarray) -> FeatureGrid:
        """From what is known, and the network for what is not."""
        setting = repr((self.layers, self.enlargement, self.cell, self.low_, self.high_)).encode()
        keys = [hashlib.blake2b(one.tobytes() + setting).digest() for one in block]
        new = [i for i, key in enumerate(keys) if key not in _KNOWN]
        if new:
            grid = super().grids(block[new])
            for i, values, seen in zip(new, grid.values, grid.seen, strict=True):
                _KNOWN[keys[i]] = values, seen, grid.stride
        values, seen, strides = zip(*(_KNOWN[key] for key in keys), strict=True)
        return FeatureGrid(np.stack(values), np.stack(seen), strides[0])


def one_class(
    seed: int, detector: str = "mahalanobis", features: Any = None, **conditioning: Any
) -> DeepFeatureDetector:
    """A detector on conditioned features; ``inputs=None``: on the features as they are."""
    step: Any = False
    if conditioning.get("inputs", ()) is not None:
        step = FeatureConditioning(**conditioning)
    features = Remembered() if features is None else features
    return DeepFeatureDetector(detector, features=features, conditioning=step, random_state=seed)


def memory(seed: int, features: Any = None, conditioning: Any = None, **settings: Any) -> Any:
    """A patch memory."""
    features = Remembered() if features is None else features
    return PatchMemoryDetector(
        features=features, conditioning=conditioning, random_state=seed, **settings
    )


def detectors(seed: int) -> dict[str, Callable[[], Any]]:
    """What is compared, by name; made late, so that only one holds memory at a time."""
    joint = JointFeatures(Remembered())
    coarse = Remembered(enlargement=1)
    bare = {"inputs": (), "smoothing": 0.0}
    found: dict[str, Callable[[], Any]] = {"atlas": AtlasDetector}
    found |= {name: lambda name=name: one_class(seed, name) for name in ONE_CLASS}
    found |= {
        "memory": lambda: memory(seed),
        "memory, anywhere": lambda: memory(seed, restricted=False, bank_size=10_000),
        "memory, joint, no conditioning": lambda: memory(seed, joint, False),
        "memory, joint, no conditioning, anywhere": lambda: memory(
            seed, joint, False, restricted=False, bank_size=10_000
        ),
        "raw, coarse": lambda: one_class(seed, features=coarse, inputs=None),
        "raw": lambda: one_class(seed, inputs=None),
        "joint": lambda: one_class(seed, features=joint, inputs=None),
        "joint, smoothed": lambda: one_class(seed, features=joint, inputs=()),
        "similar": lambda: one_class(seed, inputs=("similar", "place"), smoothing=0.0),
        "planes": lambda: one_class(seed, inputs=("planes", "place"), smoothing=0.0),
        "planes and similar": lambda: one_class(seed, smoothing=0.0),
        "planes and similar, coarse": lambda: one_class(seed, features=coarse, smoothing=0.0),
        "components": lambda: one_class(seed, **bare),
        "image": lambda: DeepFeatureDetector(
            "mahalanobis", features=Remembered(), level="image", random_state=seed
        ),
        "symmetry required": lambda: one_class(seed).set_params(
            map_scoring=MapScoring(scales=2.0, symmetry="required")
        ),
    }
    return found


def alone(test: Test, plane: int) -> np.ndarray:
    """The prepared test pairs with one plane only."""
    X = np.array(test.X, dtype=np.float32)
    X[:, 1 - plane] = np.nan
    return X


def run(seed: int, names: list[str] | None) -> Iterator[dict[str, Any]]:
    """A row of each detector."""
    healthy = make_phantom_pairs(50, 8, anomalous_fraction=0, random_state=seed)
    data = make_phantom_pairs(45, 8, anomalous_fraction=0.5, random_state=1000 + seed)
    train = make_preprocessor("hu", size=128).fit_transform(healthy.data)
    test = Test(data, np.asarray(data.data))
    common = {"kind": data.frame["kind"].tolist(), "patient": data.groups.tolist(), "seed": seed}
    healthy_test = data.target == 1
    for name, make in detectors(seed).items():
        if names and name not in names:
            continue
        detector = make()
        start = time.perf_counter()
        detector.fit(train, groups=healthy.groups)
        row = {"fit_seconds": time.perf_counter() - start, **test.row(name, detector, **common)}
        row["flagged"] = float((np.array(row["decision"])[healthy_test] < 0).mean())
        for plane, modality in enumerate(("CT", "MRI")):
            decision = detector.decision_function(alone(test, plane))
            row[f"auroc {modality} alone"] = decision_roc_auc_score(data.target, decision)
            row[f"flagged {modality} alone"] = float((decision[healthy_test] < 0).mean())
        yield row


def report(path: Path) -> None:
    """Print the tables in Markdown."""
    frame = pd.DataFrame([json.loads(line) for line in path.read_text().splitlines()])
    figures = ["auroc", "pixel_ap", "flagged"]
    figures += [f"{what} {m} alone" for m in ("CT", "MRI") for what in ("auroc", "flagged")]
    table = frame.groupby("what", sort=False)[figures].mean()
    table.insert(1, "interval", [interval(frame[frame["what"] == what]) for what in table.index])
    print(table.round(3).to_markdown())
    print(kinds_table(frame).to_markdown())


def kinds_table(frame: pd.DataFrame) -> pd.DataFrame:
    """AUROC of each kind of lesion, a row a detector, means over seeds."""
    rows = [
        {"what": row["what"], **by_kind(np.array(row["decision"]), np.array(row["kind"]))}
        for _, row in frame.iterrows()
    ]
    return pd.DataFrame(rows).groupby("what", sort=False).mean().round(2)


def by_kind(decision: np.ndarray, kind: np.ndarray) -> dict[str, float]:
    """AUROC of each kind of lesion against all normal slices."""
    found = {}
    for name in sorted(set(kind) - {"normal"}):
        chosen = (kind == name) | (kind == "normal")
        target = np.where(kind[chosen] == "normal", 1, -1)
        found[name] = decision_roc_auc_score(target, decision[chosen])
    return found


def main() -> None:
    """Run one seed, or print what there is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", help="names of detectors")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--report", type=Path)
    arguments = parser.parse_args()
    if arguments.report:
        report(arguments.report)
        return
    for row in run(arguments.seed, arguments.only):
        if arguments.out:
            with arguments.out.open("a") as file:
                file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
