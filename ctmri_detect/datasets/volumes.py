"""Pairs of axial slices from NIfTI and DICOM volumes."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from ctmri_detect._floats import with_default_floats
from ctmri_detect._parameters import SIZE, OneOf, check_value, height_and_width, number
from ctmri_detect.datasets.exchanged import warn_of_exchanged_planes
from ctmri_detect.datasets.volume_cutting import cut_all
from ctmri_detect.datasets.volume_findings import asked, describe, findings, units_of
from ctmri_detect.datasets.volume_labels import read_volume_labels, targets_of
from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.io.listing import first_reasons
from ctmri_detect.io.loaded import loaded
from ctmri_detect.io.volumes.pseudonym import check_key
from ctmri_detect.io.volumes.volume_set import Cut
from ctmri_detect.layouts.dicom_choice import Choice
from ctmri_detect.layouts.planes import first_file
from ctmri_detect.layouts.volume_pairs import Wanted, list_volume_pairs
from ctmri_detect.storage.pair_store import PairStore

COLUMNS = ["patient", "slice", "instance", "z_mm", "spacing", "sequence", "kind", "grid"]
GAPS = ("skip", "keep")


@with_default_floats
def load_volume_pairs(
    folder: str | Path,
    *,
    patient: str | None = None,
    labels: str | Path | None = None,
    sequence: str | Sequence[str] | None = None,
    modality: str = "both",
    ct_series: Choice = None,
    mri_series: Choice = None,
    slice_spacing: float | None = None,
    size: int | tuple[int, int] | None = None,
    skip_empty: bool = True,
    gaps: str = "skip",
    key: str | bytes | None = None,
    cache: str | Path | None = None,
) -> Bunch:
    r"""Load axial slices from volumes, one head at a time: CT-MRI pairs, or other planes.

    `sequence` and `modality` choose the planes, as in `load_pairs`: several MRI sequences, the CT
    alone, or MRI without a CT (BraTS, whose ``..._seg.nii.gz`` is the lesion).

    **Single files** (NIfTI: .nii, .nii.gz, .hdr with .img; MetaImage: .mha, .mhd; FreeSurfer:
    .mgz, .mgh): all that `find_pairs` pairs (SynthRAD, BIDS, two folders, names with a modality).
    Where ``mask.nii.gz`` lies beside ``ct.nii.gz``, pixels outside the mask become NaN. A
    ``lesion.nii.gz`` (on any grid; empty for the healthy) gives `masks`. **DICOM**: every file
    below the folder, whatever its name; series are paired by PatientID and issuer. CT numbers
    become Hounsfield units. Volumes that can't be used, and what is no volume (localizers,
    reports, damaged files), are listed in `skipped` with a reason.

    **Lesions.** A slice is anomalous where any voxel of the segmentation reaches into it, also
    where `slice_spacing` or `size` average it with healthy tissue. Its mask holds the pixels of
    which at least half is lesion. A lesion that covers half of no pixel keeps those that it covers
    most.

    **Orientation.** As radiologists view them: row 0 is the front of the head, column 0 the
    patient's right, slice 0 the lowest. The slices are those of the CT: their axes are swapped or
    flipped, never tilted. The MRI is interpolated linearly at their pixels, after smoothing where
    the CT is coarser; it is NaN where it does not reach.

    **Privacy.** DICOM patients become pseudonyms, a hash of PatientID and issuer. They are the same
    in every run and on every machine that uses the same `key`. Without a `key` of your own, anybody
    can hash a known PatientID and look for it. Names, dates, descriptions and paths reach
    neither the result nor any message; files are named by their place among the sorted paths.
    What is in the *pixels* stays: burned-in text, and faces, which can be reconstructed from
    thin slices of the skin. For NIfTI the relative file names are kept: rename files that
    carry a person's name.

    When it fails: two scans of one patient share coordinates only where they were registered. In
    DICOM the frame of reference tells it (a warning says where it differs); in other files nothing
    does. An `UnpairedDataWarning` says where the images do not look like pairs. Other warnings
    say where sform and qform of a NIfTI file differ, where one file of a pair gives no
    position, and where the MRI shows less than half of the head. A patient with several
    examinations needs `ct_series` and `mri_series`. Several stacks, echoes or time points in one
    enhanced DICOM file, and Analyze 7.5, are not read.

    Parameters
    ----------
    folder : str or Path
        Where the files are, at any depth.
    patient : str, default=None
        A regular expression for the relative path; its first group, or the whole match, names
        the patient. For DICOM it takes the place of the PatientID, and is hashed too.
    labels : str or Path, default=None
        A csv with a column `patient` (or `file`, the CT) and `lesion` (1/0) or `target` (+1/-1).
        Slices get the label of their patient; where all lesions are segmented, that of their mask.
    sequence : str or sequence of str, default=None
        The MRI to take where there are several, such as ``"t2"``. Of several, such as ``("t1",
        "flair")``, each becomes a plane, NaN where a patient lacks it. In DICOM, description and
        timing of a series tell its sequence.
    modality : {"both", "ct", "mri"}, default="both"
        The volumes to take, as in `load_pairs`. Without CT, the slices and the grid are those
        of the first sequence that is there.
    ct_series, mri_series : int or dict of str to int, default=None
        DICOM series numbers: one for all patients, or one for each pseudonym. A series named here
        is taken even if it was derived from other images.
    slice_spacing : float, default=None
        Distance between slices, in mm, above 0 and below 1000. Where it is larger than the CT's,
        all slices within that distance are averaged: less noise, less detail, as in thicker
        slices. Where it is smaller, neighbours are interpolated. None keeps the CT's slices.
    size : int or (int, int), default=None
        Height and width of the result, in pixels. The image is scaled by one factor to fit and
        padded with NaN, so that heads keep their proportions. None keeps the CT's pixels, made
        square.
    skip_empty : bool, default=True
        Leave out slices with less than 10 cm² of head in the CT, or with less than 10 cm² or
        nothing but one value in the MRI.
    gaps : {"skip", "keep"}, default="skip"
        What to do with a DICOM series that lacks slices. "skip": leave the patient out and say why
        in `skipped`. "keep": keep the other slices; a warning names those beside the gap.
        Nothing is ever interpolated across a gap; where only the MRI has one, the MRI is NaN.
        A step is a gap where it is 1.4 times as wide as the spacing beside it. Three or more
        equal steps are no gap but another spacing, such as 2.5 mm below 5 mm.
    key : str or bytes, default=None
        Secret for the pseudonyms, 1 to 64 bytes.
    cache : str or Path, default=None
        A new ``.npy`` file to which the pairs are written as they are read. `data` then reads
        from it, and memory holds one pair of volumes at a time.

    Returns
    -------
    Bunch
        - data: `Pairs` of shape ``(n, n_planes, height, width)``. They know the names of the
          planes, groups, spacing, ct_units and, in their frame, `volume` (the CT), `z_mm` (height
          above its lowest slice) and `grid` (the CT's own, as text for `io.write_maps`).
        - masks: bool ``(n, height, width)``; None unless every pair has a ``lesion.nii.gz``.
        - target: +1 or -1 for each slice, by `masks` or else by `labels`; None without both.
        - groups: the patients of the slices, None where one is unknown.
        - frame: DataFrame with a column for each plane (``ct``, ``mri``: relative file; DICOM:
          pseudonym and modality; None where missing), patient, slice (0 is the lowest; slices left
          out are counted), instance (number of the CT's image in its DICOM series; the nearest
          where slices are averaged or interpolated), z_mm, spacing (mm per pixel), sequence, kind
          (None).
        - paired: the verdict of `check_pairing`, True, False or None (too few slices, no CT or no
          MRI). pairing: the `Verdict` with its p-value, the rows compared, and whether the MRI
          seem mirrored or one slice off.
        - ct_units: "hu", "uint8", or None where the values are neither.
        - orientation: "radiological". DESCR: a description in words.
        - skipped: list of (name, reason), also for slices without MRI.

    Raises
    ------
    DataLoadingError
        If there is no such folder, the labels do not fit, or no pair is left.
    ValueError
        For a bad parameter, and if volumes differ in size and `size` is None.
    FileExistsError
        If `cache` exists.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import nibabel as nib
    >>> import numpy as np
    >>> from ctmri_detect.datasets import load_volume_pairs
    >>> ct = np.full((64, 64, 4), -1000, dtype=np.int16)
    >>> ct[8:56, 8:56] = 35
    >>> with tempfile.TemporaryDirectory() as name:
    ...     for patient in ("1BA001", "1BA002"):
    ...         (Path(name) / patient).mkdir()
    ...         for file, values in (("ct", ct), ("mr", ct + 1000)):
    ...             image = nib.Nifti1Image(values, np.diag([1, 1, 2.5, 1]))
    ...             nib.save(image, Path(name) / patient / f"{file}.nii.gz")
    ...     pairs = load_volume_pairs(name, size=32)
    >>> pairs.data.shape, pairs.ct_units, sorted(set(pairs.groups.tolist()))
    ((8, 2, 32, 32), 'hu', ['1BA001', '1BA002'])
    """
    check_key(key)
    check_value("slice_spacing", slice_spacing, [number(above=0, below=1000), None])
    check_value("size", size, [*SIZE, None])
    check_value("gaps", gaps, [OneOf(*GAPS)])
    shape = None if size is None else height_and_width(size)
    cut = Cut(slice_spacing, shape, bool(skip_empty), gaps == "keep")
    series = {"ct": _check_series(ct_series, "ct_series")}
    series["mri"] = _check_series(mri_series, "mri_series")
    named = read_volume_labels(Path(folder), labels)
    store = PairStore(cache)
    wanted = Wanted(patient, sequence, series, key, modality)
    planes = wanted.planes
    if mri_series is not None and len(planes.sequences) > 1:
        raise ValueError(
            f"mri_series is {mri_series!r} and sequence names {len(planes.sequences)}; expected "
            "one MRI with mri_series. Leave mri_series out: the headers tell the sequences."
        )
    sets, skipped = list_volume_pairs(Path(folder), wanted)
    with store:
        rows, lesions, used, empty = cut_all(sets, cut, store, skipped)
        if not rows:
            what = "pair of volumes" if planes.is_pair else "volume"
            raise DataLoadingError(
                f"No {what} is left of {len(sets)}; expected at least one. {len(skipped)} entries "
                f"were skipped{first_reasons(skipped)}."
            )
    frame = pd.DataFrame(rows, columns=[*planes.names, *COLUMNS])
    frame = frame.astype({"slice": "Int64", "instance": "Int64"})
    first = [first_file(row) for _, row in frame.iterrows()]
    places = pd.DataFrame({"volume": first, "z_mm": frame["z_mm"], "grid": frame.pop("grid")})
    for text, kind in findings(used, skipped):
        warnings.warn(text, kind, stacklevel=2)
    data = store.data()
    warn_of_exchanged_planes(data, planes.modalities)
    verdict = asked(data, planes.modalities, frame["patient"])
    segmented = [lesion for lesion in lesions if lesion is not None]
    masks = np.stack(segmented) if len(segmented) == len(lesions) else None
    return loaded(
        data,
        frame,
        modalities=planes.modalities,
        ct_units=units_of(used),
        paired=None if verdict is None else verdict.paired,
        pairing=verdict,
        skipped=skipped,
        description=describe(rows, used, empty, slice_spacing),
        target=targets_of(frame, masks, named),
        masks=masks,
        places=places,
        orientation="radiological",
    )


def _check_series(choice: Any, name: str) -> Choice:
    numbers = choice.values() if isinstance(choice, Mapping) else [choice]
    if choice is not None and not all(isinstance(number, Integral) for number in numbers):
        raise ValueError(
            f"{name} is {choice!r}; expected a series number, or a dict with one for each patient."
        )
    return choice
