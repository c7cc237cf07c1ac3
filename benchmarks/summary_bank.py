"""What `MapScoring(bank="summary")` costs: statistics of groups of slices instead of slices.

Run by hand; one seed a process, then the table:

    python benchmarks/summary_bank.py --seed 0 --out benchmarks/results/summary_bank.jsonl
    python benchmarks/summary_bank.py --report benchmarks/results/summary_bank.jsonl

Healthy pairs of 40 subjects, 8 slices each, and pairs of 24 others, 6 slices each, half of them
with lesions, prepared at 128 pixels. The size is that of the saved file. Seeds 0 to 9 are for
publishing; what was chosen, was chosen on seed 120.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from cross_modal import Test

from ctmri_detect import AtlasDetector, CrossModalDetector
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.persistence import save
from ctmri_detect.preprocessing import make_preprocessor


def run(seed: int, names: list[str]) -> Iterator[dict[str, Any]]:
    """Rows of one seed."""
    healthy = make_phantom_pairs(40, 8, anomalous_fraction=0, random_state=seed)
    data = make_phantom_pairs(24, 6, anomalous_fraction=0.5, random_state=1000 + seed)
    train = make_preprocessor("hu", size=128).fit_transform(healthy.data)
    test = Test(data, np.asarray(data.data))
    known = {"atlas": AtlasDetector(), "cross-modal": CrossModalDetector(random_state=seed)}
    for name in names:
        model = known[name].fit(train, groups=healthy.groups)
        for bank in ("slices", "summary"):
            model.rescore(bank=bank)
            row = test.row(f"{name}, {bank}", model)
            flagged = np.array(row.pop("decision"))[data.target == 1] < 0
            with tempfile.TemporaryDirectory() as folder:
                save(model, f"{folder}/model.ctmri")
                size = Path(folder, "model.ctmri").stat().st_size / 2**20
            yield {"detector": name, "bank": bank, "mib": size,
                   "healthy_flagged": float(flagged.mean()), **row}  # fmt: skip


def main() -> None:
    """Run one seed, or print what there is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--detectors", nargs="+", default=["atlas", "cross-modal"])
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--report", type=Path, default=None)
    given = parser.parse_args()
    if given.report:
        lines = given.report.read_text().splitlines()
        frame = pd.DataFrame([json.loads(line) for line in lines])
        figures = ["auroc", "pixel_ap", "healthy_flagged", "mib", "pairs_a_second"]
        print(frame.groupby(["detector", "bank"])[figures].mean().round(3).to_markdown())
        return
    for row in run(given.seed, given.detectors):
        with given.out.open("a") as file:
            file.write(json.dumps({"seed": given.seed, **row}) + "\n")


if __name__ == "__main__":
    main()
