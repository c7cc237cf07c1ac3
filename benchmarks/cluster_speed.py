"""How much faster a benchmark is on two workers: joblib's own processes, and a Dask cluster.

Run by hand, with nothing else running; appends JSON lines:

    python benchmarks/cluster_speed.py --out benchmarks/results/cluster_speed.jsonl

20 synthetic subjects of 8 slices, atlas and cross-modal detector, three seeds: 12 fits of one
thread each. Workers are started before the clock. All three ways must give one table.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import pandas as pd
from cross_modal_speed import cpu_name
from distributed import Client, LocalCluster
from joblib import Parallel, delayed, parallel_config

from ctmri_detect.cli.detectors import make_detector
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.evaluation import benchmark
from ctmri_detect.preprocessing import make_preprocessor

COSTS = ["fit_seconds", "score_seconds", "peak_memory_mb"]


def timed(data: Any, n_jobs: int) -> tuple[float, pd.DataFrame]:
    """Seconds of one benchmark, and its table without costs."""
    start = time.perf_counter()
    result = benchmark(
        {name: make_detector(name, 0) for name in ("atlas", "cross-modal")},
        data,
        seeds=(0, 1, 2),
        preprocessor=make_preprocessor("hu"),
        n_jobs=n_jobs,
        n_threads=1,
        progress=False,
    )
    return time.perf_counter() - start, result.table.drop(columns=COSTS)


def warm(_: int) -> None:
    """What a worker imports."""
    make_detector("cross-modal", 0)


def main() -> None:
    """Measure the three ways."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    data = make_phantom_pairs(20, 8, anomalous_fraction=0.4, random_state=0)
    timed(data, 1)  # imports, caches
    seconds, tables = {}, {}
    seconds["one process"], tables["one process"] = timed(data, 1)
    Parallel(n_jobs=2)(delayed(warm)(i) for i in range(4))
    seconds["joblib, 2 processes"], tables["joblib, 2 processes"] = timed(data, 2)
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster),
        parallel_config(backend="dask"),
    ):
        Parallel(n_jobs=2)(delayed(warm)(i) for i in range(4))
        seconds["Dask, 2 workers"], tables["Dask, 2 workers"] = timed(data, 2)
    for table in tables.values():
        pd.testing.assert_frame_equal(table, tables["one process"])
    for how, took in seconds.items():
        row = {"how": how, "seconds": round(took, 1), "cpu": cpu_name()}
        row["times as fast"] = round(seconds["one process"] / took, 2)
        print(json.dumps(row))
        if arguments.out:
            with arguments.out.open("a") as file:
                file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
