"""Data sets and batches of torch from arrays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Subset


class ArrayDataset(Dataset[Any]):
    """Input and target arrays, read a batch at a time; without targets, the input is the target."""

    def __init__(self, inputs: Any, targets: Any = None) -> None:
        if targets is not None and len(targets) != len(inputs):
            raise ValueError(
                f"There are {len(inputs)} inputs and {len(targets)} targets; expected equal "
                "numbers. Give one target for each input."
            )
        self.inputs = _resident(inputs)
        self.targets = None if targets is None else _resident(targets)

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        x, y = self.__getitems__([index])
        return x[0], y[0]

    def __getitems__(self, indices: Any) -> tuple[Tensor, Tensor]:
        rows = np.asarray(indices)
        x = _read(self.inputs, rows)
        return x, x if self.targets is None else _read(self.targets, rows)


def _resident(values: Any) -> Any:
    """An array in memory as a tensor that shares its memory; rows are read faster from it."""
    plain = type(values) is np.ndarray and values.dtype == np.float32 and values.flags.writeable
    return torch.from_numpy(values) if plain and min(values.strides, default=0) >= 0 else values


def _read(values: Any, rows: Any) -> Tensor:
    if isinstance(values, Tensor):
        return values.index_select(0, torch.from_numpy(rows))  # faster than values[rows]
    return torch.as_tensor(values[rows], dtype=torch.float32)


class ArrayBatches:
    """Batches of arrays, each read when it is needed; much faster than a DataLoader.

    The shuffled orders are those of a DataLoader with the same seed.

    Parameters
    ----------
    dataset : Subset of an ArrayDataset
    batch_size : int
    shuffle : bool
        Another order in each epoch.
    generator : torch.Generator, default=None
        Draws the orders; None takes the global generator. With its own generator, each of several
        networks can be trained in a thread.
    """

    def __init__(
        self,
        dataset: Subset[Any],
        batch_size: int,
        shuffle: bool,
        generator: torch.Generator | None = None,
    ) -> None:
        self.rows, self.arrays = np.asarray(dataset.indices), dataset.dataset
        self.batch_size, self.shuffle, self.generator = batch_size, shuffle, generator

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        rows = self.rows[self._order()] if self.shuffle else self.rows
        for start in range(0, len(rows), self.batch_size):
            yield self.arrays.__getitems__(rows[start : start + self.batch_size])  # type: ignore[attr-defined]

    def _order(self) -> Any:
        # a DataLoader draws twice: the first is for workers, the second seeds the order
        _, seed = (
            int(torch.empty((), dtype=torch.int64).random_(generator=self.generator).item())
            for _ in range(2)
        )
        own = torch.Generator().manual_seed(seed)
        return torch.randperm(len(self.rows), generator=own).numpy()


def as_dataset(data: Any) -> Any:
    """Wrap an array, or a pair of input and target; leave a Dataset as it is."""
    if isinstance(data, Dataset):
        return data
    return ArrayDataset(*data) if isinstance(data, tuple) else ArrayDataset(data)
