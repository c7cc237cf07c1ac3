"""A head with a ball in it as DICOM series, written as a scanner writes them."""

from __future__ import annotations

import shutil
import warnings

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from ctmri_detect.datasets import load_volume_pairs
from ctmri_detect.exceptions import DataLoadingError

CT_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
MR_STORAGE = "1.2.840.10008.5.1.4.1.1.4"
BALL = np.array([-24.0, -32.0, 8.0])  # the same ball in DICOM's mm: left, back and top
SHAPE = (80, 64)
N = 12
AXIAL = ([1, 0, 0], [0, 1, 0])
SPACE = generate_uid()


def world(points, air, head, ball):
    values = np.full(points.shape[:-1], air, dtype=np.float64)
    values[np.linalg.norm(points / [56, 72, 60], axis=-1) < 1] = head
    values[np.linalg.norm(points - BALL, axis=-1) < 9] = ball
    return values


def series(
    folder,
    modality="CT",
    patient="MRN12345",
    *,
    number=2,
    n=N,
    step=5.0,
    axes=AXIAL,
    shear=0.0,
    values=None,
    slope=1.0,
    intercept=None,
    space=SPACE,
    description="",
    change=None,
    heights=None,
):
    """A series as a scanner writes it, with a person in every tag that could hold one.

    `change(dataset, k)` may do to the k-th slice what it likes; None from it drops the slice.
    `heights` are where the slices lie, mm along the normal from the middle of the head.
    """
    folder.mkdir(parents=True, exist_ok=True)
    intercept = (-1024.0 if modality == "CT" else 0.0) if intercept is None else intercept
    values = values or ((-1000, 35, 90) if modality == "CT" else (0, 300, 900))
    across, down = (np.array(axis, dtype=float) for axis in axes)
    normal = np.cross(across, down)
    uid = generate_uid()
    heights = (np.arange(n) - (n - 1) / 2) * step if heights is None else heights
    for k, height in enumerate(heights):
        centre = normal * height + down * shear * height / step
        first = centre - across * (SHAPE[1] - 1) - down * (SHAPE[0] - 1)  # pixels of 2 mm
        rows, columns = (2.0 * np.arange(side) for side in SHAPE)
        points = first + down * rows[:, None, None] + across * columns[None, :, None]
        stored = np.round((world(points, *values) - intercept) / slope)
        data = image_of(modality, patient, uid, number, k, space, description)
        data.ImagePositionPatient = [float(f"{v:.4f}") for v in first]
        data.ImageOrientationPatient = [*across.tolist(), *down.tolist()]
        data.PixelSpacing = [2.0, 2.0]
        data.RescaleSlope, data.RescaleIntercept = slope, intercept
        data.PixelData = stored.astype(np.int16).tobytes()
        if change is None or change(data, k) is not None:
            # order on the disk says nothing
            data.save_as(folder / f"IM{(k * 7) % 97:04d}{number}.dcm", enforce_file_format=True)


def image_of(modality, patient, uid, number, k, space, description):
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = CT_STORAGE if modality == "CT" else MR_STORAGE
    data.SOPInstanceUID = generate_uid()
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.Modality, data.SeriesInstanceUID, data.SeriesNumber = modality, uid, number
    data.PatientName, data.PatientID, data.PatientBirthDate = "Doe^Jane", patient, "19560401"
    data.AccessionNumber = "ACC777"
    data.StudyDescription = "Doe craniotomy"
    data.SeriesDescription = f"{description} Doe"
    data.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    data.FrameOfReferenceUID, data.InstanceNumber = space, k + 1
    data.Rows, data.Columns = SHAPE
    data.BitsAllocated = data.BitsStored = 16
    data.HighBit, data.PixelRepresentation, data.SamplesPerPixel = 15, 1, 1
    data.PhotometricInterpretation = "MONOCHROME2"
    return data


def pair(folder, patient="MRN12345", ct=None, mri=None):
    series(folder / patient / "ct", "CT", patient, **(ct or {}))
    series(folder / patient / "mr", "MR", patient, **({"number": 5} | (mri or {})))


def load(folder, **parameters):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load_volume_pairs(folder, **parameters)


def reasons(folder, **parameters):
    """What is said where nothing is left."""
    with pytest.raises(DataLoadingError) as raised:
        load_volume_pairs(folder, **parameters)
    return str(raised.value)


def ball(pairs):
    return np.array(
        [
            np.argwhere(pairs.data[:, plane] > limit).mean(axis=0)
            for plane, limit in ((0, 62), (1, 600))
        ]
    )


def enhanced(folder, modality="CT", *args, change=None, shared=(), **parameters):
    """The same series as one enhanced multi-frame file.

    `change(frame, k)` may do to the functional groups of the k-th frame what it likes; groups
    named in `shared` stand once for all frames.
    """
    parts = folder / "parts"
    series(parts, modality, *args, **parameters)
    images = sorted((pydicom.dcmread(p) for p in parts.iterdir()), key=lambda i: i.InstanceNumber)
    shutil.rmtree(parts)
    whole = images[0]
    whole.SOPClassUID = whole.file_meta.MediaStorageSOPClassUID = ENHANCED[modality]
    whole.NumberOfFrames = len(images)
    frames = [_groups(image) for image in images]
    common = Dataset()
    for name in shared:
        setattr(common, name, getattr(frames[0], name))
        for frame in frames:
            delattr(frame, name)
    for k, frame in enumerate(frames):
        if change is not None:
            change(frame, k)
    whole.SharedFunctionalGroupsSequence = [common]
    whole.PerFrameFunctionalGroupsSequence = frames
    whole.PixelData = b"".join(image.PixelData for image in images)
    for tag in (*PLACE, "RescaleSlope", "RescaleIntercept"):
        delattr(whole, tag)
    whole.save_as(folder / "enhanced.dcm", enforce_file_format=True)
    return folder / "enhanced.dcm"


ENHANCED = {"CT": "1.2.840.10008.5.1.4.1.1.2.1", "MR": "1.2.840.10008.5.1.4.1.1.4.1"}
PLACE = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")


def _groups(image):
    """The functional groups of one frame."""
    frame = Dataset()
    for sequence, tags in {
        "PlanePositionSequence": PLACE[:1],
        "PlaneOrientationSequence": PLACE[1:2],
        "PixelMeasuresSequence": PLACE[2:],
        "PixelValueTransformationSequence": ("RescaleSlope", "RescaleIntercept"),
        "FrameContentSequence": (),
    }.items():
        item = Dataset()
        for tag in tags:
            setattr(item, tag, getattr(image, tag))
        setattr(frame, sequence, [item])
    return frame
