"""score_to: score many samples into a folder, block by block."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator
from tqdm import tqdm

from ctmri_detect._arrays import plain_array
from ctmri_detect._parameters import check_value, integer
from ctmri_detect._types import PairsLike, StoredArray
from ctmri_detect._warnings import Told, first_of, warn_user
from ctmri_detect.pipelines import unwrapped
from ctmri_detect.scoring import CONSPICUOUS
from ctmri_detect.scoring_runs.folder import Run, RunFolder
from ctmri_detect.scoring_runs.identity import data_digest, model_digest
from ctmri_detect.scoring_runs.reading import open_scores
from ctmri_detect.scoring_runs.worker import SharedModel, look, score_block, steps_of
from ctmri_detect.validation import check_pairs

_TRIES = 3  # how often workers may die before one more block is finished


def score_to(
    estimator: BaseEstimator,
    X: PairsLike,
    folder: str | os.PathLike[str],
    *,
    maps: bool = False,
    threshold: float = CONSPICUOUS,
    block_size: int = 64,
    n_jobs: int | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Score samples block by block into a folder; a stopped run can continue.

    The result of each block is written as soon as it is finished. A later call with the same model
    and the same pairs scores only what is missing. The results are those of `detect`.

    Parameters
    ----------
    estimator : detector, Pipeline that ends in one, or fitted search object
        Fitted.
    X : array-like of shape (n_samples, n_planes, height, width)
        What the estimator's first step takes. `Pairs` over a memmap, zarr or h5py array are read
        by the workers themselves.
    folder : path
        A new or empty folder, or that of an earlier call. Workers on other machines must share it.
    maps : bool, default=False
        Keep the anomaly maps on the grid of X, for `open_maps`. They take up to 4 bytes per pixel.
    threshold : float, default=4.5
        Least absolute z of a region's pixels. A higher value gives fewer and smaller regions.
    block_size : int, default=64
        Samples per block. More take more memory in each worker; fewer write more files. A run that
        continues keeps its first block size.
    n_jobs : int, default=None
        Workers, as in joblib: None means 1 (or what `joblib.parallel_config` sets, such as a Dask
        cluster), -1 all cores. It doesn't change the results.
    progress : bool, default=False
        Show a progress bar, on a terminal only.

    Returns
    -------
    DataFrame
        One row per sample, in the order of X: `patient` (where X are `Pairs` that know it),
        `anomaly_score` (high = anomalous), `decision`, `prediction`, `p_value`, `seen_in_fit`
        (whether the model was fitted on this very slice), and the strongest region: `modality`,
        `sign`, `y`, `x` (pixels of X), `area_px`, `area_mm2` (where the spacing is known), `peak`
        (signed z). Without a region these are NaN.

    Raises
    ------
    ValueError
        Where the folder belongs to another model, other pairs or other settings, or holds
        something else. Where the detector needs whole scans.
    InvalidPairsError, MissingModalityError
        Where X are no valid pairs, or don't fit the model. Also at the end, where a step found no
        brain in most samples. Finished blocks stay.
    RuntimeError
        Where workers die several times, for example without enough memory. Finished blocks stay.

    Warns
    -----
    TrainingDataWarning, UnlikeTrainingWarning and what else the steps warn of
        One of each kind, with the rows of the first block that it was said of.

    Notes
    -----
    X is read twice before the first block is scored: to check it, and for the digest by which a
    later call recognises it. Each worker gets the model once, as a file in the folder (written by
    `persistence.save`, which needs the extra ``save``). If a worker is killed, its block is scored
    again.

    Examples
    --------
    >>> import tempfile
    >>> from ctmri_detect import AtlasDetector
    >>> from ctmri_detect.testing import make_heads
    >>> X, new = make_heads(24), make_heads(10, seed=1)
    >>> detector = AtlasDetector().fit(X, groups=range(24))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = score_to(detector, new, folder, block_size=4)
    >>> len(table), bool((table["anomaly_score"] == -detector.score_samples(new)).all())
    (10, True)
    """
    check_value("block_size", block_size, [integer(1)])
    refuse_whole_scans(estimator)
    given = plain_array(X)
    stored: StoredArray = given if hasattr(given, "shape") else np.asarray(given)
    reader = check_pairs(stored)
    n = len(reader)
    model, files = model_digest(estimator), RunFolder(Path(folder))
    run = files.begin(Run(model, data_digest(stored), n, block_size, maps, float(threshold)))
    if files.missing(run):
        look(estimator, reader)
    shared = SharedModel(estimator, model, files.path / "model.ctmri")
    try:
        told = _score_missing(shared, stored, files, run, n_jobs, progress)
    finally:
        shared.drop()
    _warn(told)
    _tell_of_steps(estimator, files, run)
    return open_scores(files.path)


def refuse_whole_scans(estimator: BaseEstimator) -> None:
    """Refuse a detector that needs whole scans: a block may hold only part of a scan."""
    detector = unwrapped(estimator)[1]
    if detector.traits.whole_scans:
        raise ValueError(
            f"{type(detector).__name__} needs whole scans; expected a detector of single slices, "
            "since score_to and 'ctmri-detect score' score blocks of samples. In Python, "
            "iter_detect limits memory too; io.write_maps and reports.write_patients write its "
            "results, see docs/guide/detect.md."
        )


def _score_missing(
    model: SharedModel,
    X: StoredArray,
    files: RunFolder,
    run: Run,
    n_jobs: int | None,
    progress: bool,
) -> list[Told]:
    """Score all missing blocks; try again after workers died."""
    told: dict[int, Told] = {}  # by the first row of the block
    missing, tries = files.missing(run), _TRIES
    done = run.n_samples - sum(map(len, missing))
    with tqdm(
        total=run.n_samples, initial=done, unit="sample", disable=None if progress else True
    ) as bar:
        while missing:
            try:
                for rows, said in _each(model, X, missing, files, run, n_jobs):
                    bar.update(len(rows))
                    told[rows.start] = said
            except BrokenProcessPool as error:
                before, missing = len(missing), files.missing(run)
                tries = _TRIES if len(missing) < before else tries - 1
                bar.n = run.n_samples - sum(map(len, missing))
                if not tries:
                    raise RuntimeError(
                        f"Workers died {_TRIES} times without finishing a block. There may be too "
                        "little memory: take fewer n_jobs or a smaller block_size. Finished blocks "
                        f"stay in {files.path}."
                    ) from error
            else:
                missing = files.missing(run)
    return [told[start] for start in sorted(told)]


def _each(
    model: SharedModel,
    X: StoredArray,
    blocks: list[range],
    files: RunFolder,
    run: Run,
    n_jobs: int | None,
) -> Iterator[tuple[range, Told]]:
    """The rows of each block and its warnings, as soon as it is written."""
    calls = (
        delayed(score_block)(model, X[rows.start : rows.stop], rows, files.path.absolute(), run)
        for rows in blocks
    )
    yield from Parallel(n_jobs=n_jobs, return_as="generator_unordered")(calls)


def _warn(told: list[Told]) -> None:
    """Give each kind of warning once, and say how many more there were."""
    flat = [one for said in told for one in said]
    for category in dict.fromkeys(category for category, _ in flat):
        warn_user(first_of([text for kind, text in flat if kind is category]), category)


def _tell_of_steps(estimator: BaseEstimator, files: RunFolder, run: Run) -> None:
    """Let each step give one warning about the samples that it named, or its error."""
    named = np.concatenate([files.get(rows, "named")["named"] for rows in run.blocks])
    for number, step in enumerate(steps_of(estimator)):
        if rows := sorted(named[named[:, 0] == number, 1].tolist()):
            step._warn_of(rows, run.n_samples)
