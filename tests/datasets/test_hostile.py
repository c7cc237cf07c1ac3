"""Files and folders that lie: what tests/fuzz found, one law each."""

from __future__ import annotations

import gzip
import struct
import warnings
import zlib

import cv2
import nibabel as nib
import numpy as np
import pytest
from dicom_files import write_dicom
from fuzz.png_bytes import PALETTE, chunk, png
from fuzz.tiff_bytes import LZW, tiff

from ctmri_detect.datasets import find_pairs, load_pairs, load_volume_pairs
from ctmri_detect.exceptions import DataLoadingError, SkippedFilesWarning
from ctmri_detect.inspection import describe_pairs

GREY = np.random.default_rng(0).integers(0, 255, (9, 12)).astype(np.uint8)
CT = np.random.default_rng(1).integers(-1000, 1000, (12, 12, 4)).astype(np.int16)
AFFINE = np.diag([10.0, 10.0, 5.0, 1.0])


def slices(folder, content, ending=".png"):
    """An MRI with these bytes, and a good CT."""
    for plane in ("CT", "MRI"):
        (folder / plane).mkdir()
    (folder / "MRI" / f"1{ending}").write_bytes(content)
    np.save(folder / "CT" / "1.npy", GREY)
    return folder


def volumes(folder, name, content, array=CT, affine=AFFINE):
    """A CT volume with these bytes, and a good MRI."""
    (folder / "1BA001").mkdir()
    nib.save(nib.Nifti1Image(array, affine), folder / "1BA001" / "mr.nii")
    (folder / "1BA001" / name).write_bytes(content)
    return folder


def flipped(content, at):
    data = bytearray(content)
    data[at] ^= 1
    return bytes(data)


def test_a_png_with_rows_missing_or_a_wrong_checksum_is_refused(tmp_path):
    raw = b"".join(b"\0" + row.tobytes() for row in GREY)
    loose = png(GREY, 8)[:33] + chunk(b"IDAT", zlib.compress(raw, 0)) + chunk(b"IEND", b"")
    several = {
        "rows": png(GREY, 8)[:33] + png(GREY[:5], 8)[33:],
        "bit": flipped(loose, loose.index(GREY[4].tobytes()) + 3),
    }
    for name, content in several.items():
        (tmp_path / name).mkdir()
        with pytest.raises(DataLoadingError, match=r"MRI/1\.png: unreadable"):
            load_pairs(slices(tmp_path / name, content))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["i1", "i2", "u2", "i4", "u4", "f4", "f8"])
def test_compressed_tiff_of_every_type_and_byte_order(dtype, order, tmp_path):
    if dtype == "u4" and int(cv2.__version__.split(".")[0]) < 5:
        pytest.skip("OpenCV reads it from version 5 on; before, the error names imagecodecs")
    image = (np.arange(108).reshape(9, 12) * 300 - 9000).astype(dtype)
    content = tiff(image, order=order, compression=LZW)
    found = load_pairs(slices(tmp_path, content, ".tif"))
    np.testing.assert_array_equal(found.data[0, 1], image.astype(np.float32))


def test_white_is_zero_in_a_compressed_tiff_of_the_other_byte_order(tmp_path):
    image = GREY.astype(np.uint16) * 200
    content = tiff(image, order=">", compression=LZW, photometric=0)
    found = load_pairs(slices(tmp_path, content, ".tif"))
    np.testing.assert_array_equal(found.data[0, 1], 65535 - image)


def test_an_npy_header_beyond_all_numbers_is_refused_without_a_word_of_numpy(tmp_path):
    head = str({"descr": "<f8", "fortran_order": False, "shape": (2**31, 2**31)}).ljust(117) + "\n"
    content = b"\x93NUMPY\x01\0" + struct.pack("<H", len(head)) + head.encode()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DataLoadingError, match="promises more than any file holds"):
            load_pairs(slices(tmp_path, content, ".npy"))


def test_a_tiff_that_lacks_strips_is_refused(tmp_path):
    content = tiff(GREY, tags={257: (4, [30]), 278: (4, [9])})
    with pytest.raises(DataLoadingError, match="not all of its strips are there"):
        load_pairs(slices(tmp_path, content, ".tif"))


def test_no_warning_of_other_packages_gets_out(tmp_path):
    exif = b"II*\0\x08\0\0\0\xff\xff" + b"\0" * 12
    before = [chunk(b"PLTE", bytes(range(256)) * 3), chunk(b"tRNS", bytes(range(256)))]
    slices(tmp_path, png(GREY, 8, PALETTE, before=[*before, chunk(b"eXIf", exif)]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_pairs(tmp_path)
        describe_pairs(tmp_path)


def test_a_nii_gz_with_a_wrong_checksum_is_refused(tmp_path):
    plain = nib.Nifti1Image(CT, AFFINE).to_bytes()
    content = flipped(gzip.compress(plain, 0), 600)
    with pytest.raises(DataLoadingError, match="voxels can't be read: cut off or damaged"):
        load_volume_pairs(volumes(tmp_path, "ct.nii.gz", content))


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    header = bytearray(nib.Nifti1Image(CT, AFFINE).to_bytes()[:352])
    header[40:48] = struct.pack("<4h", 3, 900, 900, 900)
    content = gzip.compress(bytes(header) + b"\0" * 2**22)
    with pytest.raises(DataLoadingError, match="which no scan compresses to"):
        load_volume_pairs(volumes(tmp_path, "ct.nii.gz", content))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("NDims = 99", "NDims = '99'"),  # over which ITK ends the process
        ("NDims = -1", "NDims = '-1'"),
        ("Offset = a b c", "Offset holds no 3 numbers"),  # which ITK reads as 0 0 0
        ("HeaderSize = 99999999", "HeaderSize"),
        ("ElementDataFile = ct.mha", "not one file beside"),  # the header as voxels
        ("CompressedData = True", "voxels can't be read"),  # what happens to be in memory
        ("Offset = 1e300 0 0", "numbers too large for any scan"),
    ],
)
def test_a_metaimage_header_that_lies(line, reason, tmp_path):
    lines = {
        "ObjectType": "Image", "NDims": "3", "BinaryData": "True", "DimSize": "12 12 4",
        "TransformMatrix": "1 0 0 0 1 0 0 0 1", "Offset": "0 0 0", "ElementSpacing": "10 10 5",
        "ElementType": "MET_SHORT",
    }  # fmt: skip
    name, _, value = line.partition(" = ")
    lines[name] = value
    lines.setdefault("ElementDataFile", "LOCAL")
    text = "".join(f"{key} = {value}\n" for key, value in lines.items())
    folder = volumes(tmp_path, "ct.mha", text.encode() + CT.tobytes("F"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DataLoadingError, match=reason):
            load_volume_pairs(folder)


def test_an_mgh_file_that_does_not_say_how_it_lies_is_refused(tmp_path):
    content = bytearray(nib.MGHImage(CT, AFFINE).to_bytes())
    content[28:30] = b"\0\0"
    with pytest.raises(DataLoadingError, match="goodRASFlag is 0"):
        load_volume_pairs(volumes(tmp_path, "ct.mgh", bytes(content)))


def test_pixels_far_from_square_take_no_memory_beyond_reason(tmp_path):
    affine = np.diag([0.011, 99.0, 5.0, 1.0])
    array = np.random.default_rng(0).integers(0, 99, (64, 64, 2)).astype(np.int16)
    content = nib.Nifti1Image(array, affine).to_bytes()
    with pytest.raises(DataLoadingError, match=r"99 x 0\.011 mm.*size="):
        load_volume_pairs(volumes(tmp_path, "ct.nii", content, array, affine))


@pytest.mark.parametrize(
    "tags",
    [
        {"ImageOrientationPatient": ["nan"] * 6},
        {"ImagePositionPatient": ["inf", "0", "0"]},
        {"PixelSpacing": ["1e300", "1e300"]},
        {"PixelSpacing": ["0", "0"]},
    ],
)
def test_dicom_numbers_that_are_no_place_are_refused_without_a_word_of_numpy(tags, tmp_path):
    write_dicom(tmp_path, "anna", "MR")
    write_dicom(tmp_path, "anna", "CT", **tags)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DataLoadingError, match="position, orientation or pixel spacing"):
            load_volume_pairs(tmp_path)


def test_a_deflated_dicom_bomb_is_refused_before_it_is_unpacked(tmp_path):
    write_dicom(tmp_path, "anna", "CT")
    file, *others = sorted((tmp_path / "anna" / "CT").iterdir())
    for other in others:
        other.unlink()
    plain, deflated = b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99"
    packer = zlib.compressobj(9, wbits=-15)
    bomb = b"".join(packer.compress(b"\0" * 2**24) for _ in range(18)) + packer.flush()
    whole = file.read_bytes()
    length = struct.unpack("<I", whole[140:144])[0]
    meta = whole[144 : 144 + length].replace(b"UI\x14\0" + plain, b"UI\x16\0" + deflated)
    file.write_bytes(whole[:140] + struct.pack("<I", len(meta)) + meta + bomb)
    with pytest.raises(DataLoadingError, match="unpacks to more than any image"):
        load_volume_pairs(tmp_path)


def test_folders_that_hold_links_to_one_another_are_listed_in_reasonable_time(tmp_path):
    slices(tmp_path, png(GREY, 8))
    for i in range(14):
        (tmp_path / f"d{i}").mkdir()
    for i in range(14):
        for j in range(14):
            (tmp_path / f"d{i}" / f"to{j}").symlink_to(tmp_path / f"d{j}")
    assert find_pairs(tmp_path)["status"].tolist() == ["paired"]


def test_what_a_listing_leaves_out_is_named(tmp_path):
    slices(tmp_path, png(GREY, 8))
    (tmp_path / "CT" / "self.png").symlink_to("self.png")
    deep = "/".join(["a"] * 40)
    (tmp_path / deep).mkdir(parents=True)
    with pytest.warns(SkippedFilesWarning):
        skipped = dict(load_pairs(tmp_path).skipped)
    assert "link to nothing" in skipped["CT/self.png"]
    assert "below 32 folders" in skipped["/".join(["a"] * 32)]


def test_dicom_behind_a_link_to_its_folder_is_read(tmp_path):
    images = np.random.default_rng(0).integers(0, 99, (3, 12, 12))
    for modality in ("CT", "MR"):
        write_dicom(tmp_path / "store", "anna", modality, images, PixelSpacing=[9, 9])
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "anna").symlink_to(tmp_path / "store" / "anna")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = load_volume_pairs(tmp_path / "study", skip_empty=False)
    np.testing.assert_array_equal(found.data[:, 0], images)
