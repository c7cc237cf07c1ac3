"""What `score_to` and `ctmri-detect score` cost: memory, processes, a cluster, files to tables.

Run by hand; appends JSON lines and prints them:

    python benchmarks/scoring_runs.py --out benchmarks/results/scoring_runs.jsonl

- ``memory``: a memmap that repeats synthetic heads, scored by a cheap detector; the rise of
  anonymous resident memory with the most pairs must be within 30 MiB of that with the fewest
  (asserted).
- ``workers``: one process, two, and a Dask cluster of two workers on this machine, by the default
  detector; seconds, and the ratio to one process within this run. Starting workers is not counted.
- ``files to csv``: `ctmri-detect score` of a folder of PNG pairs, with a model that is loaded
  meanwhile; CPU seconds of all threads, and pairs in one of them.
- ``model``: the file of the default detector with as many reference slices as it keeps.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import platform
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from joblib import parallel_config
from sklearn.pipeline import make_pipeline

from ctmri_detect import CrossModalDetector, Pairs, ThresholdDetector, make_preprocessor, score_to
from ctmri_detect.cli import main as command
from ctmri_detect.datasets import load_pairs, make_phantom_pairs
from ctmri_detect.evaluation.memory import PeakMemory
from ctmri_detect.persistence import save
from ctmri_detect.preprocessing.store import PairWriter
from ctmri_detect.scoring import BANK_SLICES

FLAT = 30.0  # MiB
SMALL = 64  # pixels a side, for memory


def repeated(heads: np.ndarray, n_pairs: int, path: Path) -> np.ndarray:
    """A memmap of so many pairs: the same heads over and over."""
    with PairWriter(path, shape=heads.shape[1:]) as writer:
        for start in range(0, n_pairs, len(heads)):
            writer.append(heads[: n_pairs - start])
    return writer.open()


def memory(counts: list[int], folder: Path) -> Iterator[dict[str, object]]:
    """Rise of anonymous memory while a memmap is scored."""
    heads = np.asarray(make_phantom_pairs(8, 4, size=SMALL, random_state=0).data)
    detector = ThresholdDetector().fit(heads, groups=np.arange(32) // 4)
    score_to(detector, heads, folder / "warm")  # imports and first allocations
    for count in counts:
        X = repeated(heads, count, folder / f"{count}.npy")
        start = time.process_time()
        with PeakMemory() as peak:
            score_to(detector, X, folder / f"run{count}")
        yield {"what": "memory", "pairs": count, "pixels": SMALL,
               "anonymous_mb": round(peak.increase_mb, 1),
               "cpu_seconds": round(time.process_time() - start, 1)}  # fmt: skip


def workers(n_pairs: int, folder: Path) -> Iterator[dict[str, object]]:
    """Seconds with one process, two, and two workers of a cluster."""
    from distributed import Client, LocalCluster

    steps = make_preprocessor("hu")
    raw = make_phantom_pairs(10, 4, anomalous_fraction=0.0, random_state=100).data
    detector = CrossModalDetector(random_state=0)
    model = make_pipeline(steps, detector).fit(raw)
    heads = np.asarray(make_phantom_pairs(8, 4, random_state=101).data)
    X = Pairs(repeated(heads, n_pairs, folder / "raw.npy"), ct_units="hu")
    alone = 0.0
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        for what, backend, jobs in (("1 process", "loky", 1), ("2 processes", "loky", 2),
                                    ("2 Dask workers", "dask", -1)):  # fmt: skip
            with Client(cluster), parallel_config(backend=backend):
                if jobs != 1:
                    score_to(model, X[:16], folder / f"warm {what}", block_size=4, n_jobs=jobs)
                start = time.perf_counter()
                score_to(model, X, folder / what, block_size=16, n_jobs=jobs)
                seconds = time.perf_counter() - start
            alone = alone or seconds
            yield {"what": f"workers, {what}", "pairs": n_pairs, "seconds": round(seconds, 2),
                   "ratio_to_one": round(alone / seconds, 2)}  # fmt: skip


def files_to_csv(n_subjects: int, folder: Path) -> dict[str, object]:
    """CPU seconds of the command, from files to tables."""
    heads = np.asarray(make_phantom_pairs(n_subjects, 8, random_state=102).data)
    grey = [np.clip(heads[:, 0], 0, 80) / 80, heads[:, 1] / np.percentile(heads[:, 1], 99.5)]
    for values, modality in zip(grey, ("CT", "MRI"), strict=True):
        (folder / "files" / modality).mkdir(parents=True)
        for i, plane in enumerate(values):
            file = folder / "files" / modality / f"p{i // 8:04d}_{i % 8}.png"
            cv2.imwrite(str(file), (255 * np.clip(plane, 0, 1)).astype(np.uint8))
    pairs = load_pairs(folder / "files", patient=r"^(p\d+)_").data
    model = make_pipeline(make_preprocessor("uint8"), CrossModalDetector(random_state=0))
    save(model.fit(pairs), folder / "model.ctmri")
    seconds = []
    for i in range(2):  # the first one warms up
        arguments = ["score", folder / "model.ctmri", folder / "files", "--out", folder / f"out{i}"]
        start, wall = time.process_time(), time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            assert command([str(a) for a in [*arguments, "--top", 0, "--quiet"]]) == 0
        seconds = [time.process_time() - start, time.perf_counter() - wall]
    n = len(pairs)
    return {"what": "files to csv", "pairs": n, "cpu_seconds": round(seconds[0], 2),
            "seconds": round(seconds[1], 2),
            "pairs_a_cpu_second": round(n / seconds[0], 1)}  # fmt: skip


def model_size(folder: Path) -> dict[str, object]:
    """The file of the default detector, with a full reference bank."""
    n_subjects = BANK_SLICES // 4
    raw = make_phantom_pairs(n_subjects, 4, anomalous_fraction=0.0, random_state=103).data
    prepared = make_preprocessor("hu").fit_transform(raw)
    detector = CrossModalDetector(random_state=0, pixels_per_slice=50).fit(prepared)
    save(detector, folder / "large.ctmri")
    size = (folder / "large.ctmri").stat().st_size / 2**20
    return {"what": "model", "pairs": len(prepared), "pixels": 128, "mib": round(size, 1)}


def main() -> None:
    """Measure, print, append, and assert that memory is flat."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--memory", type=int, nargs="*", default=[1_000, 50_000])
    parser.add_argument("--pairs", type=int, default=256, help="for workers; 0 leaves them out")
    parser.add_argument("--subjects", type=int, default=12, help="for files; 0 leaves them out")
    parser.add_argument("--model", action="store_true", help="fit 512 pairs to see the file")
    parser.add_argument("--out", type=Path, default=None)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    about = {"python": platform.python_version(), "numpy": np.__version__, "cores": os.cpu_count()}
    flat = []

    def tell(row: dict[str, object]) -> None:
        print(json.dumps(row), flush=True)
        if arguments.out:
            with arguments.out.open("a") as file:
                file.write(json.dumps(row | about) + "\n")

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for row in memory(arguments.memory, folder) if arguments.memory else ():
            flat.append(row["anonymous_mb"])
            tell(row)
        if arguments.subjects:
            tell(files_to_csv(arguments.subjects, folder))
        for row in workers(arguments.pairs, folder) if arguments.pairs else ():
            tell(row)
        if arguments.model:
            tell(model_size(folder))
    if flat:
        assert max(flat) - min(flat) < FLAT, f"memory grew: {flat} MiB"


if __name__ == "__main__":
    main()
