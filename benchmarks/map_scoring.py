"""How the defaults of `MapScoring` were chosen: settings beside one another on development heads.

Run by hand; one detector a call, then the table:

    python benchmarks/map_scoring.py --detector cross-modal \\
        --out benchmarks/results/map_scoring.jsonl
    python benchmarks/map_scoring.py --report benchmarks/results/map_scoring.jsonl

A seed is 320 healthy slices of 40 subjects for the fit and, for each of the three severities, 240
slices of 30 other subjects, half of them with a lesion. The detector is fitted once and its
residuals are computed once; every setting scores the same residuals. Development seeds only.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ctmri_detect import MapScoring
from ctmri_detect.cli.detectors import make_detector
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.metrics import anomaly_map_average_precision_score, decision_roc_auc_score
from ctmri_detect.preprocessing import make_preprocessor

SEVERITIES = ("mild", "moderate", "severe")
SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "one scale, 2 px before and after": {"smoothing": 2.0, "scales": 2.0},
    "the same, top 1 %": {"smoothing": 2.0, "scales": 2.0, "pool_fraction": 0.01},
    "smoothing 1, scales 0.7 and 2": {"smoothing": 1.0},
    "smoothing 1.5, scales 0.7 and 3": {"smoothing": 1.5, "scales": (0.7, 3.0)},
    "smoothing 2, scales 0.7 and 3": {"scales": (0.7, 3.0)},
    "smoothing 2, scale 0.7": {"scales": 0.7},
    "top 1 %": {"pool_fraction": 0.01},
    "clip 6": {"clip": 6.0},
    "symmetry required": {"symmetry": "required"},
    "no symmetry": {"symmetry": False},
    "planes fused by mean": {"fusion": "mean"},
    "planes fused by maximum": {"fusion": "max"},
}


def rows(name: str, seed: int) -> Iterator[dict[str, Any]]:
    """One row for each setting and severity."""
    healthy = make_phantom_pairs(40, 8, anomalous_fraction=0, random_state=seed)
    step = make_preprocessor("hu")
    detector = make_detector(name, seed)
    detector.fit(step.fit_transform(healthy.data), groups=healthy.groups)
    for k, severity in enumerate(SEVERITIES):
        data = make_phantom_pairs(
            30, 8, anomalous_fraction=0.5, severity=severity, random_state=1000 + 10 * seed + k
        )
        before = step[:-2].transform(data.data)  # what the aligner takes
        X = step[-2:].transform(before)
        residual = detector.residual_map(X)
        own = detector.map_scoring_.get_params()
        for what, setting in SETTINGS.items():
            scoring = MapScoring(**{**own, **setting}).fit_again(detector.map_scoring_)
            found = scoring.judge(residual, X)
            boxed = step["headaligner"].inverse_transform_map(found.anomaly_map, before)
            maps = step["brainmask"].inverse_transform_map(boxed, data.data)
            yield {
                "detector": name,
                "seed": seed,
                "severity": severity,
                "setting": what,
                "auroc": decision_roc_auc_score(data.target, found.score_samples),
                "pixel_ap": anomaly_map_average_precision_score(
                    data.masks, maps.astype(np.float16)
                ),
            }


def report(path: Path) -> None:
    """Print the means over seeds."""
    frame = pd.DataFrame([json.loads(line) for line in path.read_text().splitlines()])
    for name, part in frame.groupby("detector", sort=False):
        table = part.pivot_table(["auroc", "pixel_ap"], "setting", "severity", sort=False)
        print(name, table.round(3).to_markdown(), sep="\n")


def main() -> None:
    """Run a detector, or print what there is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--detector", default="cross-modal")
    parser.add_argument("--seeds", default="111,112")
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--report", type=Path, default=None)
    arguments = parser.parse_args()
    if arguments.report:
        report(arguments.report)
        return
    for seed in map(int, arguments.seeds.split(",")):
        for row in rows(arguments.detector, seed):
            with arguments.out.open("a") as file:
                file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
