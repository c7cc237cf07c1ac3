"""Files that are no slice: each ends in a short reason, and none in anything worse."""

from __future__ import annotations

import pickle
import struct
import warnings
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.io.images import read_grey, read_size

GREY = np.random.default_rng(0).integers(0, 255, (40, 30)).astype(np.uint8)
DEEP = GREY.astype(np.uint16) * 200


def chunk(kind, content):
    end = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + end


def png_of_size(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(
        b"IDAT", zlib.compress(b"\0" * 9)
    )  # fmt: skip


def npy_of_shape(path, shape, dtype="<f4"):
    with path.open("wb") as file:
        header = {"descr": dtype, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        file.write(b"\0" * 100)


def rgb(image):
    return np.dstack([image] * 3)


def pil(image, mode=None):
    picture = Image.fromarray(image)
    return picture if mode is None else picture.convert(mode)


GOOD = {
    "grey.png": (lambda p: pil(GREY).save(p), GREY),
    "grey.bmp": (lambda p: pil(GREY).save(p), GREY),
    "deep.png": (lambda p: pil(DEEP).save(p), DEEP),
    "palette.png": (lambda p: pil(GREY, "P").save(p), GREY),
    "colour.png": (lambda p: pil(rgb(GREY)).save(p), GREY),
    "alpha.png": (lambda p: pil(np.dstack([rgb(GREY), GREY[::-1]])).save(p), GREY),
    "grey_alpha.png": (
        lambda p: Image.merge("LA", [pil(GREY), pil(GREY[::-1].copy())]).save(p), GREY
    ),
    "deep_colour.png": (lambda p: cv2.imwrite(str(p), rgb(DEEP)), DEEP),
    "deep_alpha.png": (lambda p: cv2.imwrite(str(p), np.dstack([rgb(DEEP), DEEP])), DEEP),
    "bits.png": (
        lambda p: pil((GREY > 99).astype(np.uint8) * 255, "1").save(p), (GREY > 99) * 255
    ),
    "signed.tif": (
        lambda p: tifffile.imwrite(p, GREY.astype(np.int16) - 1000), GREY.astype(int) - 1000
    ),
    "double.tif": (lambda p: tifffile.imwrite(p, GREY.astype(float)), GREY),
    "big_end.tif": (lambda p: tifffile.imwrite(p, DEEP.astype(">u2"), byteorder=">"), DEEP),
    "white_is_zero.tif": (
        lambda p: tifffile.imwrite(p, GREY, photometric="miniswhite"), 255 - GREY
    ),
    "colour.tif": (lambda p: tifffile.imwrite(p, rgb(GREY), photometric="rgb"), GREY),
    "planar.tif": (
        lambda p: tifffile.imwrite(
            p, np.stack([GREY] * 3), photometric="rgb", planarconfig="separate"
        ),
        GREY,
    ),
    "lzw.tif": (lambda p: pil(DEEP).save(p, compression="tiff_lzw"), DEEP),
    "palette.tif": (lambda p: pil(GREY, "P").save(p), GREY),
    "big_end.npy": (lambda p: np.save(p, DEEP.astype(">u2")), DEEP),
    "channel.npy": (lambda p: np.save(p, GREY[..., None]), GREY),
    "png_named.jpg": (lambda p: pil(GREY).save(p, format="PNG"), GREY),
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_values_are_those_of_the_file(name, tmp_path):
    write, expected = GOOD[name]
    write(tmp_path / name)
    image = read_grey(tmp_path / name)
    assert image.dtype.isnative
    assert read_size(tmp_path / name) == image.shape
    np.testing.assert_array_equal(image, expected)
    if "deep" in name or "lzw" in name:
        assert image.dtype == np.uint16


def test_jpeg_in_cmyk_and_turned_by_exif(tmp_path):
    smooth = cv2.GaussianBlur(GREY, (0, 0), 4)
    pil(rgb(smooth)).convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    assert np.abs(read_grey(tmp_path / "a.jpg").astype(int) - smooth).max() < 8
    turn = Image.Exif()
    turn[0x0112] = 6  # to be shown turned by 90 degrees clockwise
    pil(smooth).save(tmp_path / "b.jpg", quality=95, exif=turn)
    image = read_grey(tmp_path / "b.jpg")
    assert read_size(tmp_path / "b.jpg") == image.shape == (30, 40)
    assert np.abs(image.astype(int) - np.rot90(smooth, -1)).max() < 8


def cut(path, write):
    write(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def loop_of_pages(path):
    entry = struct.pack("<HHII", 256, 4, 1, 10)
    path.write_bytes(
        b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 1) + entry + struct.pack("<I", 8)
    )


BAD = {
    "empty.png": (lambda p: p.write_bytes(b""), "the file is empty"),
    "text.png": (lambda p: p.write_text("hello"), "not PNG"),
    "text.tif": (lambda p: p.write_text("hello"), "not PNG"),
    "text.npy": (lambda p: p.write_text("hello"), "not PNG"),
    "cut.png": (lambda p: cut(p, lambda q: pil(GREY).save(q)), "unreadable"),
    "cut.jpg": (lambda p: cut(p, lambda q: pil(GREY).save(q)), "unreadable"),
    "cut.bmp": (lambda p: cut(p, lambda q: pil(GREY).save(q)), "unreadable"),
    "cut.tif": (lambda p: cut(p, lambda q: pil(GREY).save(q)), "unreadable"),
    "cut.npy": (lambda p: cut(p, lambda q: np.save(q, GREY)), "cut off, its header promises"),
    "cut_deep.png": (lambda p: cut(p, lambda q: cv2.imwrite(str(q), rgb(DEEP))), "unreadable"),
    "head.jpg": (lambda p: p.write_bytes(b"\xff\xd8\xff"), "its header is damaged"),
    "head.bmp": (lambda p: p.write_bytes(b"BM"), "its header is damaged"),
    "head.tif": (lambda p: p.write_bytes(b"II*\0" + b"\0" * 4), "unreadable|expected one slice"),
    "loop.tif": (loop_of_pages, "several pages"),
    "bomb.png": (lambda p: p.write_bytes(png_of_size(50000, 50000)), "50000x50000.*at most"),
    "no_width.png": (lambda p: p.write_bytes(png_of_size(0, 5)), "unreadable|expected one slice"),
    "one.png": (lambda p: pil(GREY[:1, :1].copy()).save(p), "constant"),
    "flat.png": (lambda p: pil(GREY * 0 + 7).save(p), "constant: every value is 7"),
    "frames.png": (
        lambda p: pil(GREY).save(p, save_all=True, append_images=[pil(GREY[::-1].copy())]),
        "several frames",
    ),
    "stack.tif": (lambda p: tifffile.imwrite(p, np.stack([GREY] * 5)), "several pages"),
    "objects.npy": (
        lambda p: np.save(p, np.array([{}, 1], dtype=object), allow_pickle=True),
        "refused: it holds pickled Python objects.*save an array of numbers",
    ),
    "pickle.npy": (lambda p: p.write_bytes(pickle.dumps(GREY)), "not PNG"),
    "huge.npy": (lambda p: npy_of_shape(p, (10**6, 10**6)), "cut off, its header promises"),
    "negative.npy": (lambda p: npy_of_shape(p, (-1, 4)), "unreadable"),
    "zero.npy": (lambda p: np.save(p, np.zeros((0, 4))), "expected one slice"),
    "scalar.npy": (lambda p: np.save(p, np.float32(3)), "expected one slice"),
    "two_planes.npy": (lambda p: np.save(p, np.dstack([GREY, GREY])), "expected one slice"),
    "three_slices.npy": (lambda p: np.save(p, rgb(GREY) * 1.0), "expected one slice"),
    "complex.npy": (lambda p: np.save(p, GREY * 1j), "expected real numbers"),
    "words.npy": (lambda p: np.save(p, np.array([["a", "b"]])), "expected real numbers"),
    "dates.npy": (lambda p: np.save(p, np.zeros((3, 3), "M8[s]")), "expected real numbers"),
    "nan.npy": (lambda p: np.save(p, np.full((3, 3), np.nan)), "nothing observed"),
    "inf.npy": (lambda p: np.save(p, np.where(GREY > 9, -np.inf, 1)), "infinite"),
    "large.npy": (lambda p: np.save(p, np.eye(3) * 1e300), "too large for float32"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_each_bad_file_has_its_reason(name, tmp_path):
    write, reason = BAD[name]
    write(tmp_path / name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DataLoadingError, match=reason) as caught:
            read_grey(tmp_path / name)
    assert str(tmp_path) not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_a_sparse_file_is_refused_by_its_header(tmp_path):
    with (tmp_path / "a.npy").open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (10**5, 10**5)}
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + 4 * 10**10)  # takes no room on the disk
    with pytest.raises(DataLoadingError, match="100000x100000"):
        read_grey(tmp_path / "a.npy")


def test_a_file_that_is_gone(tmp_path):
    with pytest.raises(DataLoadingError, match="unreadable: No such file") as caught:
        read_grey(tmp_path / "a.png")
    assert str(tmp_path) not in str(caught.value)
