"""The figures of docs/results.md on synthetic heads.

Run by hand; appends JSON lines and prints Markdown tables:

    python benchmarks/phantom_pairs.py --out benchmarks/results/phantom_pairs.jsonl
    python benchmarks/phantom_pairs.py --ablation --out benchmarks/results/ablation.jsonl
    python benchmarks/phantom_pairs.py --severities mild,moderate,severe --seeds 0,1,2 --kinds all \
        --detectors threshold,atlas-position,atlas --out benchmarks/results/difficulty.jsonl

The heads of a seed are those of ``ctmri-detect demo --seed``: 40 subjects of 8 slices, 40 % with an
anomaly, two folds by patient. Seeds 0 to 9 are for publishing; what was chosen, was chosen on seeds
from 100 on. Intervals are over patients (95 %, percentile bootstrap) of the mean over seeds.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd

from ctmri_detect import AtlasDetector
from ctmri_detect.cli.detectors import DETECTORS, make_detector
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.evaluation import benchmark
from ctmri_detect.metrics import decision_roc_auc_score, patient_bootstrap
from ctmri_detect.preprocessing import make_preprocessor
from ctmri_detect.synthesis import anomaly_kinds


def ablations() -> dict[str, object]:
    """Each stage of `MapScoring` left out in turn (`cross_modal.py` has the other ablation)."""
    changes: dict[str, dict[str, object]] = {
        "all stages (default)": {},
        "no reference": {"reference": None},
        "reference by position": {"reference": "position"},
        "no symmetry": {"symmetry": False},
        "symmetry required": {"symmetry": "required"},
        "no smoothing": {"smoothing": 0, "scales": 0},
        "one scale, 2 px before and after": {"smoothing": 2.0, "scales": 2.0},
        "planes fused by mean": {"fusion": "mean"},
        "statistics instead of slices": {"bank": "summary"},
    }
    rows: dict[str, object] = {}
    for name, change in changes.items():
        rows[f"atlas: {name}"] = AtlasDetector().set_params(
            **{f"map_scoring__{key}": value for key, value in change.items()}
        )
    return rows


def run(
    detectors: dict[str, object], kinds: str | list[str], severity: str, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One seed: table and scores of `benchmark`, with severity and settings."""
    data = make_phantom_pairs(
        40, 8, kinds=kinds, anomalous_fraction=0.4, severity=severity, random_state=seed, n_jobs=2
    )
    result = benchmark(
        detectors, data, seeds=(seed,), preprocessor=make_preprocessor("hu"), n_examples=0
    )
    table = result.table.assign(severity=severity)
    for key, value in result.settings.items():
        table[f"setting: {key}"] = value
    return table, result.scores.assign(severity=severity)


def with_interval(scores: pd.DataFrame) -> str:
    """AUROC of one detector, mean over seeds, with its interval over patients."""
    seeds = scores["seed"].to_numpy()

    def mean_auroc(target: np.ndarray, decision: np.ndarray) -> float:
        each = [
            decision_roc_auc_score(target[decision[:, 1] == s], decision[decision[:, 1] == s, 0])
            for s in np.unique(seeds)
        ]
        return float(np.mean(each))

    found = patient_bootstrap(
        scores["target"].to_numpy(),
        np.stack([scores["decision"], seeds], axis=1),
        scores["seed"].astype(str) + " " + scores["patient"].astype(str),
        mean_auroc,
        n_resamples=1000,
        random_state=0,
    )
    return f"{found.estimate:.3f} ({found.low:.3f} to {found.high:.3f})"


def report(everything: pd.DataFrame, scores: pd.DataFrame) -> None:
    """Print the tables in Markdown."""
    figures = ["image_auroc", "image_ap", "pixel_ap", "fit_seconds", "score_seconds"]
    keys = ["severity", "detector"]
    whole = everything[everything["kind"] == "all"]
    means = whole.groupby(keys, sort=False)[figures].mean().round(3)
    grouped = scores.groupby(keys, sort=False)
    means["image_auroc"] = [with_interval(grouped.get_group(key)) for key in means.index]
    print(means.to_markdown())
    by_kind = everything.pivot_table("image_auroc", keys, "kind", sort=False)
    print(by_kind.round(2).to_markdown())


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ablation", action="store_true")
    parser.add_argument("--severities", default="moderate")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--detectors", default=",".join(DETECTORS))
    parser.add_argument("--kinds", default="default", help="'default', 'all', or names")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    names = {"default": "default", "all": anomaly_kinds()}
    kinds = names.get(arguments.kinds) or arguments.kinds.split(",")
    chosen = {name: make_detector(name, 0) for name in arguments.detectors.split(",")}
    detectors = ablations() if arguments.ablation else chosen
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    tables, scores = [], []
    for severity in arguments.severities.split(","):
        for seed in map(int, arguments.seeds.split(",")):
            table, decisions = run(detectors, kinds, severity, seed)
            tables.append(table)
            scores.append(decisions)
            with arguments.out.open("a") as file:
                for row in table.to_dict("records"):
                    if row["kind"] != "all":  # the settings once a run and detector
                        row = {k: v for k, v in row.items() if not k.startswith("setting:")}
                    file.write(json.dumps(row) + "\n")
    report(pd.concat(tables), pd.concat(scores))


if __name__ == "__main__":
    main()
