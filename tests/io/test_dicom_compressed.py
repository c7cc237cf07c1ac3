"""Compressed DICOM: what is decoded is what was stored."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("nibabel")
pytest.importorskip("pydicom")
import pydicom
from dicom_heads import load, pair, reasons
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid

SYNTAXES = {
    "JPEG lossless": "JPEGLosslessProcess14_1",
    "JPEG-LS": "JPEGLSLossless",
    "JPEG 2000": "JPEG2000Lossless",
    "RLE": "RLELossless",
}


@pytest.mark.parametrize("kind", SYNTAXES)
def test_compressed_without_loss(tmp_path, kind):
    gdcm = pytest.importorskip("gdcm")  # writes them, and is the decoder of the extra
    pair(tmp_path)
    expected = load(tmp_path, skip_empty=False)
    for path in tmp_path.rglob("*.dcm"):
        reader, change = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax()
        reader.SetFileName(str(path))
        assert reader.Read()
        syntax = getattr(gdcm.TransferSyntax, SYNTAXES[kind])
        change.SetTransferSyntax(gdcm.TransferSyntax(syntax))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer = gdcm.ImageWriter()
        writer.SetFileName(str(path))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()
        assert pydicom.dcmread(path).file_meta.TransferSyntaxUID.is_compressed
    pairs = load(tmp_path, skip_empty=False)
    np.testing.assert_array_equal(pairs.data, expected.data)
    assert pairs.skipped == []


def _scanner(folder, name, modality):
    """A series of three copies of an image of a real scanner, 5 mm apart."""
    folder.mkdir()
    uid = generate_uid()
    for k in range(3):
        image = pydicom.dcmread(get_testdata_file(name, download=False))
        image.PatientID, image.SeriesInstanceUID, image.FrameOfReferenceUID = "A", uid, "1.2.3"
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        image.Modality, image.PixelSpacing = modality, [1.5, 1.5]
        image.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        image.ImagePositionPatient = [0, 0, 5 * k]
        image.InstanceNumber, image.ImageType = k + 1, ["ORIGINAL", "PRIMARY"]
        image.save_as(folder / f"{k}.dcm")


FILES = {
    "RLE": ("MR_small_RLE.dcm", None),
    "JPEG 2000": ("MR_small_jp2klossless.dcm", None),
    "JPEG-LS": ("MR_small_jpeg_ls_lossless.dcm", "gdcm"),
    "big endian": ("MR_small_bigendian.dcm", None),
    "implicit": ("MR_small_implicit.dcm", None),
    "padded": ("MR_small_padded.dcm", None),
}


@pytest.mark.parametrize("kind", FILES)
def test_one_scan_in_several_encodings(tmp_path, kind):
    name, needs = FILES[kind]
    if needs:
        pytest.importorskip(needs)
    found = []
    for folder, mri in (("plain", "MR_small.dcm"), ("other", name)):
        (tmp_path / folder).mkdir()
        _scanner(tmp_path / folder / "ct", "CT_small.dcm", "CT")
        _scanner(tmp_path / folder / "mr", mri, "MR")
        found.append(load(tmp_path / folder, skip_empty=False))
    plain, other = found
    assert np.isfinite(plain.data[:, 1]).any()
    np.testing.assert_array_equal(other.data, plain.data)


def test_what_no_decoder_reads_names_the_compression(tmp_path):
    _scanner(tmp_path / "ct", "CT_small.dcm", "CT")
    _scanner(tmp_path / "mr", "JPGExtended.dcm", "MR")  # twelve bits
    for path in (tmp_path / "mr").iterdir():
        image = pydicom.dcmread(path)
        image.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
        image.SamplesPerPixel = 1
        image.save_as(path)
    text = reasons(tmp_path)
    assert "compressed as JPEG Extended" in text
    assert 'pip install "ctmri_detect[dicom]", or decompress the files' in text
