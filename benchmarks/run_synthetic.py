"""The published comparison on synthetic heads: all detectors, baselines, figures at all levels.

Run by hand. It goes on where it stopped, and writes the figures as JSON lines:

    python benchmarks/run_synthetic.py --store /tmp/synthetic --out results/synthetic.jsonl
    python benchmarks/run_synthetic.py --report results/synthetic.jsonl

The heads of a seed are those of ``ctmri-detect demo --seed``: 40 subjects of 8 slices, 40 % of them
with an anomaly, two folds by patient. Seeds 0 to 9 are for publishing; what was chosen, was chosen
on seeds from 100 on. ``--conditions`` adds the curves of robustness.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path

import pandas as pd

from ctmri_detect.cli.detectors import DETECTORS, make_detector
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.evaluation import (
    BenchmarkResult,
    BiasField,
    Contamination,
    Misregistration,
    MissingModality,
    Noise,
    SliceThickness,
    TrainingPatients,
    benchmark,
    evaluate,
)
from ctmri_detect.preprocessing import make_preprocessor

CONDITIONS = [
    *(Misregistration(mm) for mm in (1.0, 2.0, 4.0)),
    *(Noise(share) for share in (0.02, 0.05, 0.1)),
    *(BiasField(gain) for gain in (0.2, 0.4)),
    *(SliceThickness(mm) for mm in (18.0, 27.0)),  # two and three slices, which are 9.1 mm apart
    *(MissingModality(1.0, name) for name in ("CT", "MRI")),
    *(TrainingPatients(n) for n in (5, 10)),
    *(Contamination(share) for share in (0.05, 0.1, 0.2)),
]
PUBLISHED = ["auroc", "patient_auroc", "pixel_ap", "aupro", "lesion_sensitivity_at_1"]
PUBLISHED += ["false_positive_rate", "best_dice", "dice_at_threshold"]


def commit() -> str:
    """Of this checkout, with a plus where its code has changed since; "" outside of one."""
    root = Path(__file__).resolve().parent.parent
    found = _git(root, "describe", "--always", "--abbrev=7")
    code = ["ctmri_detect", "benchmarks", ":!benchmarks/results"]
    changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", *code)
    return found + "+" * bool(changed)


def _git(root: Path, *command: str) -> str:
    found = subprocess.run(
        ["git", "-C", str(root), *command], capture_output=True, text=True, check=False
    )
    return found.stdout.strip()


def figures(result: BenchmarkResult) -> pd.DataFrame:
    """All figures of a seed, and AUROC and pixel AP of each kind, with costs and commit."""
    table = pd.concat([evaluate(result).assign(kind="all"), by_kind(result)], ignore_index=True)
    costs = result.conditions.rename(columns={"level": "condition_level"})
    place = ["detector", "seed", "condition", "condition_level"]
    wanted = [*place, "fit_seconds", "score_seconds", "peak_memory_mb"]
    return table.merge(costs[wanted], on=place, how="left").assign(commit=commit())


def by_kind(result: BenchmarkResult) -> pd.DataFrame:
    """Rows like those of `evaluate`, one a kind of anomaly and metric."""
    kinds = result.table[result.table["kind"] != "all"]
    parts = [
        kinds[["detector", "seed", "kind"]].assign(
            condition="", condition_level=0.0, level=level, metric=metric, value=kinds[column]
        )
        for level, metric, column in (
            ("image", "auroc", "image_auroc"),
            ("pixel", "pixel_ap", "pixel_ap"),
        )
    ]
    return pd.concat(parts)


def run(names: list[str], seed: int, store: Path, conditions: bool, n_jobs: int) -> pd.DataFrame:
    """One seed."""
    data = make_phantom_pairs(40, 8, anomalous_fraction=0.4, random_state=seed, n_jobs=2)
    result = benchmark(
        {name: make_detector(name, 0) for name in names},
        data,
        seeds=(seed,),
        preprocessor=make_preprocessor("hu"),
        conditions=CONDITIONS if conditions else None,
        store=store / f"seed{seed}",
        n_jobs=n_jobs,
        n_threads=1,
    )
    return figures(result)


def report(table: pd.DataFrame) -> None:
    """Means over seeds in Markdown; ends of intervals are means over seeds."""
    keys = ["detector", "metric"]
    plain = table[(table["condition"] == "") & (table["kind"] == "all")]
    plain = plain.groupby(keys, sort=False)
    means = plain[["value", "low", "high"]].mean().reset_index()
    means["text"] = [
        f"{row.value:.3f} ({row.low:.3f} to {row.high:.3f})" for row in means.itertuples()
    ]
    shown = means.set_index(["detector", "metric"])["text"].unstack()[PUBLISHED]  # noqa: PD010
    order = means[means["metric"] == "auroc"].sort_values("value", ascending=False)["detector"]
    print(shown.loc[order].to_markdown())
    spoilt = table[(table["condition"] != "") & (table["metric"] == "auroc")]
    if len(spoilt):
        place = ["condition", "condition_level"]
        curves = spoilt.pivot_table(index="detector", columns=place, values="value")
        print(curves.round(3).to_markdown())


def main() -> None:
    """Run, write, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--detectors", default=",".join(DETECTORS))
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--store", type=Path, default=Path("benchmark-store"))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--conditions", action="store_true")
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--report", type=Path, default=None)
    arguments = parser.parse_args()
    if arguments.report:
        report(pd.read_json(arguments.report, lines=True))
        return
    names, tables = arguments.detectors.split(","), []
    for seed in map(int, arguments.seeds.split(",")):
        more = arguments.store, arguments.conditions, arguments.jobs
        tables.append(run(names, seed, *more))
        if arguments.out:
            with arguments.out.open("a") as file:
                for row in tables[-1].to_dict("records"):
                    file.write(json.dumps(row) + "\n")
    report(pd.concat(tables))


if __name__ == "__main__":
    main()
