"""Labels files: headers, codings, separators, encodings, and names in all the forms people use."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..case import Case, Check, Outcomes, kind
from ..expect import error_says
from ..folders import Tree, pair


def folder(case: Case) -> tuple[Tree, list[str]]:
    """Some pairs, and the names of the CT in order."""
    tree = Tree()
    for k in range(1, case.whole(3, 6) + 1):
        pair(case, tree, f"CT/a_{k}.png", f"MRI/a_{k}.png")
    return tree, sorted(ct for ct, _ in tree.pairs)


def targets_are(right: dict[str, int]) -> Check:
    """`load_pairs` gives these labels, and leaves out what has none."""

    def check(out: Outcomes) -> Iterator[str]:
        outcome = out["load_pairs"]
        if outcome.value is None:
            yield f"load_pairs: {outcome.text[:300]}"
        elif outcome.value.target is None:
            yield "the labels are dropped without a word"
        else:
            found = dict(zip(outcome.value.frame["ct"], outcome.value.target.tolist(), strict=True))
            if found != right:
                yield f"labels {found}, should be {right}"

    return check


def write(case: Case, text: str, encoding: str = "utf-8") -> None:
    """The labels file, inside the folder or outside of it."""
    inside = case.chance(0.5)
    path = case.folder / "labels.csv" if inside else case.folder.parent / "labels.csv"
    path.write_bytes(text.encode(encoding))
    case.options["load_pairs"] = {"labels": case.choice("labels.csv", path) if inside else path}


CODES = {
    "target": ("1", "-1"), "Target": ("1", "-1"), "label": ("+1", "-1"), "Label": ("1", "-1"),
    "lesion": ("0", "1"), " lesion": ("0", "1"), "Lesion": ("False", "True"),
    "LESION ": ("false", "true"),
    "label ": ("1.0", "-1.0"),
}  # fmt: skip


def forms(case: Case, ct: str) -> str:
    """The name of a file, as somebody may write it."""
    bare = ct.removesuffix(".png")
    mri = ct.replace("CT/", "MRI/")
    return case.choice(
        ct, bare, f"./{ct}", ct.replace("/", "\\"), mri, f"/data/x/{ct}", f" {ct} ", f"{bare}.jpg"
    )


@kind(4)
def good(case: Case) -> None:
    """Every way to write a header, a coding and a name that says what is meant."""
    _, files = folder(case)
    column = case.choice(*CODES)
    header = [case.choice("file", "File", " file", "FILE"), column]
    right = {file: int(case.choice(1, -1)) for file in files}
    rows = [[forms(case, file), CODES[column][value == -1]] for file, value in right.items()]
    for row in rows:  # columns that say nothing here
        row.insert(1, case.choice("x", "", "12"))
    header.insert(1, "note")
    order = case.rng.permutation(len(rows))
    end = case.choice("\n", "\r\n")
    text = end.join(",".join(row) for row in [header, *(rows[i] for i in order)])
    write(case, text + case.choice("", end, end * 3), case.choice("utf-8", "utf-8-sig"))
    case.expect(targets_are(right))


@kind(2)
def some_without_a_row(case: Case) -> None:
    _, files = folder(case)
    right = {file: int(case.choice(1, -1)) for file in files[1:]}
    lines = ["file,target", *(f"{file},{value}" for file, value in right.items()), "CT/zz.png,1"]
    write(case, "\n".join(lines))
    case.expect(targets_are(right))


@kind(3)
def wrong_codings(case: Case) -> None:
    """0/1 as target, words, gaps and numbers that mean nothing are refused."""
    _, files = folder(case)
    column, values = case.choice(
        ("target", ("0", "1")), ("target", ("normal", "ill")), ("label", ("1", "")),
        ("label", ("1", "nan")),
        ("lesion", ("0", "")), ("lesion", ("1", "-1")), ("lesion", ("0", "2")),
        ("lesion", ("yes", "maybe")),
        ("target", ("1", "-1.5")), ("target", ("True", "False")), ("label", ("1", "inf")),
        ("Label", ("0", "1")), ("target", ("1", "1e999")), (" lesion ", ("", "")),
    )  # fmt: skip
    rows = [f"{file},{values[i % 2]}" for i, file in enumerate(files)]
    write(case, "\n".join([f"file,{column}", *rows]))
    case.expect(error_says("load_pairs", column.strip()))


@kind(2)
def other_separators(case: Case) -> None:
    """Tables as spreadsheets of other countries write them: read right, or refused by name."""
    _, files = folder(case)
    right = {file: int(case.choice(1, -1)) for file in files}
    sign = case.choice(";", "\t", "|", " , ")
    lines = [sign.join(("file", "target")), *(sign.join((f, str(v))) for f, v in right.items())]
    write(case, "\n".join(lines))

    def check(out: Outcomes) -> Iterator[str]:
        refused = out["load_pairs"].error is not None
        yield from (error_says("load_pairs", "file.*target") if refused else targets_are(right))(
            out
        )

    case.expect(check)


@kind(3)
def no_column_that_fits(case: Case) -> None:
    """No header, other words: the columns that are there are named."""
    _, files = folder(case)
    lines, words = case.choice(
        (["file,diagnosis", *(f"{f},1" for f in files)], "diagnosis"),
        (["file,lesions", *(f"{f},1" for f in files)], "lesions"),
        (["name,target", *(f"{f},1" for f in files)], "name"),
        ([*(f"{f},1" for f in files)], "file"),
        (["file", *files], "file"),
    )
    write(case, "\n".join(lines))
    case.expect(error_says("load_pairs", words))


@kind(3)
def ambiguous_or_double(case: Case) -> None:
    tree = Tree()
    for patient in ("p1", "p2"):
        for k in (1, 2):
            pair(case, tree, f"{patient}/CT/{k}.png", f"{patient}/MRI/{k}.png")
    lines, words = case.choice(
        (["1.png,1", "2.png,1"], "fits 2 pairs"),
        (["p1/CT/1.png,1", "p1/CT/1.png,-1"], "more than once"),
        (["p1/CT/1.png,1", "p1/MRI/1.png,1"], "more than once"),
        (["p1/CT/1.png,1", "p1/CT/1,1"], "more than once"),
    )
    write(case, "\n".join(["file,target", *lines]))
    case.expect(error_says("load_pairs", words))


@kind(3)
def damaged(case: Case) -> None:
    """Files that are no table, in any encoding; nothing gets out but an error that says so."""
    _, files = folder(case)
    whole = "\n".join(["file,target", *(f"{f},1" for f in files)])
    content = case.choice(
        b"", b"\n\n\n", b"\0" * 100, case.rng.bytes(300), whole.encode("utf-16"),
        whole.encode("utf-32"),
        b"file,target\n" + b"\xe9\xff,1\n", b'file,target\n"a,1\n' * 3,
        b"file,target\n1,2,3,4\n5\n",
        b"PK\x03\x04" + case.rng.bytes(100), b"file,target\n" + b"x" * 100000 + b",1",
        b"file,file,target\n1,2,3\n", b"file,target,target\na,1,-1\n", b"{}", b"file\0,target\n",
        b",,,\n,,,",
        whole.encode()[: case.whole(0, len(whole))], b"file,target\r" * 5, b"\xef\xbb\xbf",
    )  # fmt: skip
    path = case.folder / "labels.csv"
    path.write_bytes(content)
    case.options["load_pairs"] = {"labels": path}


@kind()
def no_file(case: Case) -> None:
    folder(case)
    form = case.choice("missing", "folder", "link")
    path = case.folder / "labels.csv"
    if form == "folder":
        path.mkdir()
    elif form == "link":
        path.symlink_to("labels.csv")
    case.options["load_pairs"] = {"labels": path}
    case.expect(error_says("load_pairs", "labels"))


@kind(2)
def patients_by_column(case: Case) -> None:
    """Patients out of the table stay text: 007 is no 7."""
    _, files = folder(case)
    right = {file: case.choice("007", "7", "1e5", "anna", "0", "12.0") for file in files}
    lines = ["file,who,target", *(f"{file},{who},1" for file, who in right.items())]
    write(case, "\n".join(lines))
    case.options["load_pairs"]["patient"] = "who"

    def check(out: Outcomes) -> Iterator[str]:
        found = out["load_pairs"]
        if found.value is None:
            yield f"load_pairs: {found.text[:300]}"
        elif found.value.groups is None or not np.array_equal(
            found.value.groups, [right[ct] for ct in found.value.frame["ct"]]
        ):
            yield f"patients {found.value.groups}, should be {list(right.values())}"

    case.expect(check)
