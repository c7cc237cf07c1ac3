"""The digital head phantom as NIfTI volumes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.random import RandomState, SeedSequence

from ctmri_detect._extras import require
from ctmri_detect._parameters import check_value, integer, number
from ctmri_detect.phantom.compose import HIGHEST, LOWEST, Setting
from ctmri_detect.phantom.head_volume import PairedVolume, make_volume
from ctmri_detect.phantom.options import make_setting
from ctmri_detect.phantom.sequences import sequence_label
from ctmri_detect.phantom.subjects import give_out, subject_name, subject_seeds
from ctmri_detect.synthesis.catalogue import check_kinds, is_whole_slice

__all__ = ["make_phantom_volumes"]


def make_phantom_volumes(
    folder: str | Path,
    n_subjects: int = 4,
    *,
    size: int = 256,
    slice_spacing: float = 5.0,
    kinds: str | Sequence[str] = "default",
    anomalous_fraction: float = 0.5,
    severity: str = "moderate",
    sequence: str | Sequence[str] = "t2",
    field_strength: float = 1.5,
    ct_artefacts: str | Sequence[str] = ("cupping",),
    n_jobs: int | None = None,
    random_state: int | RandomState | None = None,
) -> pd.DataFrame:
    """Write NIfTI volumes of synthetic heads, some with a lesion, and return a table of them.

    The heads are made as in `make_phantom_pairs`, but as volumes on a grid in mm (patient's left
    and posterior along the first two axes, as scanners store them). A lesion is an ellipsoid, or a
    layer under the skull, in all slices that it reaches. There is one folder per subject, in the
    layout of SynthRAD: ``sub-000/ct.nii.gz`` (HU, int16), ``mr.nii.gz`` (float32) and
    ``lesion.nii.gz`` (0 and 1; all 0 for healthy subjects). `load_volume_pairs` reads all three.
    With a list of sequences, each has its own file in place of ``mr.nii.gz``: ``t1.nii.gz``, ...

    Parameters
    ----------
    folder : str or Path
        Where to write; made if it does not exist.
    n_subjects : int, default=4
        Number of synthetic people, 1 or more.
    size : int, default=256
        Height and width in pixels, 64 or more; the field of view is 250 mm. Time and memory grow
        with its square.
    slice_spacing : float, default=5.0
        Distance between axial slices in mm, above 0; they go from about MNI z = -8 to 56 mm.
    kinds : "default", str or sequence of str, default="default"
        Kinds of lesion, one per subject, assigned in turn. Kinds that change a whole slice are not
        possible.
    anomalous_fraction : float, default=0.5
        Share of subjects with a lesion, 0 to 1; exactly ``round(anomalous_fraction * n_subjects)``.
    severity, sequence, field_strength, ct_artefacts, n_jobs, random_state
        As in `make_phantom_pairs`.

    Returns
    -------
    DataFrame
        One row per subject: patient, ct, mri, lesion (paths relative to `folder`), kind, severity,
        volume_ml, cnr_ct, cnr_mri, sequence. With a list of sequences: t1, ... and cnr_t1, ... in
        place of mri and cnr_mri, and the names in sequence are joined, such as "t1+flair".

    Raises
    ------
    ValueError
        If a parameter is out of its range.
    InjectionError
        If no visible lesion fits into a volume.
    FileExistsError
        If a subject's folder exists; nothing is overwritten.
    ImportError
        If nibabel or nilearn is not installed.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     frame = make_phantom_volumes(folder, 2, size=64, slice_spacing=16, random_state=0)
    >>> frame["ct"].tolist()
    ['sub-000/ct.nii.gz', 'sub-001/ct.nii.gz']
    """
    check_value("n_subjects", n_subjects, [integer(1)])
    check_value("slice_spacing", slice_spacing, [number(above=0)])
    check_value("anomalous_fraction", anomalous_fraction, [number(0, 1)])
    names = check_kinds(kinds)
    whole = [name for name in names if is_whole_slice(name)]
    if whole:
        raise ValueError(
            f"kinds has {whole}, which change single slices; expected kinds of lesion. Leave them "
            "out."
        )
    setting = make_setting(size, severity, sequence, field_strength, ct_artefacts)
    require("nibabel", extra="volumes")
    root = Path(folder)
    taken = [subject_name(k) for k in range(n_subjects) if (root / subject_name(k)).exists()]
    if taken:
        raise FileExistsError(
            f"{root} already holds {', '.join(taken[:5])}; expected a folder without them. Give "
            "another folder."
        )
    root.mkdir(parents=True, exist_ok=True)
    n_slices = int((HIGHEST - LOWEST) // slice_spacing) + 1
    plan = give_out(names, round(anomalous_fraction * n_subjects), n_subjects)
    rows = Parallel(n_jobs=n_jobs)(
        delayed(_write_subject)(root / subject_name(k), seed, n_slices, slice_spacing, setting, own)
        for k, (seed, own) in enumerate(
            zip(subject_seeds(random_state, n_subjects), plan, strict=True)
        )
    )
    return pd.DataFrame([{**row, "sequence": sequence_label(sequence)} for row in rows])


def _write_subject(
    folder: Path,
    seed: SeedSequence,
    n_slices: int,
    slice_spacing: float,
    setting: Setting,
    kinds: list[str],
) -> dict[str, Any]:
    """Make and write one subject, and return its row."""
    kind = kinds[0] if kinds else None
    made = make_volume(seed, n_slices, slice_spacing, setting, kind)
    folder.mkdir()
    affine = _affine(made, setting.spacing, slice_spacing)
    files = {name: f"{'mr' if name == 'mri' else name}.nii.gz" for name in setting.planes}
    for plane, file in zip(made.pair, files.values(), strict=True):
        values = np.rint(plane).astype(np.int16) if file == "ct.nii.gz" else plane
        _save(values, affine, folder / file)
    _save(made.mask.astype(np.uint8), affine, folder / "lesion.nii.gz")
    voxel = setting.spacing**2 * slice_spacing / 1000.0  # ml
    return {
        "patient": folder.name,
        **{name: f"{folder.name}/{file}" for name, file in files.items()},
        "lesion": f"{folder.name}/lesion.nii.gz",
        "kind": kind or "normal",
        "severity": setting.severity if kind else None,
        "volume_ml": float(made.mask.sum()) * voxel,
        **{f"cnr_{name}": cnr for name, cnr in zip(setting.planes, made.cnr, strict=True)},
    }


def _affine(made: PairedVolume, spacing: float, slice_spacing: float) -> np.ndarray:
    """Voxel to RAS mm: columns run to the patient's left, rows to the back, slices upwards."""
    affine = np.diag([-spacing, -spacing, slice_spacing, 1.0])
    edge = 0.5 * (made.mask.shape[1] - 1) * spacing
    affine[:3, 3] = edge, edge, made.levels[0]
    return affine


def _save(volume: np.ndarray, affine: np.ndarray, path: Path) -> None:
    """Write (slice, row, column) as NIfTI (column, row, slice)."""
    nibabel = require("nibabel", extra="volumes")
    nibabel.save(nibabel.Nifti1Image(np.ascontiguousarray(volume.transpose(2, 1, 0)), affine), path)
