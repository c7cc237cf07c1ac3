"""Layouts of folders, with patients of any name, missing partners, and files that are none."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from ..case import Case, kind
from ..folders import SEQUENCES, WORDS, Tree, expect, pair, slice_file

PLAIN = ("patient01", "patient2", "sub-3", "sub-04", "case_7", "patient15")
LOOSE = ("anna", "Müller", "bob", "Ángel", "zoë", "李雷", "Ольга", "نور")
TRICKY = ("PD01", "CT01", "MR01", "T2_05", "MRI3", "FLAIR2", "CT-17", "T1w9")
Names = Callable[[str, int, str], tuple[str, str]]


def _folders(ct: str, mri: str) -> dict[str, Names]:
    """Where the CT and the MRI of a patient's slice lie, by layout."""
    return {
        "modality above": lambda p, k, end: (f"{ct}/{p}/{k}{end}", f"{mri}/{p}/{k}{end}"),
        "modality below": lambda p, k, end: (f"{p}/{ct}/{k}{end}", f"{p}/{mri}/{k}{end}"),
        "site above": lambda p, k, end: (f"siteA/{p}/{ct}/{k}{end}", f"siteA/{p}/{mri}/{k}{end}"),
        "visit": lambda p, k, end: (f"{p}/v1/{ct}/{k}{end}", f"{p}/v1/{mri}/{k}{end}"),
    }


def decoys(case: Case, tree: Tree) -> None:
    """Files that nobody asked for, beside the images or above them."""
    places = [name.rpartition("/")[0] for name in tree.numbers] or [""]
    for _ in range(case.whole(0, 4)):
        place = case.choice(*places)
        name = case.choice(
            ".DS_Store", "Thumbs.db", "._1.png", "desktop.ini", "README.txt", "notes.json",
            ".hidden/1.png",
            "__MACOSX/1.png", "1_mask.png", "masks/1.png", "list.csv", ".1.png.swp",
        )  # fmt: skip
        name = f"{place}/{name}" if place else name
        if name not in tree.numbers:
            case.write(name, b"no image")


def fill(case: Case, names: Names, patients: list[str], *, told: bool) -> Tree:
    """Slices of the patients; some have no partner, some files are decoys."""
    tree, end = Tree(), case.choice(".png", ".png", ".PNG")
    for patient in patients:
        for k in range(1, case.whole(1, 3) + 1):
            ct, mri = names(patient, k, end)
            if case.chance(0.15):
                slice_file(case, tree, case.choice(ct, mri))
            else:
                pair(case, tree, ct, mri, patient if told else None)
    if not tree.pairs:
        pair(case, tree, *names(patients[0], 99, end), patients[0] if told else None)
    decoys(case, tree)
    return tree


def some(case: Case, names: tuple[str, ...], least: int = 2) -> list[str]:
    """Some of these, in any order."""
    order = case.rng.permutation(len(names))[: case.whole(least, 3)]
    return [names[i] for i in order]


@kind(4)
def folders_of_patients(case: Case) -> None:
    mri = case.choice(*WORDS["mri"])
    names = _folders(case.choice(*WORDS["ct"]), mri)
    layout = case.choice(*names)
    tree = fill(case, names[layout], some(case, PLAIN), told=True)
    expect(case, tree, patients=True, sequence=SEQUENCES.get(mri))


@kind(3)
def folders_of_any_name(case: Case) -> None:
    names = _folders("CT", "MRI")
    layout = case.choice(*names)
    expect(case, fill(case, names[layout], some(case, LOOSE), told=False))


@kind(4)
def patients_named_like_modalities(case: Case) -> None:
    """PD01, CT01, MR01 are three people, and none of them names a sequence."""
    names = _folders("CT", "MRI")
    layout = case.choice("modality below", "modality above", "site above")
    tree = fill(case, names[layout], some(case, TRICKY), told=True)
    several = len({tree.patients[ct] for ct, _ in tree.pairs}) > 1  # one may be any folder
    expect(case, tree, patients=several and layout != "modality above")


@kind(2)
def names_with_a_modality(case: Case) -> None:
    mri = case.choice("mri", "MR", "t1", "T2", "flair")
    ct = case.choice("ct", "CT")
    between = case.choice("_", "-", ".")
    form: Names = case.choice(
        lambda p, k, end: tuple(f"{p}{between}{m}{between}{k:03}{end}" for m in (ct, mri)),
        lambda p, k, end: tuple(f"{p}{between}{k:03}{between}{m}{end}" for m in (ct, mri)),
        lambda p, k, end: tuple(f"{m}{between}{p}{between}{k:03}{end}" for m in (ct, mri)),
        lambda p, k, end: tuple(f"x/{p}/{m}{between}{k}{end}" for m in (ct, mri)),
    )
    patients = some(case, ("p01", "p2", "case16", "anna", "bob"))
    expect(case, fill(case, form, patients, told=False))


@kind(2)
def siblings_by_modality(case: Case) -> None:
    """case1_ct/7.png and case1_mri/7.png: the word is cut out of the folder."""
    between = case.choice("_", "-", " ")
    form: Names = lambda p, k, end: tuple(  # noqa: E731
        f"{p}{between}{m}/{k}{end}" for m in ("ct", "mri")
    )
    expect(case, fill(case, form, some(case, ("case1", "case2", "anna", "x9")), told=False))


@kind()
def cyclegan(case: Case) -> None:
    tree = Tree()
    for split in ("train", "test"):
        for k in range(1, case.whole(1, 4) + 1):
            pair(case, tree, f"{split}A/ct{k}.png", f"{split}B/mri{k}.png")
    expect(case, tree)


@kind(3)
def bids(case: Case) -> None:
    """In BIDS the suffix alone decides, whatever subject, session and acquisition are called."""
    suffix, sequence = case.choice(("T1w", "t1"), ("T2w", "t2"), ("FLAIR", "flair"), ("PDw", "pd"))
    session = case.choice("", "ses-1", "ses-T2", "ses-preCT", "ses-MR")
    entity = case.choice("", "_acq-3d", "_acq-postCT", "_run-1")
    tree = Tree()
    for label in some(case, ("01", "PD01", "CT01", "MR01", "a", "T2x", "ctl5")):
        above = f"sub-{label}/{session}/" if session else f"sub-{label}/"
        stem = f"sub-{label}_{session}" if session else f"sub-{label}"
        both = (f"{above}ct/{stem}{entity}_ct.png", f"{above}anat/{stem}{entity}_{suffix}.png")
        pair(case, tree, *both, f"sub-{label}")
        case.write(both[1].replace(".png", ".json"), b"{}")
    expect(case, tree, patients=True, sequence=sequence)


@kind(2)
def patients_by_expression(case: Case) -> None:
    tree = Tree()
    for patient in some(case, ("a17", "b3", "k200", "q5")):
        for k in range(case.whole(1, 3)):
            name = f"scan_{patient}_{k}.png"
            pair(case, tree, f"CT/{name}", f"MRI/{name}", patient)
    rule = {"patient": r"scan_([a-z]\d+)_"}
    case.options = {
        "find_pairs": dict(rule),
        "load_pairs": dict(rule),
        "describe_pairs": dict(rule),
    }
    expect(case, tree, patients=True)


@kind(2)
def unicode_forms(case: Case) -> None:
    """One name in two forms of Unicode is one name; names are shown as they are."""
    tree = Tree()
    for name in some(case, ("Zoë", "Ångström", "Việt", "Jürgen", "한글", "がぎ")):
        forms = ["NFC", "NFD"]
        ct, mri = (unicodedata.normalize(case.choice(*forms), name) for _ in range(2))
        where = case.choice("folder", "file")
        for k in range(case.whole(1, 2)):
            both = (f"CT/{ct}/{k}.png", f"MRI/{mri}/{k}.png")
            if where == "file":
                both = (f"CT/{ct}_{k}.png", f"MRI/{mri}_{k}.png")
            pair(case, tree, *both)
    expect(case, tree)


@kind(2)
def unusual_spaces(case: Case) -> None:
    """No-break, ideographic and narrow spaces, and joiners, are parts of readable names."""
    tree = Tree()
    space = case.choice(" ", "\u00a0", "\u3000", "\u202f", "\u2009", "\u200c", "\u200d", "\u00ad")
    for patient in (f"山田{space}太郎", f"Jean{space}Luc"):
        for k in range(case.whole(1, 2)):
            pair(case, tree, f"CT/{patient}/{k}.png", f"MRI/{patient}/{k}.png")
    expect(case, tree)
