""".npy: types, orders, shapes, versions of the header, and headers that lie."""

from __future__ import annotations

import io
import struct

import numpy as np

from ..case import Case, kind
from ..expect import slice_refused
from ..slices import noise, npy, odd_slice, place
from .tiff import rounding

_TYPES = ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8", "longdouble", "?")


@kind(4)
def all_types(case: Case) -> None:
    image = noise(case, case.choice(*_TYPES))
    if case.chance(0.4):
        image = image.astype(image.dtype.newbyteorder(">"))
    form = np.asfortranarray(image) if case.chance(0.4) else image
    if case.chance(0.2):
        form = form[..., None]
    file = io.BytesIO()
    version = case.choice((1, 0), (2, 0), (3, 0))
    np.lib.format.write_array(file, form, version=version)
    right = image.astype(float) if image.dtype == bool else image
    odd_slice(case, case.choice(".npy", ".NPY"), file.getvalue(), right, rounding(image))


@kind()
def not_a_number(case: Case) -> None:
    image = noise(case, case.choice("f2", "f4", "f8"), (9, 11))
    image[case.rng.random(image.shape) < case.choice(0.05, 0.5, 0.9)] = np.nan
    image[0, :2] = (1, 2)
    odd_slice(case, ".npy", npy(image), image, 1e-4)


@kind(2)
def no_slice(case: Case) -> None:
    values = case.choice(
        np.ones((8, 8)), np.full((8, 8), np.nan), np.zeros((0, 8)), np.zeros(()), np.arange(9.0),
        np.zeros((4, 8, 8)), np.ones((8, 8), dtype=complex), np.array([["a", "b"]] * 8),
        np.zeros((8, 8), dtype="M8[s]"), np.zeros((8, 8), dtype=[("a", "f4"), ("b", "i2")]),
        np.full((8, 8), np.inf), np.array([[1, np.inf], [0, 1]]), np.array([[1, -np.inf], [0, 1]]),
        np.array([[1e39, 0], [0, 1]]), np.array([[0, -1e300], [0, 1]]), np.ones((1, 1)),
        np.zeros((8, 8), dtype="V3"), np.zeros((8, 8, 3)), np.zeros((1, 1, 8, 8)),
        np.array([[np.nan, 3], [3, np.nan]]), np.zeros((8, 8), dtype="m8[D]"),
    )  # fmt: skip
    name = place(case, ".npy", (8, 8))
    case.write(name, npy(values))
    case.expect(slice_refused(name))


@kind()
def objects(case: Case) -> None:
    """Pickled objects, which could run code."""
    trap = case.folder.parent / "trap"
    image = np.array([[_Trap(str(trap)), 1], [2, 3]], dtype=object)
    file = io.BytesIO()
    np.save(file, image, allow_pickle=True)
    name = place(case, ".npy", (2, 2))
    case.write(name, file.getvalue())
    case.expect(slice_refused(name, "pickled"))
    case.expect(lambda out: iter(["code in a file was run"] if trap.exists() else []))


class _Trap:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return open, (self.path, "w")


@kind(2)
def header_lies(case: Case) -> None:
    shape = case.choice(
        "(8, 9)", "(2000000000, 2000000000)", "(-1, 8)", "(8, -8)", "(1e9, 8)", "(8.0, 8.0)",
        "(True, 64)", "(8, 8", "()", "(0, 0)", "(99999999999999999999, 8)", "(4096, 5000)",
    )  # fmt: skip
    kind_of = case.choice("<f4", "<f8", "|O", "<U9", "f", "<f3", "", ("(2,)<f4"))
    text = case.choice(
        f"{{'descr': '{kind_of}', 'fortran_order': False, 'shape': {shape}, }}",
        f"{{'descr': '<f4', 'fortran_order': 7, 'shape': {shape}}}",
        f"{{'descr': '<f4', 'shape': {shape}}}",
        "__import__('os').abort()",
        "(" * 5000,
        "{'descr': " + "[" * 300 + "]" * 300 + "}",
        "{'descr': [('a', '<f4', (99999999, 99999999))], 'fortran_order': False, 'shape': (8, 8)}",
        "",
        "\0" * 50,
        "{'descr': '<f4', 'fortran_order': False, 'shape': (8, 8), 'more': 1}",
    )
    head = text.encode().ljust(118) + b"\n"
    version = case.choice((1, 0), (2, 0), (3, 0), (9, 9))
    length = struct.pack("<H" if version == (1, 0) else "<I", len(head))
    name = place(case, ".npy", (8, 8))
    case.write(name, b"\x93NUMPY" + bytes(version) + length + head + b"\0" * 200)
    case.expect(slice_refused(name))


@kind()
def several_arrays(case: Case) -> None:
    file = io.BytesIO()
    case.choice(np.savez, np.savez_compressed)(file, noise(case))
    name = place(case, ".npy", (8, 8))
    case.write(name, file.getvalue())
    case.expect(slice_refused(name))
