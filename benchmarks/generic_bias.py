"""Does training on generic anomalies favour some kinds? Families of shapes and modes left out.

Run by hand; appends JSON lines, and ``--report`` prints the table:

    python benchmarks/generic_bias.py --seed 0 --out benchmarks/results/generic_bias.jsonl
    python benchmarks/generic_bias.py --report benchmarks/results/generic_bias.jsonl

`SyntheticAnomalyDetector` (one stage, all channels) learns from all families of
`GenericAnomalies`, then from all but one. Each is tested on all kinds of anomaly of the library,
beside `CrossModalDetector`, which never sees an anomaly. 200 healthy pairs of 50 subjects train;
360 test pairs of 45 others hold the default kinds, 360 more the other kinds.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from deep_features import by_kind

from ctmri_detect import CrossModalDetector, SyntheticAnomalyDetector
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.preprocessing import make_preprocessor
from ctmri_detect.synthesis import DEFAULT_KINDS, GenericAnomalies, anomaly_kinds

OTHERS = tuple(kind for kind in anomaly_kinds() if kind not in DEFAULT_KINDS)
FAMILIES = (
    *(("shapes", name) for name in GenericAnomalies().shapes),
    *(("modes", name) for name in GenericAnomalies().modes),
)


def detectors(seed: int) -> dict[str, Any]:
    """With all families, without each, and the detector that knows none."""

    def without(which: str, name: str) -> GenericAnomalies:
        every = GenericAnomalies()
        return every.set_params(**{which: tuple(n for n in getattr(every, which) if n != name)})

    settings: dict[str, Any] = {"stages": 1, "random_state": seed}
    return {
        "cross-modal": CrossModalDetector(random_state=seed),
        "all families": SyntheticAnomalyDetector(**settings),
        **{
            f"without {name}": SyntheticAnomalyDetector(anomalies=without(which, name), **settings)
            for which, name in FAMILIES
        },
    }


def run(seed: int, out: Path) -> None:
    """A row of each detector."""
    step = make_preprocessor("hu", size=128)
    healthy = make_phantom_pairs(50, 4, anomalous_fraction=0, random_state=seed)
    train, tests = step.fit_transform(healthy.data), []
    for first, kinds in ((1000, DEFAULT_KINDS), (3000, OTHERS)):
        data = make_phantom_pairs(45, 8, kinds=kinds, random_state=first + seed)
        tests.append((step.transform(data.data), data.frame["kind"].to_numpy()))
    for name, detector in detectors(seed).items():
        detector.fit(train)
        found: dict[str, float] = {}
        for X, kind in tests:
            found |= by_kind(detector.decision_function(X), kind)
        row = {"what": name, "seed": seed, **{k: round(v, 3) for k, v in found.items()}}
        print(name, round(float(np.mean(list(found.values()))), 3), flush=True)
        with out.open("a") as file:
            file.write(json.dumps(row) + "\n")


def main() -> None:
    """Run one seed, or print what there is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--report", type=Path, default=None)
    arguments = parser.parse_args()
    if not arguments.report:
        run(arguments.seed, arguments.out)
        return
    table = pd.read_json(arguments.report, lines=True).groupby("what", sort=False).mean()
    print(table.drop(columns="seed").T.round(2).to_markdown())


if __name__ == "__main__":
    main()
