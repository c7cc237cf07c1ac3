"""The output of a preprocessing step for a block of samples, and notes about the samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.pairs import Pairs
from ctmri_detect.validation import INPUT_ROW


class Block(NamedTuple):
    """The output of a step for one block of n samples.

    Attributes
    ----------
    values : float32 array (n, n_planes, height, width)
        The block transformed, all samples of it.
    named : sequence of int
        Rows of the block that a warning has to name.
    columns : mapping of str to array (n,)
        More about each sample, for the frame of `Pairs`.
    kept : bool array (n,) or None
        Which samples stay; None means all.
    learnt : sequence (n,) or None
        What the step needs of each sample to take its maps back; None if it finds that out
        from the sample again.

    Examples
    --------
    >>> Block(np.zeros((3, 2, 8, 8), np.float32)).kept is None
    True
    """

    values: npt.NDArray[np.float32]
    named: Sequence[int] = ()
    columns: Mapping[str, npt.NDArray[Any]] = MappingProxyType({})
    kept: npt.NDArray[np.bool_] | None = None
    learnt: Sequence[Any] | None = None


def joined_blocks(parts: Sequence[Block]) -> Block:
    """Several blocks as one; all parts share their values."""
    first = parts[0]
    return Block(
        first.values,
        [row for part in parts for row in part.named],
        {name: np.concatenate([part.columns[name] for part in parts]) for name in first.columns},
        None if first.kept is None else np.concatenate([p.kept for p in parts]),
        None if first.learnt is None else [one for p in parts for one in p.learnt or ()],
    )


class Notes:
    """Notes of steps about the samples: columns for the frame, and which samples are left.

    Attributes
    ----------
    rows : int array (n_left,)
        Rows of the caller's X that are left.
    columns : dict of str to array (n_left,)
        More about each of them.

    Examples
    --------
    >>> block = Block(np.zeros((3, 2, 8, 8)), columns={"a": np.arange(3)}, kept=np.arange(3) > 0)
    >>> notes = Notes(np.arange(10, 13)).after(block)
    >>> notes.rows.tolist(), notes.columns["a"].tolist()
    ([11, 12], [1, 2])
    """

    def __init__(
        self,
        rows: npt.NDArray[np.int64],
        columns: Mapping[str, npt.NDArray[Any]] = MappingProxyType({}),
        *,
        leaves_out: bool = False,
    ) -> None:
        self.rows, self.columns, self.leaves_out = rows, dict(columns), leaves_out

    def after(self, block: Block) -> Notes:
        """The notes when a step has made `block` of the samples that were left."""
        columns = self.columns | dict(block.columns)
        if block.kept is None:
            return Notes(self.rows, columns, leaves_out=self.leaves_out)
        kept = {name: values[block.kept] for name, values in columns.items()}
        return Notes(self.rows[block.kept], kept, leaves_out=True)

    @staticmethod
    def joined(parts: Sequence[Notes], total: int) -> Notes:
        """The notes of all blocks; an error if none of `total` samples is left."""
        filled = [part for part in parts if len(part.rows)]
        if not filled:
            raise InvalidPairsError(
                f"None of the {total} samples would be left; expected at least one to keep. Check "
                "that the images show brain and that the units are right, or keep all samples "
                "(below_skull_base='mark' shows which would be left out)."
            )
        rows = np.concatenate([part.rows for part in filled])
        columns = {
            name: np.concatenate([part.columns[name] for part in filled])
            for name in filled[0].columns
        }
        return Notes(rows, columns, leaves_out=any(part.leaves_out for part in parts))

    def of(self, X: Pairs) -> Pairs:
        """The samples of X that are left, their frame with the columns."""
        if self.leaves_out:
            X = X[self.rows]
            self.columns[INPUT_ROW] = self.rows
        if not self.columns:
            return X
        frame = pd.DataFrame(index=range(len(X))) if X.frame is None else X.frame
        return X.replace(frame=frame.assign(**self.columns))
