"""DICOM series whose place and meaning are known, one data set a slice, to be changed and saved."""

from __future__ import annotations

import io
from typing import Any, NamedTuple

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset

from .case import Case

CT, MR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"
IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
DEFLATED, BIG, RLE = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.5"
WHO = "Featherstonehaugh"  # a name, an ID, a date and a place that no result may tell
ID, BORN, WARD = "ID4711", "19440606", "Ward Marigold"
SECRETS = [WHO, ID, BORN, WARD]
Array = NDArray[Any]


class Lattice(NamedTuple):
    """Where a series' voxels ``(slice, row, column)`` lie: the first, and one step along each."""

    origin: Array
    steps: Array  # three rows: along slices, rows, columns; LPS, mm


def uid(case: Case) -> str:
    """A unique identifier out of the case's own generator."""
    return f"1.2.826.0.1.3680043.8.498.{case.rng.integers(10**15, 10**16)}"


def box(case: Case) -> tuple[tuple[int, int, int], Lattice]:
    """A shape and an axial grid: slices upwards, rows to the back, columns to the left."""
    shape = (case.whole(3, 5), case.whole(8, 14), case.whole(8, 14))
    plane, between = float(case.choice(0.5, 0.9375, 6.0)), float(case.choice(2, 3, 5))
    steps = np.array([[0, 0, between], [0, plane, 0], [plane, 0, 0]], dtype=float)
    return shape, Lattice(case.rng.integers(-200, 100, 3).astype(float), steps)


def turned(case: Case, volume: Array, lattice: Lattice) -> tuple[Array, Lattice]:
    """The same voxels as a series of another direction: sagittal, coronal, feet first, ..."""
    order, back = case.rng.permutation(3), case.rng.random(3) < 0.5
    image, steps, origin = volume.transpose(order), lattice.steps[order].copy(), lattice.origin
    for axis in np.flatnonzero(back):
        image = np.flip(image, axis)
        origin = origin + steps[axis] * (image.shape[axis] - 1)
        steps[axis] *= -1
    return image, Lattice(origin, steps)


def series(case: Case, modality: str, image: Array, lattice: Lattice, **tags: Any) -> list[Dataset]:
    """One data set a slice; `image` holds the stored numbers. `tags` are set in each."""
    instance, frame = uid(case), tags.pop("frame", "1.2.3")
    lengths = np.linalg.norm(lattice.steps, axis=1)
    found = []
    for i, plane in enumerate(image):
        ds = Dataset()
        ds.file_meta = FileMetaDataset()
        ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = CT if modality == "CT" else MR
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = uid(case)
        ds.PatientName, ds.PatientID = f"{WHO}^Ann", ID
        ds.PatientBirthDate, ds.InstitutionName = BORN, WARD
        ds.StudyDescription, ds.AccessionNumber = f"head of {WHO}", ID
        ds.Modality, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = modality, instance, frame
        ds.SeriesNumber, ds.InstanceNumber = 2, i + 1
        ds.ImagePositionPatient = [
            round(float(v), 4) for v in lattice.origin + i * lattice.steps[0]
        ]
        ds.PixelSpacing = [float(lengths[1]), float(lengths[2])]
        directions = [*(lattice.steps[2] / lengths[2]), *(lattice.steps[1] / lengths[1])]
        ds.ImageOrientationPatient = [float(v) for v in directions]
        pixels(ds, plane)
        for tag, value in tags.items():
            setattr(ds, tag, value)
        found.append(ds)
    return found


def pixels(ds: Dataset, plane: Array) -> None:
    """The image, in as many bits as its type has."""
    ds.Rows, ds.Columns = plane.shape
    ds.BitsAllocated = ds.BitsStored = plane.dtype.itemsize * 8
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation, ds.SamplesPerPixel = int(plane.dtype.kind == "i"), 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    data = plane.astype(plane.dtype.newbyteorder("<")).tobytes()
    ds.PixelData = data + b"\0" * (len(data) % 2)
    ds["PixelData"].VR = "OB" if plane.dtype.itemsize == 1 else "OW"


def content(ds: Dataset, syntax: str = EXPLICIT, form: str = "whole") -> bytes:
    """The bytes of a file. `form` may leave the preamble, the meta group or the syntax out."""
    ds.file_meta.TransferSyntaxUID = EXPLICIT if syntax == RLE else syntax
    if syntax == RLE:
        ds.compress(RLE, generate_instance_uid=False)
    little = syntax != BIG
    if not little and ds.BitsAllocated == 16:
        ds.PixelData = np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes()
    file = io.BytesIO()
    if form == "whole":
        pydicom.dcmwrite(file, ds, enforce_file_format=True)
        return file.getvalue()
    meta = ds.file_meta
    del ds.file_meta
    kept = {"bare": False, "no syntax": True}[form]
    pydicom.dcmwrite(
        file, ds, implicit_vr=syntax == IMPLICIT, little_endian=little, enforce_file_format=False
    )
    body = file.getvalue()
    ds.file_meta = meta
    return (_meta_without_syntax(meta) if kept else b"") + body


def _meta_without_syntax(meta: FileMetaDataset) -> bytes:
    """Preamble and group 2 without (0002,0010)."""
    file, one = io.BytesIO(), FileMetaDataset()
    one.MediaStorageSOPClassUID = meta.MediaStorageSOPClassUID
    one.MediaStorageSOPInstanceUID = meta.MediaStorageSOPInstanceUID
    pydicom.filewriter.write_file_meta_info(file, one, enforce_standard=False)
    return b"\0" * 128 + b"DICM" + file.getvalue()


def save(case: Case, slices: list[Dataset], place: str, **options: Any) -> list[str]:
    """Write a series in any order of names; returns them."""
    named = case.choice("IM{:04}.dcm", "IM{:04}", "{:03}.ima", "1.2.840.{}", "i{}.DCM")
    order = case.rng.permutation(len(slices))
    return [
        case.write(f"{place}/{named.format(number)}", content(ds, **options))
        for number, ds in zip(order, slices, strict=True)
    ]
