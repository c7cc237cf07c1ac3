"""The page of scored patients: one HTML file without any other files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.utils import Bunch

from ctmri_detect import __version__
from ctmri_detect._types import PairsLike
from ctmri_detect.html.page import write_page
from ctmri_detect.pairs import Pairs
from ctmri_detect.plotting.heat import VMAX
from ctmri_detect.plotting.marks import side_letters
from ctmri_detect.reports.patient_slices import WINDOWS, Maps, Shown, heat_colours, patient_slices
from ctmri_detect.reports.patients_table import patient_rows, ranked
from ctmri_detect.validation import check_pairs

N_PATIENTS = 20
"""How many patients the page shows."""


def write_patients(
    found: Bunch | pd.DataFrame,
    X: PairsLike,
    path: str | Path,
    *,
    maps: npt.ArrayLike | Maps | None = None,
    patients: pd.DataFrame | None = None,
    names: Sequence[str] | None = None,
    orientation: str | None = None,
    threshold: bool = True,
    title: str = "Scored patients",
    n_patients: int = N_PATIENTS,
    most_mb: float = 50.0,
) -> Path:
    """Write the most anomalous patients to one HTML page with a viewer.

    The page has a table of patients, most anomalous first, and a viewer. The viewer has a slider
    for the slices. It shows the CT (in HU: in the brain, stroke and bone windows of `CTWindow`) or
    another plane, the anomaly map over it (opacity and least value can be set), L and R where they
    are known, and the strongest regions in words. Patients with a volume (at least 8 slices of one
    scan, with `z_mm` and spacing) also have coronal and sagittal views; a click moves them to that
    place. The page loads nothing from the network, follows the reader's light or dark mode, and
    works with the keyboard and on a phone. It shows names of patients and files as given.

    Parameters
    ----------
    found : Bunch or DataFrame
        What `detect` returned: `anomaly_score`, and optionally `p_value`, `prediction`, `regions`,
        `anomaly_map`. Or a table of these with one row per sample, such as `score_to` returns;
        then the columns of the strongest region (modality, sign, x, area_px, area_mm2, peak) are
        the regions.
    X : Pairs or array-like of shape (n, n_planes, height, width)
        What was scored, of one to eight planes; the page names them as `Pairs` do. Where the
        patients are not known, each sample counts as one.
    path : str or Path
        The file; its folder is made.
    maps : array-like of shape (n, height, width) or callable, default=None
        The maps on the grid of X, where they are not in `found`; a memmap is read for the shown
        slices only. A callable takes rows of X, and is called for one patient at a time, so that
        only those maps are in memory: ``lambda rows: anomaly_map(model, X[rows])``.
    patients : DataFrame, default=None
        Columns `patient`, `anomaly_score`, and optionally `p_value`, `q_value` and `prediction`,
        as `evaluation.patient_predict` returns them. None: a patient has the highest score of its
        slices, and nobody is called anomalous.
    names : sequence of str, default=None
        A label of each sample, such as its file.
    orientation : {"radiological", "neurological"} or None, default=None
        On which side the patient's right is; loaders give it. None writes no L and R, and no sides.
    threshold : bool, default=True
        False where the model has none (`pipelines.has_threshold`): then the page shows ranks only.
    title : str, default="Scored patients"
        Heading of the page.
    n_patients : int, default=20
        How many patients have images; the table has all. More make the file larger.
    most_mb : float, default=50
        Largest size of all images in MB; the first patient is always shown. The page says how many
        patients it leaves out.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ImportError
        Without jinja2 or matplotlib; the message is the command that installs them.
    ValueError
        Where `found` and X differ in length, and where there are no maps.
    InvalidPairsError
        Where X is no array of samples.

    Examples
    --------
    >>> import tempfile
    >>> from ctmri_detect import AtlasDetector
    >>> X = np.random.default_rng(0).normal(size=(24, 2, 32, 32))
    >>> found = AtlasDetector().fit(X, groups=range(24)).detect(X)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_patients(found, X, f"{folder}/report.html", n_patients=2).name
    'report.html'
    """
    check_pairs(X)
    pairs = X if isinstance(X, Pairs) else Pairs(X)
    score = _scores(found, len(pairs))
    p_value = found.get("p_value") if threshold else None
    shown = Shown(
        X=pairs,
        score=score,
        p_value=None if p_value is None else np.asarray(p_value, dtype=np.float64),
        regions=_regions(found),
        maps=_source(found.get("anomaly_map") if maps is None else maps, len(pairs)),
        names=names,
        orientation=orientation,
        ct_units=pairs.ct_units,
    )
    table = ranked(pairs, score, found.get("prediction") if threshold else None, patients, names)
    shown_patients = _fitting(shown, table.head(n_patients), most_mb * 1e6)
    images = [each for patient in shown_patients for each in patient["slices"]]
    return write_page(
        "ctmri_detect.reports",
        "patients.html.j2",
        path,
        title=title,
        table=patient_rows(table, len(shown_patients)),
        patients=shown_patients,
        n_all=len(table),
        who="patients" if pairs.groups is not None else "slices (their patients are not known)",
        threshold=threshold,
        sides=side_letters(orientation),
        planes=_switch(pairs, images),
        windows=WINDOWS
        if any(len(each) > 1 for image in images for each in image["planes"])
        else {},
        volumes=any(patient["volume"] for patient in shown_patients),
        colours=heat_colours(),
        highest=VMAX,
        written=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        version=__version__,
    )


def _scores(found: Bunch | pd.DataFrame, n: int) -> npt.NDArray[np.float64]:
    score = np.asarray(found["anomaly_score"], dtype=np.float64)
    if len(score) != n:
        raise ValueError(
            f"found has {len(score)} samples and X {n}; expected the same number. Give the X that "
            "was scored."
        )
    return score


def _switch(X: Pairs, images: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The planes that at least one slice has; a CT is shown first."""
    there = [i for i in range(X.shape[1]) if any(image["planes"][i] for image in images)]
    first = next((i for i in there if X.roles[i] == "ct"), there[0] if there else 0)
    return [{"index": i, "name": X.modalities[i], "first": i == first} for i in there]


def _regions(found: Bunch | pd.DataFrame) -> pd.DataFrame | None:
    """The table of regions, or one with the strongest region of each sample."""
    if not isinstance(found, pd.DataFrame) or "peak" not in found:
        return found.get("regions")
    strongest = found.assign(sample=np.arange(len(found)))
    return strongest[strongest["peak"].notna()]


def _fitting(shown: Shown, table: pd.DataFrame, most: float) -> list[dict[str, Any]]:
    """The first patients whose images fit into `most` bytes together; at least one."""
    fitting: list[dict[str, Any]] = []
    size = 0
    for row in table.to_dict("records"):
        patient = {"name": row["patient"]} | patient_slices(shown, row["rows"])
        size += len(json.dumps(patient))
        if fitting and size > most:
            break
        fitting.append(patient)
    return fitting


def _source(maps: npt.ArrayLike | Maps | None, n: int) -> Maps:
    """The maps as a function of rows."""
    if maps is None:
        raise ValueError(
            "There are no maps to show: found has no 'anomaly_map'. Pass maps=, or include it in "
            "detect(..., include=[...])."
        )
    if callable(maps):
        return maps
    array: Any = maps if hasattr(maps, "shape") else np.asarray(maps)
    if len(array) != n:
        raise ValueError(f"maps has {len(array)} maps for {n} samples; expected one for each.")
    return lambda rows: np.asarray(array[rows])
