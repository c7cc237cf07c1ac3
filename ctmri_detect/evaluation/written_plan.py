"""The plan of the benchmark that was started last with a store: its cells and samples."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ctmri_detect.evaluation.cells import Cell
from ctmri_detect.evaluation.samples import Samples
from ctmri_detect.evaluation.store import Store
from ctmri_detect.pairs import Pairs
from ctmri_detect.storage.arrays import write_arrays
from ctmri_detect.storage.whole import whole_file, write_whole


@dataclass(frozen=True)
class WrittenPlan:
    """Cells in the order of the tables, samples without their images, and what was run."""

    cells: list[Cell]
    samples: Samples
    examples: list[int]
    n_worst: int
    settings: dict[str, str]


class PackedMasks:
    """Masks with one bit for each pixel, read like a bool array.

    Parameters
    ----------
    bits : uint8 array (n, height, width / 8)
        From `numpy.packbits` over the last axis.
    shape : (int, int, int)

    Examples
    --------
    >>> masks = np.eye(10, dtype=bool)[None]
    >>> packed = PackedMasks(np.packbits(masks, axis=-1), masks.shape)
    >>> bool((packed[0] == masks[0]).all()), float(np.asarray(packed).mean())
    (True, 0.1)
    """

    dtype = np.dtype(bool)

    def __init__(self, bits: npt.NDArray[np.uint8], shape: tuple[int, int, int]) -> None:
        self.bits, self.shape = bits, shape

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> npt.NDArray[np.bool_]:
        unpacked = np.unpackbits(self.bits[rows], axis=-1, count=self.shape[2])
        return unpacked.astype(bool)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return self[:].astype(dtype or bool)


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
        masks: Any = None
        if "masks" in file.files:
            masks = PackedMasks(file["masks"], (n, height, width))
        target = file["target"]
    unknown = np.broadcast_to(np.float32(np.nan), (n, n_planes, height, width))
    samples = Samples(Pairs(unknown, groups=frame["patient"].to_numpy()), target, masks, frame)
    cells = [Cell(**each) for each in plan["cells"]]
    return WrittenPlan(cells, samples, plan["examples"], plan["n_worst"], plan["settings"])
