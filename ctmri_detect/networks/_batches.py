"""Arrays as data sets and batches of torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Subset


class ArrayDataset(Dataset[Any]):
    """Input and target arrays, read a batch at a time."""

    def __init__(self, inputs: Any, targets: Any = None) -> None:
        self.inputs, self.targets = inputs, targets
        if targets is not None and len(targets) != len(inputs):
            raise ValueError(
                f"There are {len(inputs)} inputs and {len(targets)} targets; expected as many."
            )

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        x, y = self.__getitems__([index])
        return x[0], y[0]

    def __getitems__(self, indices: list[int]) -> tuple[Tensor, Tensor]:
        rows = np.asarray(indices)
        x = _tensor(self.inputs[rows])
        return x, x if self.targets is None else _tensor(self.targets[rows])


def _tensor(values: Any) -> Tensor:
    return torch.as_tensor(values, dtype=torch.float32)


class ShuffledBatches:
    """Batches of arrays in memory, in another order each time; a fraction of a DataLoader's cost.

    The orders are those of a DataLoader whose global generator was seeded alike, but they come
    from a generator of its own, so that several networks can be trained in threads.
    """

    def __init__(self, dataset: Subset[Any], batch_size: int, generator: torch.Generator) -> None:
        rows, arrays = np.asarray(dataset.indices), dataset.dataset
        self.inputs, self.targets = arrays.__getitems__(rows)  # type: ignore[attr-defined]
        self.batch_size, self.generator = batch_size, generator

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        # a DataLoader draws twice: the first is for workers, the second seeds the order
        _, seed = (
            int(torch.empty((), dtype=torch.int64).random_(generator=self.generator).item())
            for _ in range(2)
        )
        order = torch.randperm(len(self.inputs), generator=torch.Generator().manual_seed(seed))
        for rows in order.split(self.batch_size):
            yield self.inputs[rows], self.targets[rows]


def as_dataset(data: Any) -> Any:
    """Wrap an array, or a pair of input and target; leave a Dataset as it is."""
    if isinstance(data, Dataset):
        return data
    return ArrayDataset(*data) if isinstance(data, tuple) else ArrayDataset(data)
