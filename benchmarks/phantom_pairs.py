"""The figures of docs/results.md on synthetic heads.

Run by hand; appends JSON lines and prints Markdown tables:

    python benchmarks/phantom_pairs.py --out benchmarks/results/phantom_pairs.jsonl
    python benchmarks/phantom_pairs.py --ablation --out benchmarks/results/ablation.jsonl

The heads of a seed are those of ``ctmri-detect demo --seed``: 40 subjects of 8 slices, 40 % with a
lesion, two folds by patient. Seeds 0 to 9 are for publishing; what was chosen, was chosen on seeds
from 100 on.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pandas as pd

from ctmri_detect import AtlasDetector, CrossModalDetector, MapScoring
from ctmri_detect.cli.detectors import DETECTORS, make_detector
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.evaluation import benchmark
from ctmri_detect.preprocessing import make_preprocessor


def ablations() -> dict[str, object]:
    """Each stage left out in turn."""
    scorings = {
        "all stages (default)": MapScoring(),
        "no reference": MapScoring(reference=None),
        "reference by position": MapScoring(reference="position"),
        "no symmetry": MapScoring(symmetry=False),
        "no smoothing": MapScoring(smoothing=0),
        "planes fused by maximum": MapScoring(fusion="max"),
    }
    rows: dict[str, object] = {}
    for name, scoring in scorings.items():
        rows[f"atlas: {name}"] = AtlasDetector(map_scoring=scoring)
    for name, scoring in scorings.items():
        rows[f"cross-modal: {name}"] = CrossModalDetector(map_scoring=scoring)
    rows["cross-modal: mismatch alone"] = CrossModalDetector(evidence=("mismatch",))
    rows["cross-modal: within alone"] = CrossModalDetector(evidence=("within",))
    return rows


def run(detectors: dict[str, object], severity: str, seed: int) -> pd.DataFrame:
    """One seed: the table of `benchmark`, with severity and settings."""
    data = make_phantom_pairs(40, 8, anomalous_fraction=0.4, severity=severity, random_state=seed)
    result = benchmark(
        detectors, data, seeds=(seed,), preprocessor=make_preprocessor("hu"), n_cases=0
    )
    table = result.table.assign(severity=severity)
    for key, value in result.settings.items():
        table[f"setting: {key}"] = value
    return table


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ablation", action="store_true")
    parser.add_argument("--severities", default="moderate")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--detectors", default=",".join(DETECTORS))
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    chosen = {name: make_detector(name, 0) for name in arguments.detectors.split(",")}
    detectors = ablations() if arguments.ablation else chosen
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    tables = []
    for severity in arguments.severities.split(","):
        for seed in map(int, arguments.seeds.split(",")):
            table = run(detectors, severity, seed)
            tables.append(table)
            with arguments.out.open("a") as file:
                for row in table.to_dict("records"):
                    file.write(json.dumps(row) + "\n")
    everything = pd.concat(tables)
    figures = ["image_auroc", "image_ap", "pixel_ap", "fit_seconds", "score_seconds"]
    whole = everything[everything["kind"] == "all"]
    means = whole.groupby(["severity", "detector"], sort=False)[figures].mean()
    print(means.round(3).to_markdown())
    by_kind = everything.pivot_table("image_auroc", ["severity", "detector"], "kind", sort=False)
    print(by_kind.round(2).to_markdown())


if __name__ == "__main__":
    main()
