"""How often does `check_exchangeable` notice another scanner, and what does `recalibrate` mend?

Run by hand, in 3 minutes on one core; then the tables:

    python benchmarks/exchangeable.py --seed 0 --out benchmarks/results/exchangeable.jsonl
    python benchmarks/exchangeable.py --report benchmarks/results/exchangeable.jsonl

Phantom patients, 4 slices each, 64 pixels; an atlas fitted on 24 healthy ones of a 1.5 T scanner,
T2. New patients: of the same scanner, healthy, or 30 % of them with a lesion in half of their
slices; and healthy ones of other scanners. Calibration and new patients are drawn 400 times from
those that were scored once. "called": how many healthy new patients `patient_predict` calls
anomalous at a rate of 5 %, before and after `recalibrate` with 20 of the same scanner. Seed 0 is
for publishing; what was chosen, was chosen on seed 100.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from patient_coverage import BASE, RATE, SIZE, SLICES, healthy
from run_synthetic import commit

from ctmri_detect import AtlasDetector, Pairs
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.evaluation import BiasField, Noise
from ctmri_detect.evaluation.exchangeable import patient_numbers
from ctmri_detect.evaluation.rank_test import rank_test
from ctmri_detect.preprocessing import make_preprocessor
from ctmri_detect.scoring import conformal_p_values
from ctmri_detect.scoring.calibration_patients import looks_of_patients
from ctmri_detect.validation import check_pairs

HEALTHY, NEW, DRAWS, OWN = (20, 50), (5, 10), 400, 20
LESIONS = 0.3  # share of the new patients
Numbers = npt.NDArray[np.float64]


class Patients(NamedTuple):
    """What the test sees of patients ``(n, k)``, and the highest anomaly score of each ``(n,)``."""

    numbers: Numbers
    highest: Numbers


def seen(detector: AtlasDetector, X: Pairs) -> Patients:
    """Scored once."""
    reader, codes = check_pairs(X), np.arange(len(X)) // SLICES
    scores = -detector.score_samples(X)
    looks = looks_of_patients(reader.with_groups(codes))[1]
    return Patients(patient_numbers(looks, scores, codes), scores.reshape(-1, SLICES).max(axis=1))


def prepared(data: Any, condition: Any = None) -> Pairs:
    """Slices as the detector gets them, spoilt before that."""
    raw = data.data
    if condition is not None:
        values = condition.tested(raw, np.arange(len(raw)), seed=0)
        raw = Pairs(values, groups=raw.groups, ct_units=raw.ct_units, spacing=raw.spacing)
    X = make_preprocessor("hu", size=SIZE).fit_transform(raw)
    return Pairs(X, groups=[f"new {name}" for name in data.groups])


def scanners(seed: int, n: int) -> Iterator[tuple[str, Pairs]]:
    """Name and healthy slices of n patients; the spoilt ones are of the same people."""
    settings = {"size": SIZE, "anomalous_fraction": 0.0}
    plain = make_phantom_pairs(n, SLICES, random_state=seed + 2000, **settings)
    yield "noise, 5 % more", prepared(plain, Noise(0.05))
    yield "bias field, .3", prepared(plain, BiasField(0.3))
    strong = {"field_strength": 3.0, "random_state": seed + 3000}
    yield "3 T", prepared(make_phantom_pairs(n, SLICES, **settings, **strong))
    flair = {"sequence": "flair", "random_state": seed + 4000}
    yield "FLAIR", prepared(make_phantom_pairs(n, SLICES, **settings, **flair))


def alarms(
    new: Numbers | None, known: Numbers, rng: np.random.Generator
) -> Iterator[dict[str, Any]]:
    """How often the test calls draws of these patients different; None: draws of the known ones."""
    for n in HEALTHY:
        for m in NEW:
            p = []
            for draw in range(DRAWS):
                order = rng.permutation(len(known))
                own, asked = known[order[:n]], known[order[n : n + m]]
                if new is not None:
                    asked = new[rng.choice(len(new), m, replace=False)]
                found = rank_test(asked, own, rate=0.01, n_resamples=199, random_state=draw)
                p.append(found.p_value)
            shares = {f"alarms_{level:g}": float((np.array(p) <= level).mean())
                      for level in (0.01, 0.05)}  # fmt: skip
            yield {"healthy_patients": n, "new_patients": m, "draws": DRAWS, **shares}


def called(new: Numbers, known: Numbers, rng: np.random.Generator) -> dict[str, float]:
    """Share of healthy patients of another scanner that are called anomalous, before and after."""
    before, after = [], []
    for _ in range(DRAWS):
        own = rng.choice(len(known), OWN, replace=False)
        order = rng.permutation(len(new))
        before.append((conformal_p_values(-new[order[OWN:]], -known[own]) <= RATE).mean())
        p = conformal_p_values(-new[order[OWN:]], -new[order[:OWN]])
        after.append((p <= RATE).mean())
    return {"called_before": float(np.mean(before)), "called_after": float(np.mean(after))}


def run(seed: int, patients: int, others: int) -> Iterator[dict[str, Any]]:
    """Rows of one seed."""
    rng = np.random.default_rng(seed)
    detector = AtlasDetector().fit(healthy(BASE, seed + 1000))
    every = seen(detector, healthy(patients + others, seed))
    known, same = (Patients(*(part[rows] for part in every))
                   for rows in (slice(patients), slice(patients, None)))  # fmt: skip
    settings = {"size": SIZE, "random_state": seed + 5000, "anomalous_fraction": 0.5}
    ill = seen(detector, prepared(make_phantom_pairs(others, SLICES, **settings)))
    part = round(LESIONS * others)
    mixed = np.concatenate([same.numbers[part:], ill.numbers[:part]])
    for row in alarms(None, every.numbers, rng):
        yield {"scanner": "the same", **row}
    for row in alarms(mixed, known.numbers, rng):
        yield {"scanner": "the same, 30 % with lesions", **row}
    for row in alarms(ill.numbers, known.numbers, rng):
        yield {"scanner": "the same, all with lesions", **row}
    for name, X in scanners(seed, others):
        new = seen(detector, X)
        shares = called(new.highest, known.highest, rng)
        for row in alarms(new.numbers, known.numbers, rng):
            yield {"scanner": name, **row, **shares}


def main() -> None:
    """Run one seed, or print what there is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--patients", type=int, default=120)
    parser.add_argument("--others", type=int, default=40)
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--report", type=Path, default=None)
    given = parser.parse_args()
    if given.report:
        frame = pd.DataFrame(map(json.loads, given.report.read_text().splitlines()))
        columns = ["scanner", "healthy_patients", "new_patients", "alarms_0.01", "alarms_0.05",
                   "called_before", "called_after"]  # fmt: skip
        print(frame[columns].round(3).to_markdown(index=False))
        return
    about = {"seed": given.seed, "commit": commit()}
    for row in run(given.seed, given.patients, given.others):
        with given.out.open("a") as file:
            file.write(json.dumps({**about, **row}) + "\n")


if __name__ == "__main__":
    main()
