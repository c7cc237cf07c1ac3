"""DICOM: transfer syntaxes, bits, scalings, padding, directions, several patients and series."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..case import Case, kind
from ..dicom_series import (
    BIG,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    RLE,
    SECRETS,
    box,
    content,
    save,
    series,
    turned,
)  # fmt: skip
from ..expect import error_says
from ..expect_volumes import patients_are

_TYPES = ("i2", "u2", "u1", "i1")


def stored(case: Case, shape: tuple[int, ...], dtype: Any = "i2") -> Any:
    """Numbers as a scanner stores them."""
    kind_of = np.dtype(dtype)
    low, high = (0, 255) if kind_of.kind == "u" else (-120, 120)
    if kind_of.itemsize == 2:
        low, high = (0, 4095) if kind_of.kind == "u" else (-1024, 3071)
    image = case.rng.integers(low, high, shape)
    image.flat[:2] = (low, high)
    return image.astype(kind_of)


def begin(case: Case) -> None:
    """What all DICOM cases have in common."""
    case.options = {"load_volume_pairs": {"skip_empty": False}}
    case.secrets = SECRETS


def write_pair(
    case: Case, ct: Any, mri: Any, lattice: Any, *, name: str = "a", **tags: Any
) -> None:
    """A CT and an MRI on one grid, as any syntax and direction stores them."""
    for modality, image in (("CT", ct), ("MR", mri)):
        mine = tags.pop(modality, {}) | {k: v for k, v in tags.items() if k not in ("CT", "MR")}
        slices = series(case, modality, *turned(case, image, lattice), **mine)
        syntaxes = [IMPLICIT, EXPLICIT, DEFLATED, RLE]
        if image.dtype.itemsize == 2:
            syntaxes.append(BIG)
        save(case, slices, f"{name}/{modality}", syntax=case.choice(*syntaxes))


@kind(4)
def syntaxes_types_and_directions(case: Case) -> None:
    begin(case)
    shape, lattice = box(case)
    if case.chance(0.5):  # equal steps, so that any direction leaves the pixels square
        lattice = lattice._replace(steps=np.sign(lattice.steps) * 5.0)
    ct, mri = (stored(case, shape, case.choice(*_TYPES)) for _ in range(2))
    write_pair(case, ct, mri, lattice)
    right = np.stack([ct, mri], axis=1).astype("f4")
    case.expect(patients_are([(right, float(lattice.steps[2, 0]), None)], 0.05))


@kind(2)
def scalings(case: Case) -> None:
    """Each slice with a slope and an intercept of its own, as PET and some CT have."""
    begin(case)
    shape, lattice = box(case)
    ct, mri = stored(case, shape), stored(case, shape, "u2")
    slices = series(case, "CT", ct, lattice)
    right = ct.astype(float)
    for i, ds in enumerate(slices):
        slope, inter = case.choice((1, -1024), (0.5, 0), ("2", "-10 "), (1, None), (None, None))
        if slope is not None:
            ds.RescaleSlope = slope
        if inter is not None:
            ds.RescaleIntercept = inter
        right[i] = right[i] * float(slope or 1) + float(inter or 0)
    save(case, slices, "a")
    save(case, series(case, "MR", mri, lattice), "b")
    both = np.stack([right, mri], axis=1).astype("f4")
    case.expect(patients_are([(both, float(lattice.steps[2, 0]), None)], 0.05))


@kind(2)
def padding_and_inversion(case: Case) -> None:
    begin(case)
    shape, lattice = box(case)
    ct, mri = stored(case, shape), stored(case, shape, case.choice("u2", "i2"))
    pad = case.choice(-2000, -32768)
    ct[case.rng.random(shape) < 0.2] = pad
    tags: dict[str, Any] = {"CT": {"PixelPaddingValue": pad}}
    right = np.where(ct == pad, np.nan, ct)
    other = mri.astype(float)
    if case.chance(0.5):
        tags["MR"] = {"PhotometricInterpretation": "MONOCHROME1"}
        other = (2**16 - 1 if mri.dtype.kind == "u" else -1) - other
    write_pair(case, ct, mri, lattice, **tags)
    both = np.stack([right, other], axis=1).astype("f4")
    case.expect(patients_are([(both, float(lattice.steps[2, 0]), None)], 0.05))


@kind(2)
def fewer_bits_than_stored(case: Case) -> None:
    """Twelve of sixteen bits; what stands above them, such as an overlay, is no value."""
    begin(case)
    shape, lattice = box(case)
    ct, mri = stored(case, shape, "u2"), stored(case, shape, "u2")
    signed = case.chance(0.5)
    right = np.where(ct >= 2048, ct.astype(int) - 4096, ct) if signed else ct
    dirt = (case.rng.integers(0, 16, shape) << 12).astype("u2") * case.chance(0.5)
    slices = series(case, "CT", ct | dirt, lattice)
    for ds in slices:
        ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 12, 11, int(signed)
    save(case, slices, "a")
    save(case, series(case, "MR", mri, lattice), "b")
    both = np.stack([right, mri], axis=1).astype("f4")
    case.expect(patients_are([(both, float(lattice.steps[2, 0]), None)], 0.05))


@kind(3)
def old_exports(case: Case) -> None:
    """Without the preamble, without the meta group, or without the transfer syntax."""
    begin(case)
    shape, lattice = box(case)
    ct, mri = stored(case, shape), stored(case, shape)
    form = case.choice("bare", "no syntax")
    syntax = IMPLICIT if form == "no syntax" else case.choice(IMPLICIT, EXPLICIT)
    for modality, image in (("CT", ct), ("MR", mri)):
        slices = series(case, modality, image, lattice)
        ending = case.choice(".dcm", ".DCM", ".ima", "")
        for i, ds in enumerate(slices):
            case.write(f"{modality}/{i}{ending}", content(ds, syntax, form))
    both = np.stack([ct, mri], axis=1).astype("f4")
    case.expect(patients_are([(both, float(lattice.steps[2, 0]), None)], 0.05))


@kind(2)
def sequences(case: Case) -> None:
    begin(case)
    shape, lattice = box(case)
    ct, mri = stored(case, shape), stored(case, shape)
    words, sequence = case.choice(
        ("AX T2 FLAIR", "flair"), ("t1_mprage_sag", "t1"), ("t1_mprage_sag HEADCOIL", "t1"),
        ("T2 TSE TRA", "t2"), ("T2W_FFE", "swi"), ("AX GRE T2 STAR", "swi"), ("Ax T1 FLAIR", "t1"),
        ("T2 TSE POST1", "t2"), ("T2 TRA different angle", "t2"), ("SCOUT1", None), ("", None),
        ("PD TSE", "pd"), ("ep2d_diff_3scan_trace", "dwi"), ("T1W_SE", "t1"), ("SWI_Images", "swi"),
        ("Survey", None),
    )  # fmt: skip
    write_pair(case, ct, mri, lattice, MR={"SeriesDescription": words})
    both = np.stack([ct, mri], axis=1).astype("f4")
    case.expect(patients_are([(both, float(lattice.steps[2, 0]), sequence)], 0.05))


@kind(2)
def several_patients(case: Case) -> None:
    """Patients by their IDs; a localizer, a report and an unfinished patient beside them."""
    begin(case)
    rights = []
    for number in range(case.whole(2, 3)):
        shape, lattice = box(case)
        shape = (shape[0], 10, 12)
        ct, mri = stored(case, shape), stored(case, shape)
        write_pair(case, ct, mri, lattice, name=f"p{number}", PatientID=f"ID4711.{number}")
        both = np.stack([ct, mri], axis=1).astype("f4")
        rights.append((both, float(lattice.steps[2, 0]), None))
    shape, lattice = box(case)
    extra: dict[str, Any] = case.choice(
        {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]},
        {"Modality": "SR", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.11"},
        {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"},
        {"ImageType": ["DERIVED", "SECONDARY", "MPR"]},
        {"PatientID": "ID4711.99"},
        {"SamplesPerPixel": 3},
        {"NumberOfFrames": 5},
    )
    tags = {"PatientID": "ID4711.0"} | extra
    save(case, series(case, "CT", stored(case, shape), lattice, **tags), "extra")
    case.options["load_volume_pairs"]["size"] = (10, 12)
    case.expect(patients_are(rights, 0.05))


@kind()
def tilted_or_copied(case: Case) -> None:
    """The same files twice count once; a second series of a modality has to be chosen."""
    begin(case)
    shape, lattice = box(case)
    ct, mri = stored(case, shape), stored(case, shape)
    slices = series(case, "CT", ct, lattice)
    save(case, slices, "a")
    save(case, series(case, "MR", mri, lattice), "b")
    both = np.stack([ct, mri], axis=1).astype("f4")
    if case.chance(0.5):
        save(case, slices, "copy")
        case.expect(patients_are([(both, float(lattice.steps[2, 0]), None)], 0.05))
    else:
        save(case, series(case, "CT", ct, lattice, SeriesNumber=7), "other")
        case.expect(error_says("load_volume_pairs", "several CT series.*ct_series"))
