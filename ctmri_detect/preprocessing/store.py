"""Prepared pairs on disk: written block by block, read as a memory map."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from tqdm import tqdm

from ctmri_detect._floats import with_default_floats
from ctmri_detect._parameters import check_value, integer
from ctmri_detect._types import PairsLike
from ctmri_detect.base import BasePairedTransformer, Notes
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.modalities import Roles
from ctmri_detect.pairs import Pairs
from ctmri_detect.pipelines import flat_steps
from ctmri_detect.storage.pair_store import PairStore
from ctmri_detect.storage.sidecar import sidecar_of, write_sidecar
from ctmri_detect.storage.writer import PairWriter
from ctmri_detect.validation import PairReader, check_pairs

__all__ = ["PairWriter", "transform_to"]

Spacing = NDArray[np.float64] | None
Result = tuple[NDArray[np.float32], list[list[int]], Spacing, Notes]


def transform_to(
    pipe: BaseEstimator,
    X: PairsLike,
    path: str | os.PathLike[str],
    *,
    batch_size: int = 64,
    n_jobs: int | None = None,
    overwrite: bool = False,
    progress: bool = False,
) -> Any:
    """Write what ``pipe.transform(X)`` gives to a file, batch by batch; return it as a memmap.

    A `Pipeline` holds all that each of its steps returns. Here one batch at a time goes through
    all steps, so that memory does not grow with the number of pairs. The result is the same
    for any `batch_size` and `n_jobs`, because every step of this library treats each sample by
    itself. Steps of other packages must do the same.

    Parameters
    ----------
    pipe : transformer or Pipeline of transformers
        Such as `make_preprocessor` returns. Fit it first where a step learns from training pairs
        (`HistogramStandardizer`); steps that learn nothing need no fit.
    X : array-like of shape (n_samples, n_planes, height, width)
        Anything with shape, dtype and slicing along axis 0: numpy, memmap, zarr, h5py.
    path : str or Path
        The file to write; ends in ``.npy``. `PairWriter` says what remains after a crash.
    batch_size : int, default=64
        Pairs that each job transforms at a time, at least 1. More costs memory and gains little.
    n_jobs : int or None, default=None
        Processes, as in joblib. None means 1 (or what `joblib.parallel_config` says), -1 all
        cores. More take more memory: up to two batches for each.
    overwrite : bool, default=False
        Replace an existing file, once the new one is complete.
    progress : bool, default=False
        Show a progress bar, on a terminal only.

    Returns
    -------
    numpy.memmap of float32, shape (n_samples, n_planes, height', width')
        Read-only; ready for ``detector.fit``. If X is `Pairs`: `Pairs` that read from it. What they
        know (patients, units, spacing, names) is written to a file beside it, and `open_pairs`
        reads both. Samples that a step leaves out (``BrainMask(below_skull_base="drop")``) are not
        written.

    Raises
    ------
    ValueError
        For a bad parameter of this function or of a step.
    FileExistsError, FileNotFoundError
        If the file exists, or its folder does not.
    NotFittedError
        If a step has to be fitted first. The message names it.
    TypeError
        If a step has no ``transform``.
    InvalidPairsError
        If X, or what a step makes of it, is not valid (see `ctmri_detect.validation.check_pairs`).

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from ctmri_detect.preprocessing import CTWindow, transform_to
    >>> X = np.full((100, 2, 16, 16), 40.0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     prepared = transform_to(CTWindow(), X, Path(folder) / "prepared.npy")
    ...     prepared.shape, float(prepared[99, 0, 0, 0])
    ((100, 2, 16, 16), 0.5)
    """
    check_value("batch_size", batch_size, [integer(1)])
    store = PairStore(path, overwrite=overwrite)
    steps = _ready_steps(pipe, X)
    reader = check_pairs(X)
    if steps and isinstance(steps[0], BasePairedTransformer):
        steps[0]._look(reader)
    units = _units_after(steps, X.ct_units) if isinstance(X, Pairs) else None
    named: list[list[int]] = [[] for _ in steps]
    spacings: list[Any] = []
    parts: list[Notes] = []
    results = _in_order(steps, reader, X, batch_size, n_jobs)
    bar = tqdm(total=len(reader), unit="pair", disable=None if progress else True)
    with store, bar:
        for start, (block, rows, spacing_of_block, notes) in zip(
            range(0, len(reader), batch_size), results, strict=True
        ):
            if len(block):
                store.append(block)
            spacings.append(spacing_of_block)
            parts.append(notes)
            bar.update(min(batch_size, len(reader) - start))
            for known, new in zip(named, rows, strict=True):
                known.extend(new)
        for step, known in zip(steps, named, strict=True):
            if known:
                step._warn_of(known, len(reader))
        notes = Notes.joined(parts, len(reader))
    if isinstance(X, Pairs):
        return _with_particulars(store.data(), notes.of(X), units, spacings, path)
    sidecar_of(path).unlink(missing_ok=True)  # of an older file of this name
    return store.data()


def _with_particulars(
    array: NDArray[np.float32], X: Pairs, units: str | None, spacings: list[Any], path: Any
) -> Pairs:
    """The written pairs with what X knows; the latter is also written to a file beside them."""
    known = not any(part is None for part in spacings)
    spacing = np.concatenate(spacings) if known else None
    pairs = X.replace(array=array, spacing=spacing, ct_units=units)
    write_sidecar(pairs, path)
    return pairs


def _ready_steps(pipe: BaseEstimator, X: PairsLike) -> list[Any]:
    steps = flat_steps(pipe)
    for step in steps:
        if isinstance(step, BasePairedTransformer):
            step._check_ready()
            step._check_use(X, may_leave_out=True)
        elif not hasattr(step, "transform"):
            raise TypeError(
                f"{type(step).__name__} has no transform; expected a transformer or a Pipeline of "
                "transformers. If the Pipeline ends in a detector, pass pipe[:-1]."
            )
        elif isinstance(step, BaseEstimator):
            check_is_fitted(step)
    return steps


def _in_order(
    steps: list[Any], reader: PairReader, X: PairsLike, batch_size: int, n_jobs: int | None
) -> Iterator[Result]:
    """Transformed batches, in order; at most two for each job are in memory."""
    starts = range(0, len(reader), batch_size)
    at_once = effective_n_jobs(n_jobs)
    at_once = 2 * at_once if at_once > 1 else 1
    spacing = X.spacing if isinstance(X, Pairs) else None
    with Parallel(n_jobs=n_jobs) as parallel:
        for group in range(0, len(starts), at_once):
            yield from parallel(
                delayed(_through)(
                    steps,
                    start,
                    (reader.modalities, reader.roles),
                    reader[start : start + batch_size],
                    None if spacing is None else spacing[start : start + batch_size],
                )
                for start in starts[group : group + at_once]
            )


@with_default_floats
def _through(
    steps: list[Any],
    start: int,
    planes: tuple[tuple[str, ...], Roles],
    block: NDArray[np.float32],
    spacing: Spacing,
) -> Result:
    """One batch through all steps; with the rows of X that each step has to warn of."""
    named: list[list[int]] = [[] for _ in steps]
    notes = Notes(np.arange(start, start + len(block)))
    spacing = None if spacing is None else spacing.copy()
    try:
        for k, step in enumerate(steps):
            if not len(notes.rows):  # all samples were left out
                break
            if isinstance(step, BasePairedTransformer):
                if k:  # X itself was checked as a whole
                    check_pairs(block)
                known = planes if len(planes[0]) == block.shape[1] else (None, None)
                source = Pairs(block, modalities=known[0], roles=known[1])
                made = step._transform_all(PairReader(source), spacing, told=len(block))
                named[k] = [int(notes.rows[row]) for row in made.named]
                notes, block = notes.after(made), made.values
                if made.kept is not None:
                    block = block[made.kept]
                    spacing = None if spacing is None else spacing[made.kept]
            else:
                before, block = np.shape(block), step.transform(block)
                spacing = spacing if np.shape(block) == before else None
    except InvalidPairsError as error:
        raise InvalidPairsError(
            f"{type(step).__name__}, counting from row {start} of X as 0: {error}"
        ) from error
    return np.asarray(block, dtype=np.float32), named, spacing, notes


def _units_after(steps: list[Any], units: str | None) -> str | None:
    """The units of the CT after all steps; refuses units that a step does not take."""
    for step in steps:
        known = isinstance(step, BasePairedTransformer)
        if known:
            step._check_units(units)
        units = step._units_after(units) if known else None
    return units
