"""Hostile names, special files, permissions, depths, and mixtures of anything."""

from __future__ import annotations

import os

import numpy as np

from ..case import Case, kind
from ..expect import error_says, pairs_are
from ..folders import Tree, expect, named, pair, slice_file, two
from ..slices import noise, npy
from .damage import DAMAGES


@kind(2)
def unreadable_names(case: Case) -> None:
    """Names that are no text: control characters, bytes that are no UTF-8."""
    tree = Tree()
    two(case, tree)
    name = case.choice(
        b"a\nb.png", b"a\tb.png", b"\xff\xfe.png", b"caf\xe9.png", b"a\x1b[31mb.png", b"\x7f.png"
    )
    path = os.fsencode(case.folder / "CT") + b"/" + name
    with open(path, "wb") as file:
        file.write(case.rng.bytes(20))
    shown = ascii("CT/" + os.fsdecode(name))[1:-1]
    expect(case, tree)
    case.expect(named(shown, "no readable text"))


@kind(2)
def long_and_odd_names(case: Case) -> None:
    tree = Tree()
    stem = case.choice(
        "x" * 240, "-rf", "a;b|c&d", "%s%n{0}", "'\"`$(id)", "CON", "<b>bold<b>", "a" * 100 + "1",
        "~", "#1", "*",
        "[1]", "a..b", "1.2.840", "e\u0301" * 40, "9" * 200, "٣٤", "²", "①", "x\\y", "1e5", "😀",
        "\u202eexe", "nan", "None", "null", "-1", "\uff11\uff12", "İ", "ß",
    )  # fmt: skip
    pair(case, tree, f"CT/{stem}.png", f"MRI/{stem}.png")
    pair(case, tree, "CT/good.png", "MRI/good.png")
    expect(case, tree)


@kind(2)
def special_files(case: Case) -> None:
    """Pipes, sockets, devices, and folders named like images: none is opened, none hangs."""
    tree = Tree()
    two(case, tree)
    form = case.choice("pipe", "link to pipe", "device", "folder", "zero")
    if form == "pipe":
        os.mkfifo(case.path("CT/3.png"))
    elif form == "link to pipe":
        os.mkfifo(case.folder / "pipe.nii")
        case.path("MRI/3.dcm").symlink_to("../pipe.nii")
    elif form == "folder":
        case.path("CT/3.png/deep/x.txt").write_text("x")
    else:
        case.path("CT/3.png").symlink_to("/dev/zero" if form == "zero" else "/dev/null")
    slice_file(case, tree, "MRI/4.png")
    expect(case, tree)


@kind(4)
def no_permission(case: Case) -> None:
    """Files and folders that may not be read, for somebody who is not root."""
    tree = Tree()
    two(case, tree)
    case.unprivileged = True
    form = case.choice("file", "below", "all", "above", "link", "dicom")
    closed = case.folder / "closed"
    if form == "file":
        for name in ("CT/3.png", "MRI/3.png"):
            slice_file(case, tree, name)
        tree.pairs.add(("CT/3.png", "MRI/3.png"))
        odd = case.choice("CT/3.png", "MRI/3.png")
        (case.folder / odd).chmod(0)
        case.expect(named(odd, "Permission denied"))
        case.expect(pairs_are(tree.pairs))
    elif form in ("below", "dicom"):
        slice_file(case, tree, "closed/CT/1.png")
        if form == "dicom":
            case.write("closed/CT/1.dcm", b"\0" * 128 + b"DICM")
        closed.chmod(case.choice(0o000, 0o311))
        expect(case, tree)
        case.expect(named("closed", "can't be read"))
    elif form == "link":
        slice_file(case, tree, "closed/1.png")
        case.path("CT/3.png").symlink_to("../closed/1.png")
        closed.chmod(0)
        expect(case, tree)
        case.expect(named("CT/3.png", "link to nothing"))
    else:
        case.target = case.folder if form == "all" else case.folder / "CT"
        case.folder.chmod(case.choice(0o000, 0o311) if form == "all" else 0)
        for call in ("find_pairs", "load_pairs", "load_volume_pairs", "describe_pairs"):
            case.expect(error_says(call, "can't be read|no folder"))


@kind()
def closed_dicom(case: Case) -> None:
    """DICOM files that may not be read are named by the reason."""
    case.unprivileged = True
    for name in ("a/1.dcm", "a/2.dcm", "a/3.dcm"):
        case.write(name, b"\0" * 128 + b"DICM")
        (case.folder / name).chmod(0)
    case.expect(error_says("load_volume_pairs", "Permission denied"))


@kind()
def deep(case: Case) -> None:
    tree = Tree()
    two(case, tree)
    levels = case.choice(5, 20, 29, 31, 60)
    place = "/".join(["a"] * levels)
    both = (f"{place}/CT/1.png", f"{place}/MRI/1.png")
    for name in both:
        slice_file(case, tree, name)
    if levels < 30:
        tree.pairs.add(both)
        tree.patients[both[0]] = None
    expect(case, tree)
    if levels == 60:
        case.expect(named("/".join(["a"] * 32), "32 folders"))


@kind()
def many_files(case: Case) -> None:
    tree = Tree()
    image = npy(noise(case, np.uint8, (4, 4)))
    for k in range(case.choice(300, 1000)):
        case.write(f"other/{k}.txt", b"")
        case.write(f"CT/x/{k}.npy", image) if k % 100 == 0 else None
    two(case, tree)
    case.expect(pairs_are(tree.pairs))


@kind(2)
def no_folder(case: Case) -> None:
    """What is no folder, is empty, or holds no image, is said to be so."""
    form = case.choice("file", "missing", "empty", "text", "link", "hidden", "empty folders")
    if form == "file":
        case.write("x.png", b"x")
        case.target = case.folder / "x.png"
    elif form == "missing":
        case.target = case.folder / "no\0where" if case.chance(0.2) else case.folder / "nowhere"
    elif form == "text":
        case.write("a/b.txt", b"hello")
    elif form == "link":
        (case.folder / "loop").symlink_to("loop")
        case.target = case.folder / "loop"
    elif form == "hidden":
        case.write(".git/CT/1.png", b"x")
    elif form == "empty folders":
        case.path("CT/x").mkdir()
        case.path("MRI/x").mkdir()
    for call in ("find_pairs", "load_pairs", "load_volume_pairs", "describe_pairs"):
        case.expect(error_says(call, "folder|holds no"))


@kind(4)
def anything_anywhere(case: Case) -> None:
    """Names and contents drawn at random; nothing is known but that it must not break."""
    words = (
        "CT",
        "MRI",
        "ct",
        "t2",
        "sub-01",
        "anat",
        "p1",
        "mask",
        "1",
        "x",
        "trainA",
        "label",
        "12",
    )
    ends = (
        ".png",
        ".nii",
        ".nii.gz",
        ".dcm",
        "",
        ".npy",
        ".tif",
        ".json",
        ".mha",
        ".hdr",
        ".img",
        ".mgz",
    )
    plain = npy(noise(case))
    for _ in range(case.whole(1, 14)):
        folders = [case.choice(*words) for _ in range(case.whole(0, 3))]
        stem = case.choice("_", "-", "").join(case.choice(*words) for _ in range(case.whole(1, 3)))
        name = "/".join([*folders, stem + case.choice(*ends)])
        content = case.choice(
            plain, plain, b"", case.choice(*DAMAGES)(case, plain), b"\0" * 128 + b"DICM"
        )
        try:
            case.write(name, content)
        except OSError:  # a folder of this name is there
            continue
