"""How detection depends on the size of a lesion, on synthetic heads; before and after a change.

Run by hand; one version a call, then the figure:

    python benchmarks/lesion_size.py --version after --out benchmarks/results/lesion_size.jsonl
    python benchmarks/lesion_size.py --report benchmarks/results/lesion_size.jsonl \
        --figure docs/images/lesion_size.png

The old version is run from a checkout of its own (``PYTHONPATH=that checkout``). A seed is 240
healthy slices of 30 subjects for training and, for each of the three severities, 240 slices of 30
other subjects, half of them with a lesion. A row holds of each lesion its size, its score as the
share of healthy slices of that seed and severity that score lower, and the best Dice of its map
over all thresholds on the raw grid. Seeds 0 to 9 are for publishing.
"""

from __future__ import annotations

import argparse
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline

from ctmri_detect import AtlasDetector, CrossModalDetector
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.localization import anomaly_map
from ctmri_detect.preprocessing import make_preprocessor

SEVERITIES = ("mild", "moderate", "severe")
EDGES = (0, 8, 11, 14, 18, 24, 100)  # mm


def detectors(seed: int) -> dict[str, Any]:
    """What is compared."""
    return {"atlas": AtlasDetector(), "cross-modal": CrossModalDetector(random_state=seed)}


def best_dice(mask: np.ndarray, heat: np.ndarray) -> float:
    """The largest Dice that any threshold on this slice's map reaches."""
    value = np.nan_to_num(heat[:].ravel(), nan=-1.0)
    order = np.argsort(-value, kind="stable")
    hits = np.cumsum(mask.ravel()[order])
    return float((2 * hits / (np.arange(1, len(hits) + 1) + mask.sum())).max())


def rows(seed: int) -> list[dict[str, Any]]:
    """One row for each lesion and detector."""
    healthy = make_phantom_pairs(30, 8, anomalous_fraction=0, random_state=seed)
    step = make_preprocessor("hu")
    train = step.fit_transform(healthy.data)
    fitted = {
        name: detector.fit(train, groups=healthy.groups)
        for name, detector in detectors(seed).items()
    }
    found = []
    for k, severity in enumerate(SEVERITIES):
        data = make_phantom_pairs(
            30, 8, anomalous_fraction=0.5, severity=severity, random_state=2000 + 10 * seed + k
        )
        X = step.transform(data.data)
        for name, detector in fitted.items():
            decision = detector.decision_function(X)
            maps = anomaly_map(make_pipeline(step, detector), data.data)
            normal = np.sort(-decision[data.target == 1])
            for i in np.flatnonzero(data.target == -1):
                found.append({
                    "seed": seed, "severity": severity, "detector": name,
                    "kind": data.frame["kind"].iloc[i],
                    "diameter_mm": round(float(data.frame["diameter_mm"].iloc[i]), 2),
                    "above": round(float(np.searchsorted(normal, -decision[i]) / len(normal)), 4),
                    "best_dice": round(best_dice(data.masks[i], maps[i]), 4),
                })  # fmt: skip
    return found


def report(path: Path, figure: Path | None) -> None:
    """Print the table, and draw it."""
    frame = pd.DataFrame([json.loads(line) for line in path.read_text().splitlines()])
    frame["size"] = pd.cut(frame["diameter_mm"], EDGES)
    frame["found"] = frame["above"] >= 0.95
    keys = ["detector", "version", "size"]
    table = frame.groupby(keys, observed=True, sort=False)[["found", "best_dice"]].mean()
    table["lesions"] = frame.groupby(keys, observed=True, sort=False).size()
    print(table.sort_index().round(3).to_markdown())
    if figure is not None:
        draw(table, figure)


def draw(table: pd.DataFrame, figure: Path) -> None:
    """Share found and best Dice against size, before (dashed) and after."""
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained", sharex=True)
    labels = [f"{low} to {high}" for low, high in pairwise(EDGES)]
    labels = [f"< {EDGES[1]}", *labels[1:-1], f"> {EDGES[-2]}"]
    names = {"found": "share found, 5 % of healthy slices flagged", "best_dice": "best Dice"}
    for axis, (column, title) in zip(axes, names.items(), strict=True):
        for k, detector in enumerate(table.index.get_level_values("detector").unique()):
            for version, line in (("before", "--"), ("after", "-")):
                if version not in table.loc[detector].index:
                    continue
                values = table.sort_index().loc[(detector, version), column]
                axis.plot(range(len(values)), values, line, color=f"C{k}", marker="o",
                          label=f"{detector}, {version}")  # fmt: skip
        axis.set(xlabel="diameter of the lesion, mm", title=title, ylim=(0, 1))
        axis.set_xticks(range(len(labels)), labels)
    axes[0].legend()
    plt.savefig(figure, dpi=110)


def main() -> None:
    """Run the seeds, or print what there is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--version", default="after")
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--report", type=Path, default=None)
    parser.add_argument("--figure", type=Path, default=None)
    arguments = parser.parse_args()
    if arguments.report:
        report(arguments.report, arguments.figure)
        return
    for seed in map(int, arguments.seeds.split(",")):
        with arguments.out.open("a") as file:
            for row in rows(seed):
                file.write(json.dumps({"version": arguments.version, **row}) + "\n")


if __name__ == "__main__":
    main()
