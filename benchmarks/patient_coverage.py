"""Is the false-positive rate of `patient_predict` the one asked for, and how far does it vary?

Run by hand, in 3 minutes on one core; then the table:

    python benchmarks/patient_coverage.py --seed 0 --out benchmarks/results/patient_coverage.jsonl
    python benchmarks/patient_coverage.py --report benchmarks/results/patient_coverage.jsonl

Healthy phantom patients, 4 slices each, 64 pixels. A detector is fitted on 24 patients and scores
all others once. Then calibration sets of n patients are drawn from these, 1000 times, and the rest
are new patients: "recalibrate". "slices": the same with the threshold of slices that `predict` has;
a patient counts where any slice is flagged. "4 new slices, 2 healthy" and "2 new, 4 healthy": every
second slice is left out on one side. "fit": the detector is fitted on n patients, by
itself, and 60 others are new. Seed 0 is for publishing; what was chosen, was chosen on seed 100.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from run_synthetic import commit

from ctmri_detect import AtlasDetector, CrossModalDetector, Pairs, ThresholdDetector
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.evaluation import patient_predict_scores
from ctmri_detect.preprocessing import make_preprocessor
from ctmri_detect.scoring import conformal_offset, conformal_p_values

SLICES, SIZE, BASE, NEW = 4, 64, 24, 60
RATE = 0.05
Scores = npt.NDArray[np.float64]


def healthy(n: int, seed: int, **settings: Any) -> Pairs:
    """Prepared slices of healthy patients."""
    data = make_phantom_pairs(
        n, SLICES, size=SIZE, anomalous_fraction=0, random_state=seed, **settings
    )
    names = [f"{seed}, {name}" for name in data.groups]
    return Pairs(make_preprocessor("hu", size=SIZE).fit_transform(data.data), groups=names)


def of_patients(X: Pairs, patients: npt.ArrayLike) -> Pairs:
    """Their slices; patients are counted."""
    rows = np.asarray(patients)[:, None] * SLICES + np.arange(SLICES)
    return X[rows.ravel()]


def detectors(seed: int) -> dict[str, Any]:
    """Name to unfitted detector."""
    return {
        "threshold": ThresholdDetector(),
        "atlas": AtlasDetector(),
        "cross-modal": CrossModalDetector(random_state=seed, device="cpu"),
    }


def resampled(
    scores: Scores, n: int, sets: int, rng: np.random.Generator
) -> dict[str, list[float]]:
    """Rates of new patients over calibration sets; `scores` (patients, slices), high = normal."""
    some = scores[:, 1::2]
    rates: dict[str, list[float]] = {
        "recalibrate": [], "4 new slices, 2 healthy": [], "2 new slices, 4 healthy": [],
        "slices": [],
    }  # fmt: skip
    for _ in range(sets):
        order = rng.permutation(len(scores))
        own, new = order[:n], order[n:]
        for name, known, asked in (
            ("recalibrate", scores, scores),
            ("4 new slices, 2 healthy", some, scores),
            ("2 new slices, 4 healthy", scores, some),
        ):
            p = conformal_p_values(asked[new].min(axis=1), known[own].min(axis=1))
            rates[name].append(float((p <= RATE).mean()))
        offset = conformal_offset(scores[own].ravel(), RATE)
        rates["slices"].append(float((scores[new] < offset).any(axis=1).mean()))
    return rates


def summary(name: str, way: str, n: int, rates: list[float], **more: Any) -> dict[str, Any]:
    """One row: the mean rate, its Monte Carlo error, and the spread over calibration sets."""
    found = np.array(rates)
    low, high = np.quantile(found, (0.05, 0.95))
    return {
        "detector": name, "way": way, "healthy_patients": n, "rate": RATE, "sets": len(found),
        "expected": np.floor(RATE * (n + 1) + 1e-9) / (n + 1), "mean": found.mean(),
        "standard_error": found.std(ddof=1) / np.sqrt(len(found)), "p05": low, "p95": high, **more,
    }  # fmt: skip


def fits(detector: Any, X: Pairs, n: int, times: int, rng: np.random.Generator) -> list[float]:
    """Rates of the patients left out, by detectors fitted on n others."""
    found = []
    for _ in range(times):
        order = rng.permutation(len(X) // SLICES)
        detector.fit(of_patients(X, order[:n]))
        new = of_patients(X, order[n : n + NEW])
        scores = -detector.score_samples(new)
        table = patient_predict_scores(detector, scores, new.groups, false_positive_rate=RATE)
        found.append(float((table["prediction"] == -1).mean()))
    return found


def run(seed: int, patients: int, sets: int, sizes: list[int]) -> Iterator[dict[str, Any]]:
    """Rows of one seed."""
    rng = np.random.default_rng(seed)
    base, X = healthy(BASE, seed + 1000), healthy(patients, seed)
    for name, detector in detectors(seed).items():
        start = time.process_time()
        scores = detector.fit(base).score_samples(X).reshape(patients, SLICES)
        for n in sizes:
            for way, rates in resampled(scores, n, sets, rng).items():
                yield summary(name, way, n, rates)
        for n in sizes[:2]:
            times = 2 if name == "cross-modal" else 8
            rates = fits(detector, X, n, times, rng)
            yield summary(name, "fit", n, rates, seconds=time.process_time() - start)


def main() -> None:
    """Run one seed, or print what there is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--patients", type=int, default=250)
    parser.add_argument("--sets", type=int, default=1000)
    parser.add_argument("--sizes", type=int, nargs="+", default=[20, 50, 200])
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--report", type=Path, default=None)
    given = parser.parse_args()
    if given.report:
        frame = pd.DataFrame(map(json.loads, given.report.read_text().splitlines()))
        columns = ["detector", "way", "healthy_patients", "expected", "mean", "standard_error",
                   "p05", "p95"]  # fmt: skip
        print(frame[columns].round(4).to_markdown(index=False))
        return
    about = {"seed": given.seed, "commit": commit()}
    for row in run(given.seed, given.patients, given.sets, given.sizes):
        with given.out.open("a") as file:
            file.write(json.dumps({**about, **row}) + "\n")


if __name__ == "__main__":
    main()
