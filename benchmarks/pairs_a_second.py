"""Pairs a second: preparing, scoring, and from files to scores; with peak memory.

Run by hand, with nothing else running; appends JSON lines and prints a table:

    python benchmarks/pairs_a_second.py --out benchmarks/results/pairs_a_second.jsonl
    python benchmarks/pairs_a_second.py --beside OTHER_CHECKOUT --out ...

Each figure is the median over runs, and each run is a process of its own. With `--beside`, another
checkout is measured in turn with this one; the ratio compares the two within this call. No run
meets a pair twice.

- ``prepare``: `make_preprocessor` on phantom pairs in memory, 256 px to 128 px.
- ``score``: `decision_function` of a fitted detector on prepared pairs.
- ``files to scores``: PNG files, `load_pairs`, `make_preprocessor`, `decision_function`; and the
  rise of anonymous resident memory meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
from threadpoolctl import threadpool_limits

from ctmri_detect import AtlasDetector, CrossModalDetector, Pairs
from ctmri_detect.datasets import load_pairs, make_phantom_pairs
from ctmri_detect.evaluation.memory import PeakMemory
from ctmri_detect.persistence import load, save
from ctmri_detect.preprocessing import make_preprocessor

DETECTORS = {"atlas": AtlasDetector(), "cross-modal": CrossModalDetector(random_state=0)}
HERE = Path(__file__).resolve().parents[1]
PACKAGES = ("numpy", "scipy", "scikit-learn", "opencv-python-headless", "torch")
WARM = 8  # pairs that are not timed


def write_data(folder: Path, subjects: int) -> None:
    """Phantom pairs as arrays, to fit and to prepare, and as PNG files for each detector."""
    for name, seed in (("fit", 100), ("raw", 101)):
        np.save(folder / f"{name}.npy", make_phantom_pairs(subjects, 8, random_state=seed).data)
    for seed, name in enumerate(DETECTORS, 102):
        heads = np.asarray(make_phantom_pairs(subjects, 8, random_state=seed).data)
        grey = [np.clip(heads[:, 0], 0, 80) / 80, heads[:, 1] / np.percentile(heads[:, 1], 99.5)]
        for values, modality in zip(grey, ("CT", "MRI"), strict=True):
            (folder / name / modality).mkdir(parents=True)
            for i, plane in enumerate(values):
                file = folder / name / modality / f"p{i // 8:04d}_{i % 8}.png"
                cv2.imwrite(str(file), (255 * np.clip(plane, 0, 1)).astype(np.uint8))


def fit(folder: Path, models: Path) -> None:
    """Fit each detector once."""
    X = make_preprocessor("hu").fit_transform(Pairs(np.load(folder / "fit.npy"), ct_units="hu"))
    for name, detector in DETECTORS.items():
        groups = np.arange(len(X)) // 8
        save(detector.fit(X, groups=groups), models / f"{name}.ctmri")


def measure(folder: Path, models: Path) -> dict[str, float]:
    """Pairs a second of each stage, and MiB of memory; one run."""
    found = {}
    raw = Pairs(np.load(folder / "raw.npy"), ct_units="hu")
    steps = make_preprocessor("hu")
    steps.fit_transform(raw[:WARM])
    detectors = {name: load(models / f"{name}.ctmri") for name in DETECTORS}
    found["prepare"], prepared = rate(lambda: steps.transform(raw[WARM:]))
    for name, detector in detectors.items():
        detector.decision_function(prepared[:WARM])
        found[f"score, {name}"], _ = rate(lambda d=detector: d.decision_function(prepared))
    for name, detector in detectors.items():
        with PeakMemory() as memory:
            found[f"files to scores, {name}"], _ = rate(
                lambda n=name, d=detector: files_to_scores(folder / n, d)
            )
        found[f"MiB, {name}"] = memory.increase_mb
    return found


def rate(work: Callable[[], object]) -> tuple[float, object]:
    """Pairs a second, and what the work gave: one entry a pair."""
    start = time.perf_counter()
    result = work()
    return len(result) / (time.perf_counter() - start), result


def files_to_scores(folder: Path, detector: object) -> np.ndarray:
    """Scores of all pairs of a folder."""
    pairs = load_pairs(folder).data
    return detector.decision_function(make_preprocessor(pairs.ct_units).fit_transform(pairs))


def call(checkout: Path, folder: Path, models: Path, threads: int | None) -> dict[str, float]:
    """One run of this script in a process of its own, with the package of a checkout."""
    asked = ["--fit"] if threads is None else ["--threads", str(threads)]
    command = [sys.executable, __file__, "--data", str(folder), "--models", str(models), *asked]
    paths = {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": str(threads or 2)}
    done = subprocess.run(
        command, env=os.environ | paths, check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(done.stdout)


def commit_of(checkout: Path) -> str:
    """The commit, with a mark where files differ from it."""
    asked = ["git", "-C", str(checkout), "describe", "--always", "--dirty", "--exclude=*"]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()


def compare(checkouts: list[Path], subjects: int, repeats: int) -> list[dict[str, object]]:
    """One row for each stage and number of threads."""
    runs: dict[tuple[int, Path], list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_data(folder, subjects)
        models = {checkout: folder / f"models{i}" for i, checkout in enumerate(checkouts)}
        for checkout in checkouts:
            models[checkout].mkdir()
            call(checkout, folder, models[checkout], None)
        for _ in range(repeats):
            for threads in (1, 2):
                for checkout in checkouts:  # in turn: what else the machine does meets both
                    run = call(checkout, folder, models[checkout], threads)
                    runs.setdefault((threads, checkout), []).append(run)
    rows = []
    for threads in (1, 2):
        for what in runs[threads, checkouts[0]][0]:
            here, *other = (
                statistics.median(run[what] for run in runs[threads, checkout])
                for checkout in checkouts
            )
            row = {"what": what, "threads": threads, "value": round(here, 1)}
            if other:
                row |= {"beside": round(other[0], 1), "ratio": round(here / other[0], 2)}
            rows.append(row)
    return rows


def main() -> None:
    """Measure, print, write; or one run, where another process asks for it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--beside", type=Path, help="another checkout")
    parser.add_argument("--subjects", type=int, default=12, help="of 8 pairs each")
    parser.add_argument("--repeats", type=int, default=5)
    for name in ("--data", "--models"):
        parser.add_argument(name, type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--fit", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.data:
        warnings.simplefilter("ignore")
        if arguments.fit:
            fit(arguments.data, arguments.models)
            print("{}")
            return
        cv2.setNumThreads(arguments.threads)
        with threadpool_limits(arguments.threads):
            print(json.dumps(measure(arguments.data, arguments.models)))
        return
    checkouts = [HERE, *([arguments.beside.resolve()] if arguments.beside else [])]
    about = {"pairs": 8 * arguments.subjects, "repeats": arguments.repeats}
    about |= {
        "commit": commit_of(HERE),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }
    about |= {package: version(package) for package in PACKAGES}
    if arguments.beside:
        about["beside_commit"] = commit_of(checkouts[1])
    for row in compare(checkouts, arguments.subjects, arguments.repeats):
        print("  ".join(f"{key}: {value}" for key, value in row.items()))
        if arguments.out:
            with arguments.out.open("a") as file:
                file.write(json.dumps(row | about) + "\n")


if __name__ == "__main__":
    main()
