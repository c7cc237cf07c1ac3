"""Read what a run has written."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from ctmri_detect.scoring_runs.folder import Run, RunFolder


def open_scores(folder: str | os.PathLike[str]) -> pd.DataFrame:
    """Read the scores that `score_to` wrote: one row per sample, in the order of X.

    Parameters
    ----------
    folder : path
        The folder of a finished run.

    Returns
    -------
    DataFrame
        As `score_to` returns it.

    Raises
    ------
    ValueError
        Where the folder holds no scores, or those of a run that is not finished.

    Examples
    --------
    >>> import tempfile
    >>> from ctmri_detect import AtlasDetector, score_to
    >>> from ctmri_detect.testing import make_heads
    >>> X = make_heads(24)
    >>> detector = AtlasDetector().fit(X, groups=range(24))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     scored = score_to(detector, X, folder)
    ...     open_scores(folder).equals(scored)
    True
    """
    files = RunFolder(Path(folder))
    run = _finished(files)
    parts = [pd.DataFrame(files.get(rows)) for rows in run.blocks]
    table = pd.concat(parts, ignore_index=True)
    text = table.select_dtypes(exclude=["number", "bool"]).columns.difference(["patient"])
    table[text] = table[text].where(table[text] != "")
    if "patient" in table:
        table.insert(0, "patient", table.pop("patient"))
    return table


def open_maps(
    folder: str | os.PathLike[str], rows: npt.ArrayLike | None = None
) -> npt.NDArray[np.float32]:
    """Read anomaly maps that ``score_to(..., maps=True)`` wrote.

    Parameters
    ----------
    folder : path
        The folder of a finished run.
    rows : int array (m,), default=None
        Which samples, in which order; None for all. Only their blocks are read.

    Returns
    -------
    float32 array (m, height, width)
        On the grid of X, as `anomaly_map` returns them.

    Raises
    ------
    ValueError
        As `open_scores`, and where the run kept no maps or `rows` is empty.
    IndexError
        Where the run has no such row.

    Examples
    --------
    >>> import tempfile
    >>> from ctmri_detect import AtlasDetector, score_to
    >>> from ctmri_detect.testing import make_heads
    >>> X = make_heads(24)
    >>> detector = AtlasDetector().fit(X, groups=range(24))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     scored = score_to(detector, X, folder, maps=True)
    ...     maps = open_maps(folder, scored["anomaly_score"].nlargest(3).index)
    >>> maps.shape == (3, *X.shape[2:])
    True
    """
    files = RunFolder(Path(folder))
    run = _finished(files)
    if not run.maps:
        raise ValueError(
            f"{folder} holds no maps; expected a run of score_to(..., maps=True). Score again into "
            "another folder, with maps=True."
        )
    asked = np.arange(run.n_samples)[slice(None) if rows is None else np.asarray(rows)]
    found: npt.NDArray[np.float32] | None = None
    for number in np.unique(asked // run.block_size):
        block = run.blocks[number]
        maps = files.get(block, "map")["map"]
        if found is None:
            found = np.empty((len(asked), *maps.shape[1:]), np.float32)
        here = asked // run.block_size == number
        found[here] = maps[asked[here] - block.start]
    if found is None:
        raise ValueError("rows is empty; expected at least one row. Give None for all.")
    return found


def _finished(files: RunFolder) -> Run:
    run = files.run()
    missing = len(files.missing(run))
    if missing:
        raise ValueError(
            f"{files.path} holds {len(run.blocks) - missing} of {len(run.blocks)} blocks; expected "
            "a finished run. Call score_to again with the same model and pairs: it continues where "
            "it stopped."
        )
    return run
