"""Pictures as they are to be shown: upright, white brighter than black, one slice a file."""

from __future__ import annotations

import struct
import warnings

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from ctmri_detect.datasets import load_pairs

GREY = np.random.default_rng(0).integers(0, 255, (6, 6)).astype(np.uint8)
DEEP = GREY.astype(np.uint16) * 200 + 7
BITS = GREY > 99
SHOWN = {  # TIFF 6.0, page 36: where the stored first row and first column are to be seen
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: np.transpose,
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).T,
    8: np.rot90,
}
COMPRESSIONS = (None, "tiff_lzw", "tiff_adobe_deflate", "packbits")


def loaded(folder):
    """The slices of a folder's CT by name, and why the others were left out."""
    for path in (folder / "CT").iterdir():
        target = folder / "MRI" / path.name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(path.read_bytes())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they mix scales
        pairs = load_pairs(folder)
    np.testing.assert_array_equal(pairs.data[:, 0], pairs.data[:, 1])
    slices = {name[3:]: pair[0] for name, pair in zip(pairs.frame["ct"], pairs.data, strict=True)}
    return slices, {name: reason for name, reason in pairs.skipped if name.startswith("CT/")}


def deep_colour_lzw(path, orientation):
    """OpenCV writes LZW; the tag of the planes, which says nothing new, becomes the orientation."""
    cv2.imwrite(str(path), np.dstack([DEEP] * 3))
    with tifffile.TiffFile(path) as tiff:
        entry = tiff.pages[0].tags["PlanarConfiguration"].offset
    content = bytearray(path.read_bytes())
    content[entry : entry + 2] = struct.pack("<H", 274)
    content[entry + 8 : entry + 10] = struct.pack("<H", orientation)
    path.write_bytes(content)


def test_all_are_turned_upright(tmp_path):
    folder = tmp_path / "CT"
    folder.mkdir()
    expected = {}
    for code, turn in SHOWN.items():
        exif = Image.Exif()
        exif[0x0112] = code
        tag = [(274, "H", 1, code, True)]
        tifffile.imwrite(folder / f"plain{code}.tif", DEEP, extratags=tag)
        deep_colour_lzw(folder / f"lzw_colour{code}.tif", code)
        expected |= {f"{kind}{code}.tif": turn(DEEP) for kind in ("plain", "lzw_colour")}
        for compression in COMPRESSIONS[1:]:
            name = f"{compression}{code}.tif"
            Image.fromarray(DEEP).save(folder / name, compression=compression, tiffinfo={274: code})
            expected[name] = turn(DEEP)
        for kind, image in {"grey": GREY, "deep": DEEP, "bits": BITS}.items():
            name = f"{kind}{code}.png"
            Image.fromarray(image).save(folder / name, exif=exif)
            expected[name] = turn(image * (255 if image.dtype == bool else 1))
        colour = Image.fromarray(np.dstack([GREY] * 3))
        colour.save(folder / f"colour{code}.png", exif=exif)
        expected[f"colour{code}.png"] = turn(GREY)
    slices, skipped = loaded(tmp_path)
    assert not skipped
    assert set(slices) == set(expected)
    for name, image in expected.items():
        np.testing.assert_array_equal(slices[name], image, err_msg=name)


def test_where_0_is_white_white_is_the_larger_number(tmp_path):
    folder = tmp_path / "CT"
    folder.mkdir()
    white, expected = {262: 0}, {}
    for compression in COMPRESSIONS:
        # Pillow turns 1 and 8 bits round when it writes, 16 bits and floats not
        for kind, image, shown in (
            ("bits", BITS, BITS * 255),
            ("grey", GREY, GREY),
            ("deep", DEEP, 65535 - DEEP),
            ("float", GREY / np.float32(255), GREY / np.float32(-255)),
        ):
            name = f"{kind}_{compression}.tif"
            Image.fromarray(image).save(folder / name, compression=compression, tiffinfo=white)
            with tifffile.TiffFile(folder / name) as tiff:
                assert tiff.pages[0].photometric == tifffile.PHOTOMETRIC.MINISWHITE
            expected[name] = shown
    signed = DEEP.astype(np.int16)
    tifffile.imwrite(folder / "signed.tif", signed, photometric="miniswhite")
    expected["signed.tif"] = -1 - signed.astype(int)
    slices, skipped = loaded(tmp_path)
    assert not skipped
    for name, image in expected.items():
        np.testing.assert_array_equal(slices[name], image, err_msg=name)


def with_one_header(path):
    """As ImageJ writes stacks that are large: the chain of pages ends after the first."""
    tifffile.imwrite(path, np.stack([DEEP] * 4), imagej=True)
    with tifffile.TiffFile(path) as tiff:
        first, order = tiff.pages[0].offset, tiff.byteorder
    content = bytearray(path.read_bytes())
    entries = struct.unpack(f"{order}H", content[first : first + 2])[0]
    end = first + 2 + 12 * entries
    content[end : end + 4] = bytes(4)
    path.write_bytes(content)


STACKS = {
    "pages": lambda p: tifffile.imwrite(p, np.stack([DEEP] * 4), photometric="minisblack"),
    "imagej": lambda p: tifffile.imwrite(p, np.stack([DEEP] * 4), imagej=True),
    "one_header": with_one_header,
    "truncated": lambda p: tifffile.imwrite(
        p, np.stack([DEEP] * 4), photometric="minisblack", truncate=True
    ),
    "lzw": lambda p: Image.fromarray(DEEP).save(
        p, save_all=True, append_images=[Image.fromarray(DEEP)], compression="tiff_lzw"
    ),
}


@pytest.mark.parametrize("kind", STACKS)
def test_a_stack_is_no_slice(tmp_path, kind):
    (tmp_path / "CT").mkdir()
    tifffile.imwrite(tmp_path / "CT" / "one_slice.tif", DEEP, imagej=True)
    STACKS[kind](tmp_path / "CT" / "stack.tif")
    slices, skipped = loaded(tmp_path)
    np.testing.assert_array_equal(slices.pop("one_slice.tif"), DEEP)
    assert not slices
    assert "several pages, a stack or a volume; expected one slice" in skipped["CT/stack.tif"]
