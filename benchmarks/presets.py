"""Presets beside their members, on synthetic pairs: accuracy by severity and kind, time, memory.

Run by hand, one seed a process, with nothing else running where the times matter; appends JSON
lines, and ``--report`` prints the tables:

    python benchmarks/presets.py --seed 0 --threads 2 --out benchmarks/results/presets.jsonl
    python benchmarks/presets.py --report benchmarks/results/presets.jsonl

The sets of `cross_modal.py`: 400 healthy pairs of 50 subjects, 360 test pairs of 45 others, half of
them with a lesion; the same fit is tested on mild lesions, too, and on the other ten kinds of
anomaly. Seeds 0 to 9 are for publishing; the presets were chosen on seeds 130 to 132.
Differences to `CrossModalDetector` and to the best member: DeLong's test over patients. Times
beside a 4096 x 4096 float32 matrix product on the same threads.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import torch
from cross_modal import Test, interval
from cross_modal_speed import cpu_name, seconds_of
from deep_features import kinds_table
from threadpoolctl import threadpool_limits

from ctmri_detect import (
    ConvAutoencoderDetector,
    CrossModalDetector,
    SyntheticAnomalyDetector,
    make_detector,
)
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.evaluation.memory import PeakMemory
from ctmri_detect.metrics import delong_test
from ctmri_detect.preprocessing import make_preprocessor
from ctmri_detect.synthesis import DEFAULT_KINDS, anomaly_kinds

OTHERS = tuple(kind for kind in anomaly_kinds() if kind not in DEFAULT_KINDS)
SETS: dict[str, dict[str, Any]] = {  # what the test pairs hold, in the order of the tables
    "moderate": {},
    "mild": {"severity": "mild"},
    "other kinds": {"kinds": OTHERS},
}
MEMBERS = ("cross-modal", "fast", "autoencoder", "synthetic")  # "fast" is the first again


def detectors(seed: int) -> dict[str, Callable[[], Any]]:
    """Members and presets."""
    return {
        "cross-modal": lambda: CrossModalDetector(random_state=seed),
        "autoencoder": lambda: ConvAutoencoderDetector(random_state=seed),
        "synthetic": lambda: SyntheticAnomalyDetector(random_state=seed),
        "fast": lambda: make_detector("fast", random_state=seed),
        "balanced": lambda: make_detector("balanced", random_state=seed),
        "best": lambda: make_detector("best", random_state=seed),
    }


def run(arguments: argparse.Namespace) -> None:
    """A row of each detector."""
    seed = arguments.seed
    a = np.random.default_rng(0).standard_normal((4096, 4096), dtype=np.float32)
    about: dict[str, Any] = {"seed": seed, "threads": arguments.threads, "cpu": cpu_name()}
    about |= {name: version(name) for name in ("numpy", "torch", "scikit-learn")}
    about["product_seconds"] = round(seconds_of(lambda: a @ a, 5), 2)
    healthy = make_phantom_pairs(50, 8, anomalous_fraction=0, random_state=seed)
    tests = {}
    for n, (which, settings) in enumerate(SETS.items()):
        of = {"anomalous_fraction": 0.5, "random_state": 1000 * (n + 1) + seed, **settings}
        data = make_phantom_pairs(45, 8, **of)
        tests[which] = Test(data, np.asarray(data.data))
    train = make_preprocessor("hu", size=128).fit_transform(healthy.data)
    for name, make in detectors(seed).items():
        if arguments.only and name not in arguments.only:
            continue
        detector, load = make(), os.getloadavg()[0]
        with PeakMemory() as memory:
            start = time.perf_counter()
            detector.fit(train)
            seconds = time.perf_counter() - start
        costs = {"fit_seconds": seconds, "load": load, "MiB": round(memory.increase_mb)}
        for which, test in tests.items():
            kinds, whose = test.data.frame["kind"].tolist(), test.data.groups.tolist()
            row = test.row(name, detector, kind=kinds, patient=whose, **about)
            row |= {"set": which, **costs}
            row["flagged"] = float((np.array(row["decision"])[test.data.target == 1] < 0).mean())
            if arguments.out:
                with arguments.out.open("a") as file:
                    file.write(json.dumps(row) + "\n")


def report(path: Path) -> None:
    """Print the tables in Markdown."""
    frame = pd.DataFrame([json.loads(line) for line in path.read_text().splitlines()])
    for which, part in frame.groupby("set", sort=False):
        print(f"\n{which}, seeds {sorted(set(part['seed']))}\n")
        figures = ["auroc", "pixel_ap", "flagged", "fit_seconds", "pairs_a_second", "MiB"]
        table = part.groupby("what", sort=False)[figures].mean()
        table.insert(1, "interval", [interval(part[part["what"] == what]) for what in table.index])
        print(table.round(3).to_markdown())
        differences(part)
        print(kinds_table(part).T.to_markdown())


def differences(part: pd.DataFrame) -> None:
    """Print each preset's gain over the cross-modal detector and over the best member."""
    for seed, rows in part.groupby("seed"):
        found = {row["what"]: row for _, row in rows.iterrows()}
        members = [name for name in MEMBERS if name in found]
        if not members:
            continue
        others = {members[0], max(members, key=lambda name: found[name]["auroc"])}
        for name in set(found) - set(MEMBERS):
            for other in sorted(others):
                one, two = found[name], found[other]
                target = np.where(np.array(one["kind"]) == "normal", 1, -1)
                test = delong_test(target, one["decision"], two["decision"], groups=one["patient"])
                print(f"seed {seed}: {name} - {other}: {test}")


def main() -> None:
    """Run one seed, or print what there is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", nargs="*", help="names of detectors")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--report", type=Path)
    arguments = parser.parse_args()
    if arguments.report:
        report(arguments.report)
        return
    torch.set_num_threads(arguments.threads)
    cv2.setNumThreads(arguments.threads)
    with threadpool_limits(arguments.threads):
        run(arguments)


if __name__ == "__main__":
    main()
