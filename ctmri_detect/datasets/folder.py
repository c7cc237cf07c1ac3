"""Pairs from a folder of image files, whatever its layout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from ctmri_detect._floats import with_default_floats
from ctmri_detect._parameters import SIZE, check_value, height_and_width
from ctmri_detect.datasets.exchanged import warn_of_exchanged_planes
from ctmri_detect.datasets.folder_findings import describe, nothing_left, units_of, warn
from ctmri_detect.datasets.folder_frame import labelled, sample_frame, without_missing
from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.io.listing import Skipped
from ctmri_detect.io.loaded import loaded
from ctmri_detect.io.reading import Collected, Wanted, collect
from ctmri_detect.layouts.find import find_pairs
from ctmri_detect.layouts.frames import left_over
from ctmri_detect.layouts.labels import labels_path, patients_from, read_labels, target_of
from ctmri_detect.layouts.matching import NOT_CHOSEN
from ctmri_detect.layouts.planes import Planes, is_sample
from ctmri_detect.storage.pair_store import PairStore


@with_default_floats
def load_pairs(
    folder: str | Path,
    *,
    patient: str | None = None,
    labels: str | Path | None = None,
    size: int | tuple[int, int] | None = None,
    cache: str | Path | None = None,
    sequence: str | Sequence[str] | None = None,
    modality: str = "both",
    ct: str | None = None,
    mri: str | None = None,
    n_jobs: int | None = None,
) -> Bunch:
    r"""Load slices from a folder, whatever its layout: CT-MRI pairs, several sequences, or one.

    `find_pairs` joins files by their names: ``CT/`` and ``MRI/`` with equal names, names that hold
    ``ct`` or ``mri``, and more. Equal names don't prove the same patient, place and grid;
    `check_pairing` looks at the images. A file that can't be used is listed in `skipped` with the
    reason, a warning says how many, and the rest is loaded.

    A sample has these planes:

    ==========  ==================  ========================================
    modality    sequence            planes
    ==========  ==================  ========================================
    "both"      None, or "t2"       CT, MRI; both have to be there
    "both"      ("t1", "flair")     CT, T1, FLAIR; some may be missing (NaN)
    "ct"        None                CT
    "mri"       None                MRI
    "mri"       ("t1", "flair")     T1, FLAIR; some may be missing (NaN)
    ==========  ==================  ========================================

    Use ``modality="ct"``, too, where a folder holds CT and MRI of different people.

    When it fails: the units of CT with more than 8 bits are judged from their values. A CT window
    that was exported with more bits, and does not use the whole range of these, is taken for
    Hounsfield units. A PNG that was cut out of a DICOM series has lost its spacing. NIfTI and
    DICOM are for `load_volume_pairs`.

    Parameters
    ----------
    folder : str or Path
        Where the files are, at any depth.
    patient : str, default=None
        A column of the labels file, or else a regular expression. It is searched for in each
        file's name, then in its path relative to `folder`; its first group, or the whole match,
        names the patient. None: folders of one patient each name the patient (``patient01/``,
        ``sub-01/``; see `find_pairs`); the beginning of a file's name alone is not enough.
        Where nothing names the patient, `groups` is None. Then detectors and splitters don't
        know which slices belong to one patient, `fit` treats blocks of contiguous rows as
        patients, and no held-out figure can be trusted.
    labels : str or Path, default=None
        A csv file; a relative path may start at `folder`, too. It needs a column ``file`` and
        either ``lesion`` (1 or True = lesion), or ``target`` or ``label`` (+1 = normal, -1 =
        anomalous). Without these it may only name patients, where `patient` is one of its columns.
        ``file`` is the path of a CT or an MRI relative to `folder`, or the file's name where only
        one pair has it; the ending may be left out. Columns ``slice``, ``spacing`` (mm per pixel
        of the CT's file), ``sequence`` and ``kind`` are copied to `frame`. Pairs without a row are
        skipped, rows without a pair are counted in `skipped`. Case and spaces in the header don't
        matter; separators may be commas, semicolons or tabs.
    size : int or (int, int), default=None
        Height and width, in pixels, to which all slices are resized (by area when shrinking,
        else linear). Then a CT and an MRI of different sizes are a pair, too, where their height
        and width have the same ratio. Larger keeps finer detail, and memory grows with its square.
    cache : str or Path, default=None
        A new ``.npy`` file to which the pairs are written, block by block. `data` then reads from
        it, so that a folder may be larger than memory.
    sequence : str or sequence of str, default=None
        The MRI sequence to take where a CT has several: "t1", "t2", "flair", "pd", ... Of several
        sequences, each becomes a plane, in this order.
    modality : {"both", "ct", "mri"}, default="both"
        The images to take.
    ct, mri : str, default=None
        Regular expressions for the relative paths, where names don't tell CT from MRI; see
        `find_pairs`.
    n_jobs : int, default=None
        Threads that read files, as in joblib: None means 1, -1 all cores. The result is the same.

    Returns
    -------
    Bunch
        In natural order of the names, with:

        - data: `Pairs` of shape ``(n, n_planes, height, width)``. They know the names of the
          planes, groups, ct_units and, where every row has a `spacing`, that of their own pixels.
        - target: int array ``(n,)``, +1 normal, -1 anomalous; None without `labels`.
        - masks: None.
        - groups: the patient of each slice, or None.
        - frame: DataFrame with a column for each plane (``ct``, ``mri``, or ``t1``, ...: paths
          relative to `folder`, None where missing), patient, slice (the last number in the name),
          spacing, sequence, kind.
        - paired: None. Names prove nothing; see `check_pairing`.
        - ct_units: "uint8" where all CT files hold 8-bit integers, or most an exported window
          (one of more bits is scaled to 0 to 255); "hu" where most can be in HU; else None, such
          as for HU + 1024 or mixed scalings.
        - orientation: None, because image files don't tell which side is the patient's left.
        - skipped: list of (file, reason).
        - DESCR: a description in words.

    Raises
    ------
    DataLoadingError
        If the folder, its names or the labels are not as expected, if it holds volumes, or if
        nothing is left.
    ValueError
        If slices of different pairs differ in size and `size` is None, or for a bad parameter.
    FileExistsError, FileNotFoundError
        If `cache` exists, or its folder does not.

    Warns
    -----
    SkippedFilesWarning
        If files were skipped.
    MixedDataWarning
        If the files of a plane have several scalings, or the MRI several sequences.
    UnitsWarning
        If the units of the CT are not clear.
    UnpairedDataWarning
        If the layout is CycleGAN's, or no sample has more than one of several planes.
    ModalitiesExchangedWarning
        If CT and MRI seem to be exchanged.
    LabelsWarning
        If the labels file names patients, and none of its other columns holds labels.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from ctmri_detect.datasets import load_pairs
    >>> with tempfile.TemporaryDirectory() as name:
    ...     for plane in ("CT", "MRI"):
    ...         (Path(name) / plane).mkdir()
    ...         for file in ("p1_2", "p1_10", "p2_1"):
    ...             np.save(Path(name) / plane / f"{file}.npy", 40 * np.eye(8))
    ...     pairs = load_pairs(name, patient=r"(p\d+)_")
    ...     alone = load_pairs(name, modality="ct")
    >>> pairs.data.shape, pairs.groups.tolist(), pairs.frame["slice"].tolist()
    ((3, 2, 8, 8), ['p1', 'p1', 'p2'], [2, 10, 1])
    >>> alone.data.shape, alone.data.modalities
    ((3, 1, 8, 8), ('CT',))
    """
    folder = Path(folder)
    check_value("size", size, [*SIZE, None])
    store = PairStore(cache)
    table, column = None, None
    if labels is not None:
        table, column = read_labels(labels_path(folder, labels), patient)
    names = {"patient": None if column else patient, "ct": ct, "mri": mri}
    found = find_pairs(folder, sequence=sequence, modality=modality, **names)
    planes = Planes.wanted(modality, sequence)
    _refuse_volumes(found, folder)
    if found.attrs["patients"] == "names":
        found["patient"] = None  # that a name begins with p1 is a hint; the caller has to say so
    samples, skipped = _split(found)
    rows = None
    if table is not None:
        samples, rows = labelled(samples, table, skipped, Path(labels or "").name)
        if column is not None:
            patients_from(rows, column)
    # before an image is read: wrong labels are then reported at once
    target = None if rows is None else target_of(rows)
    files = list(zip(*(samples[name] for name in planes.names), strict=True))
    shape = None if size is None else height_and_width(size)
    read = collect(folder, files, Wanted(planes.names, shape, planes.is_pair), store, n_jobs)
    if not isinstance(read, Collected):
        raise DataLoadingError(nothing_left(folder, found, skipped + read, planes))
    skipped += read.skipped
    frame = sample_frame(
        samples.iloc[read.rows], None if rows is None else rows.iloc[read.rows], column
    )
    without_missing(frame, planes, read)
    warn(folder, skipped, frame, read, planes, cyclegan=found.attrs["layout"] == "cyclegan")
    warn_of_exchanged_planes(read.data, planes.modalities)
    return loaded(
        read.data,
        frame,
        modalities=planes.modalities,
        ct_units=units_of(read),
        paired=None,
        skipped=skipped,
        description=describe(folder, found, frame, read, planes),
        target=None if target is None else target[read.rows],
        scale=np.divide(read.grids, read.data.shape[2:]),
    )


def _refuse_volumes(found: pd.DataFrame, folder: Path) -> None:
    kind = found.attrs["kind"]
    if kind != "slices":
        what = "DICOM series" if kind == "dicom" else "volumes (NIfTI)"
        raise DataLoadingError(
            f"{folder.name} holds {what}; load_pairs reads slices. Call load_volume_pairs(folder)."
        )


def _split(found: pd.DataFrame) -> tuple[pd.DataFrame, Skipped]:
    """The samples, and the files left over, without MRI of sequences that were not asked for."""
    samples = found[is_sample(found)].reset_index(drop=True)
    return samples, [one for one in left_over(found) if not one[1].startswith(NOT_CHOSEN)]
