"""How `SyntheticAnomalyDetector` was put together, and what it adds to other detectors.

Run by hand. On development phantoms (fit on the first seed, tested on the others), AUROC / worst
kind / pixel AP, the rows of docs/trials.md:

    python benchmarks/synthetic_trials.py phantoms --train 130 --test 131 132 --keep FOLDER

On real pairs, leave one patient out, AUROC inside the patients with both kinds of slice:

    python benchmarks/synthetic_trials.py real FOLDER --labels labels.csv --patient patient

Each member is fitted once. Its evidence is the square of its anomaly map; a sum is pooled as in
`EnsembleDetector`. "calibrated" weights are one over the mean score of healthy slices that the
member did not see. With ``--keep``, evidence is read from the folder where it is there.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from cross_modal import Test
from deep_features import by_kind
from real_pairs import inside

from ctmri_detect import (
    ConvAutoencoderDetector,
    CrossModalDetector,
    EnsembleDetector,
    SyntheticAnomalyDetector,
)
from ctmri_detect.datasets import load_pairs, make_phantom_pairs
from ctmri_detect.metrics import anomaly_map_average_precision_score, decision_roc_auc_score
from ctmri_detect.preprocessing import make_preprocessor
from ctmri_detect.scoring.evidence import pool_top

TOP = 0.005
WEIGHTS = (0.1, 0.25, 0.5, 1.0)


def members(seed: int) -> dict[str, Any]:
    """What may be added up."""
    found = {
        "cross-modal": CrossModalDetector(random_state=seed),
        "autoencoder": ConvAutoencoderDetector(random_state=seed),
    }
    for channels, stages in product(("planes", "mismatch", "residuals", "all"), (1, 2)):
        detector = SyntheticAnomalyDetector(channels=channels, stages=stages, random_state=seed)
        found[f"{channels}, {stages} stage{'s'[: stages - 1]}"] = detector
    return found


def measured(detector: Any, train: Any, tests: list[Any]) -> dict[str, Any]:
    """Evidence in each test set, the calibrated weight, and seconds of one thread."""
    start = time.process_time()
    fitted = EnsembleDetector([detector]).fit(train)
    seconds = time.process_time() - start
    kept = fitted.map_scoring_.healthy_
    whole = kept.evidence[kept.seen.all(axis=1), 0].astype(np.float32)
    evidence = [(fitted.anomaly_map(X) ** 2).astype(np.float32) for X in tests]
    return {"seconds": seconds, "weight": 1 / pool_top(whole, TOP).mean(), "evidence": evidence}


def kept(path: Path | None, make: Any) -> Any:
    """What `make()` gives, from a file where that is there."""
    if path is None:
        return make()
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        joblib.dump(make(), path, compress=1)
    return joblib.load(path)


def joined(parts: list[np.ndarray], weights: list[float]) -> np.ndarray:
    """The weighted sum of evidence."""
    return sum(np.float32(w) * part for w, part in zip(weights, parts, strict=True))


def sums(found: dict[str, Any]) -> Iterator[tuple[str, list[str], list[float]]]:
    """Name, members and weights of every sum: each alone, then beside the others."""
    yield from ((name, [name], [1.0]) for name in found)
    base = [name for name in ("cross-modal", "autoencoder") if name in found]
    for name in (name for name in found if name not in base and "cross-modal" in found):
        for weight in WEIGHTS:
            yield f"cross-modal + {weight:g} {name}", ["cross-modal", name], [1.0, weight]
        pair = ["cross-modal", name]
        yield f"{' + '.join(pair)}, calibrated", pair, [found[one]["weight"] for one in pair]
    if len(base) == 2:
        yield "cross-modal + .5 autoencoder", base, [1.0, 0.5]
        for name in (name for name in found if name not in base):
            for weight in WEIGHTS:
                title = f"cross-modal + .5 autoencoder + {weight:g} {name}"
                yield title, [*base, name], [1.0, 0.5, weight]


def figures(test: Test, evidence: np.ndarray) -> str:
    """AUROC / that of the worst kind / pixel AP on the raw grid."""
    decision = -pool_top(evidence, TOP)
    worst = min(by_kind(decision, test.data.kind).items(), key=lambda one: one[1])
    maps = np.sqrt(evidence)
    for (_, step), before in zip(test.step.steps[::-1], test.inputs[::-1], strict=True):
        if hasattr(step, "inverse_transform_map"):
            maps = step.inverse_transform_map(maps, before)
    pixels = anomaly_map_average_precision_score(test.data.masks, maps.astype(np.float16))
    whole = decision_roc_auc_score(test.data.target, decision)
    return f"{whole:.3f} / {worst[1]:.2f} {worst[0]} / {pixels:.3f}"


def sets(train: int, tests: list[int]) -> tuple[Any, list[Test]]:
    """Healthy pairs to train on, and the test sets."""
    healthy = make_phantom_pairs(50, 8, anomalous_fraction=0, random_state=train)
    found = []
    for seed in tests:
        data = make_phantom_pairs(45, 8, anomalous_fraction=0.5, random_state=seed)
        data.kind = data.frame["kind"].to_numpy()
        found.append(Test(data, np.asarray(data.data)))
    return make_preprocessor("hu", size=128).fit_transform(healthy.data), found


def phantoms(arguments: argparse.Namespace) -> None:
    """Print the rows of all sums."""
    keep = arguments.keep
    seeds = [arguments.train, *arguments.test]
    where = keep and keep / f"sets-{'-'.join(map(str, seeds))}.joblib"
    train, tests = kept(where, lambda: sets(arguments.train, arguments.test))
    found = {}
    for name, detector in members(arguments.train).items():
        if arguments.members and name not in arguments.members:
            continue
        path = keep and keep / f"{name}-{arguments.train}.joblib"
        found[name] = kept(
            path, lambda one=detector: measured(one, train, [test.X for test in tests])
        )
        print(f"{name}: {found[name]['seconds']:.0f} s, {found[name]['weight']:.4f}", flush=True)
    for title, chosen, weights in sums(found):
        shown = [
            figures(test, joined([found[one]["evidence"][i] for one in chosen], weights))
            for i, test in enumerate(tests)
        ]
        print(f"| {title} | {' | '.join(shown)} |", flush=True)


def real(arguments: argparse.Namespace) -> None:
    """Print AUROC inside each patient with both kinds of slice."""
    data = load_pairs(arguments.folder, labels=arguments.labels, patient=arguments.patient)
    patients, parts = np.asarray(data.groups), []
    for patient in np.unique(patients):
        test = patients == patient
        if len(set(data.target[test])) < 2:
            continue  # nothing inside this patient to tell apart
        learned = (patients != patient) & (arguments.all_slices | (data.target == 1))
        step = make_preprocessor(ct_units=data.ct_units)
        train, new = step.fit_transform(data.data[learned]), step.transform(data.data[test])
        found = {
            name: measured(detector, train, [new])
            for name, detector in members(arguments.seed).items()
            if name in (arguments.members or [n for n in members(0) if n != "autoencoder"])
        }
        for title, chosen, weights in sums(found):
            evidence = joined([found[one]["evidence"][0] for one in chosen], weights)
            rows = {"detector": title, "patient": patient, "target": data.target[test]}
            parts.append(pd.DataFrame({**rows, "decision": -pool_top(evidence, TOP)}))
        print(patient, flush=True)
    for name, scores in pd.concat(parts).groupby("detector", sort=False):
        each = inside(scores)
        shown = [f"{who} {value:.3f}" for who, value in each.items()]
        print(f"| {name} | {' | '.join(shown)} | {np.mean(list(each.values())):.3f} |", flush=True)


def main() -> None:
    """Run one of the two parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = parser.add_subparsers(required=True)
    one = parts.add_parser("phantoms")
    one.set_defaults(run=phantoms)
    one.add_argument("--train", type=int, default=130)
    one.add_argument("--test", type=int, nargs="+", default=[131, 132])
    one.add_argument("--keep", type=Path, help="folder for evidence of members")
    two = parts.add_parser("real")
    two.set_defaults(run=real)
    two.add_argument("folder")
    two.add_argument("--labels", required=True)
    two.add_argument("--patient", required=True)
    two.add_argument("--seed", type=int, default=0)
    two.add_argument("--all-slices", action="store_true")
    for each in (one, two):
        each.add_argument("--members", nargs="*", help="some of their names")
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
