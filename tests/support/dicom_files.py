"""Small DICOM series of named people, as a scanner would write them."""

from __future__ import annotations

import numpy as np
import pydicom

STORAGE = {"CT": "1.2.840.10008.5.1.4.1.1.2", "MR": "1.2.840.10008.5.1.4.1.1.4"}


def write_dicom(folder, who, modality, images=None, **tags):
    """A series below ``folder/who``, of three black slices or of `images` (n, h, w).

    `tags` are set in every file.
    """
    images = np.zeros((3, 8, 8)) if images is None else images
    series, frame = pydicom.uid.generate_uid(), pydicom.uid.generate_uid()
    storage = STORAGE[modality]
    (folder / who / modality).mkdir(parents=True)
    for i, image in enumerate(images):
        meta = pydicom.dataset.FileMetaDataset()
        meta.MediaStorageSOPClassUID = storage
        meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
        meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        ds = pydicom.dataset.Dataset()
        ds.file_meta = meta
        ds.SOPClassUID, ds.SOPInstanceUID = storage, meta.MediaStorageSOPInstanceUID
        ds.PatientName, ds.PatientID = who, f"ID-{who}"
        ds.StudyDescription = f"head of {who}"
        ds.Modality, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = modality, series, frame
        ds.SeriesNumber = 2
        ds.ImagePositionPatient, ds.PixelSpacing = [0, 0, 5 * i], [1, 1]
        ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        ds.Rows, ds.Columns = image.shape
        ds.BitsAllocated = ds.BitsStored = 16
        ds.HighBit, ds.PixelRepresentation, ds.SamplesPerPixel = 15, 1, 1  # signed
        ds.PhotometricInterpretation = "MONOCHROME2"
        ds.PixelData = image.astype(np.int16).tobytes()
        for tag, value in tags.items():
            setattr(ds, tag, value)
        ds.save_as(folder / who / modality / f"{who}{i}.dcm", enforce_file_format=True)
