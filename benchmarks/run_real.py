"""A folder of real pairs with labels: leave one patient out, figures at all levels, controls.

Run by hand; it goes on where it stopped, and writes the figures as JSON lines:

    python benchmarks/run_real.py FOLDER --labels labels.csv --patient patient \
        --store /tmp/real --out results/real.jsonl

Detectors are trained on the slices of the other patients that the labels call normal. With few
patients the figures rank nothing: look at the intervals, at `auroc_inside_patients`, and at the
control `auroc_of_patient_identity`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from run_synthetic import commit

from ctmri_detect.cli.detectors import DETECTORS, make_detector
from ctmri_detect.datasets import load_pairs
from ctmri_detect.evaluation import benchmark, evaluate, format_table, standings
from ctmri_detect.model_selection import LeaveOnePatientOut
from ctmri_detect.preprocessing import make_preprocessor


def main() -> None:
    """Run, write, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--labels", required=True)
    parser.add_argument("--patient", required=True)
    parser.add_argument("--detectors", default=",".join(DETECTORS))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--store", type=Path, default=Path("benchmark-store/real"))
    parser.add_argument("--out", type=Path, default=None)
    arguments = parser.parse_args()
    data = load_pairs(arguments.folder, labels=arguments.labels, patient=arguments.patient)
    result = benchmark(
        {name: make_detector(name, 0) for name in arguments.detectors.split(",")},
        data,
        cv=LeaveOnePatientOut(),
        seeds=range(arguments.seeds),
        preprocessor=make_preprocessor(ct_units=data.ct_units),
        store=arguments.store,
        n_jobs=arguments.jobs,
        n_threads=1,
    )
    print(format_table(standings(result.scores)))
    rows = evaluate(result).assign(commit=commit(), folder=Path(arguments.folder).name)
    if arguments.out:
        with arguments.out.open("a") as file:
            for row in rows.to_dict("records"):
                file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
