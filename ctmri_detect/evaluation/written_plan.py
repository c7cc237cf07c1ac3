"""What a store knows of the benchmark that was started last: its cells, its samples."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from ctmri_detect.evaluation.cells import Cell
from ctmri_detect.evaluation.samples import Samples
from ctmri_detect.evaluation.store import Store, write_arrays
from ctmri_detect.pairs import Pairs
from ctmri_detect.storage.whole import whole_file, write_whole


@dataclass(frozen=True)
class WrittenPlan:
    """Cells in the order of the tables, samples without their images, and what was run."""

    cells: list[Cell]
    samples: Samples
    examples: list[int]
    n_worst: int
    settings: dict[str, str]


def write_plan(
    store: Store,
    cells: Sequence[Cell],
    samples: Samples,
    examples: list[int],
    n_worst: int,
    settings: dict[str, str],
) -> None:
    """Keep a plan in the store, in place of an earlier one."""
    frame = samples.frame.astype({"patient": str})
    arrays = {"target": samples.target, "shape": np.array(samples.X.shape)}
    arrays["frame"] = np.array(frame.to_json(orient="table", index=False))
    if samples.masks is not None:
        arrays["masks"] = np.packbits(samples.masks, axis=-1)
    with whole_file(store.folder / "samples.npz") as file:
        write_arrays(file, arrays)
    plan = {"cells": [asdict(cell) for cell in cells], "examples": examples, "n_worst": n_worst}
    plan["settings"] = settings
    write_whole(store.folder / "plan.json", json.dumps(plan, indent=1).encode())


def read_plan(store: Store) -> WrittenPlan:
    """The plan of a store.

    Raises
    ------
    ValueError
        Where no benchmark was started with this store.
    """
    path = store.folder / "plan.json"
    if not path.exists():
        raise ValueError(
            f"{store.folder} has no plan.json; expected the store of a benchmark. Run "
            "benchmark(..., store=...) with it first."
        )
    plan = json.loads(path.read_text("utf-8"))
    with np.load(store.folder / "samples.npz") as file:
        n, n_planes, height, width = file["shape"].tolist()
        frame = pd.read_json(io.StringIO(str(file["frame"])), orient="table")
        masks = None
        if "masks" in file.files:
            masks = np.unpackbits(file["masks"], axis=-1, count=width).astype(bool)
        target = file["target"]
    unknown = np.broadcast_to(np.float32(np.nan), (n, n_planes, height, width))
    samples = Samples(Pairs(unknown, groups=frame["patient"].to_numpy()), target, masks, frame)
    cells = [Cell(**each) for each in plan["cells"]]
    return WrittenPlan(cells, samples, plan["examples"], plan["n_worst"], plan["settings"])
