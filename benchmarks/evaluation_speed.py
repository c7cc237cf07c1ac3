"""What it costs to evaluate 10,000 stored maps of 256 x 256 with all metrics.

Run by hand, with nothing else running; appends a JSON line:

    python benchmarks/evaluation_speed.py --out benchmarks/results/evaluation_speed.jsonl

Smooth noise inside an ellipse, brighter in a disc on every second map; 200 patients, 20 folds. The
store is written first, in another process, so that memory is that of evaluating alone.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

from ctmri_detect import Pairs
from ctmri_detect.evaluation import evaluate
from ctmri_detect.evaluation.cells import Cell, Measured
from ctmri_detect.evaluation.memory import PeakMemory
from ctmri_detect.evaluation.samples import Samples
from ctmri_detect.evaluation.store import Store
from ctmri_detect.evaluation.written_plan import write_plan

SIDE, PER_FOLD, PATIENTS = 256, 500, 200


def write(folder: str, n: int) -> None:
    """A store of one detector."""
    store, rng = Store(folder), np.random.default_rng(0)
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    head = np.hypot(y / 110, x / 90) < 1
    textures = np.abs([gaussian_filter(rng.normal(size=head.shape), 3) * 20 for _ in range(32)])
    target = np.where(np.arange(n) % 2, 1, -1)
    masks = np.zeros((n, SIDE, SIDE), bool)
    cells = []
    for start in range(0, n, PER_FOLD):
        maps = np.empty((PER_FOLD, SIDE, SIDE), np.float16)
        rows = np.arange(start, start + PER_FOLD)
        for i, row in enumerate(rows):
            plane = textures[row % 32] + 0.1 * rng.random(head.shape)
            if target[row] == -1:
                cy, cx = rng.uniform(-60, 60, 2)
                masks[row] = np.hypot(y - cy, x - cx) < rng.uniform(3, 15)
                plane[masks[row]] += 1.5
            maps[i] = np.where(head, plane, np.nan)
        cells.append(Cell("noise", 0, start // PER_FOLD, key=f"fold{start}"))
        decision = target[rows] + rng.normal(size=PER_FOLD)
        store.put(cells[-1], Measured(rows, decision, True, {}, maps, promised=0.05))
    patients = np.arange(n) * PATIENTS // n
    frame = pd.DataFrame({"sample": np.arange(n), "patient": patients, "slice": 0})
    frame["kind"], frame["target"] = np.where(target == 1, "normal", "disc"), target
    empty = np.broadcast_to(np.float32(0), (n, 2, SIDE, SIDE))
    write_plan(
        store, cells, Samples(Pairs(empty, groups=patients), target, masks, frame), [], 0, {}
    )


def main() -> None:
    """Measure, print, append."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--maps", type=int, default=10_000)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        writer = multiprocessing.Process(target=write, args=(folder, arguments.maps))
        writer.start()
        writer.join()
        size = sum(path.stat().st_size for path in Path(folder).rglob("*"))
        load, start = os.getloadavg()[0], time.perf_counter()
        with PeakMemory() as memory:
            table = evaluate(folder)
        seconds = time.perf_counter() - start
    row = {
        "maps": arguments.maps,
        "side": SIDE,
        "seconds": round(seconds, 1),
        "MiB": round(memory.increase_mb),
        "store MiB": round(size / 2**20),
        "figures": table.set_index("metric")["value"].round(4).to_dict(),
        "load before": round(load, 1),
        **{name: version(name) for name in ("numpy", "scipy")},
    }
    print(json.dumps(row))
    if arguments.out:
        with arguments.out.open("a") as file:
            file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
