"""Sums of members on development phantoms: how `make_detector` was put together.

Run by hand; prints the table of docs/trials.md ("Detectors added up"), AUROC / worst kind:

    python benchmarks/ensemble_trials.py --train 130 --test 131 132

400 healthy pairs of 50 subjects train, 360 pairs of 45 subjects a seed test, half of them with a
lesion. Each member is fitted once; its evidence is the square of its anomaly map. "calibrated"
weights are one over the mean score of healthy slices that the member did not see.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from itertools import combinations
from typing import Any

import numpy as np
from deep_features import by_kind

from ctmri_detect import (
    AtlasDetector,
    ConvAutoencoderDetector,
    CrossModalDetector,
    DeepFeatureDetector,
    EnsembleDetector,
    MapScoring,
    SyntheticAnomalyDetector,
)
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.metrics import decision_roc_auc_score
from ctmri_detect.preprocessing import make_preprocessor
from ctmri_detect.scoring.evidence import pool_top
from ctmri_detect.scoring.fusion import Rarity, fused

TOP = 0.005
ALONE = {"cross-modal, half the pixels", "cross-modal, not cross-fitted"}  # in no sum


def members(seed: int) -> dict[str, Any]:
    """What may be added up."""
    return {
        "cross-modal": CrossModalDetector(random_state=seed),
        "autoencoder": ConvAutoencoderDetector(random_state=seed),
        "deep features": DeepFeatureDetector(random_state=seed),
        "atlas": AtlasDetector(),
        "synthetic, planes": SyntheticAnomalyDetector(channels="planes", random_state=seed),
        "synthetic, all": SyntheticAnomalyDetector(random_state=seed),
        "cross-modal, half the pixels": CrossModalDetector(pixels_per_slice=200, random_state=seed),
        "cross-modal, not cross-fitted": CrossModalDetector(
            map_scoring=MapScoring(cross_fit=False), random_state=seed
        ),
    }


def figures(evidence: np.ndarray, target: np.ndarray, kind: np.ndarray) -> str:
    """AUROC / that of the worst kind."""
    decision = -pool_top(evidence, TOP)
    worst = min(by_kind(decision, kind).items(), key=lambda one: one[1])
    return f"{decision_roc_auc_score(target, decision):.3f} / {worst[1]:.2f} {worst[0]}"


def sums(names: Iterable[str], n: int) -> list[tuple[str, ...]]:
    """All sums of `n` members."""
    return list(combinations([one for one in names if n == 1 or one not in ALONE], n))


def main() -> None:
    """Fit the members, print all sums."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", type=int, default=130)
    parser.add_argument("--test", type=int, nargs="+", default=[131, 132])
    parser.add_argument("--members", nargs="*", help="some of their names")
    arguments = parser.parse_args()
    step = make_preprocessor("hu", size=128)
    healthy = make_phantom_pairs(50, 8, anomalous_fraction=0, random_state=arguments.train)
    train, tests = step.fit_transform(healthy.data), []
    for seed in arguments.test:
        data = make_phantom_pairs(45, 8, anomalous_fraction=0.5, random_state=seed)
        tests.append((step.transform(data.data), data.target, data.frame["kind"].to_numpy()))
    evidence, weights, rarities = {}, {}, {}
    for name, detector in members(arguments.train).items():
        if arguments.members and name not in arguments.members:
            continue
        fitted = EnsembleDetector([detector]).fit(train)
        kept = fitted.map_scoring_.healthy_
        whole = kept.evidence[kept.seen.all(axis=1), 0].astype(np.float32)
        weights[name], rarities[name] = 1 / pool_top(whole, TOP).mean(), Rarity(whole)
        evidence[name] = [fitted.anomaly_map(X) ** 2 for X, *_ in tests]
    for n in range(1, len(evidence) + 1):
        for chosen in sums(evidence, n):
            own = np.array([weights[name] for name in chosen])
            for how, of, fusion in (
                ("equal", np.ones(n), "sum"),
                ("half for all but the first", np.r_[1.0, [0.5] * (n - 1)], "sum"),
                ("calibrated", own, "sum"),
                ("largest, calibrated", own, "max"),
                ("quantile", np.ones(n), "quantile"),
            ):
                shown = []
                for i, (_, target, kind) in enumerate(tests):
                    each = [evidence[name][i] for name in chosen]
                    if how == "quantile":
                        each = [rarities[m].of(e) for m, e in zip(chosen, each, strict=True)]
                    shown.append(figures(fused(np.stack(each, 1), of, fusion), target, kind))
                print(f"| {' + '.join(chosen)} | {how} | {' | '.join(shown)} |", flush=True)
                if n == 1:
                    break


if __name__ == "__main__":
    main()
