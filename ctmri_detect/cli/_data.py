"""Pairs and pipelines by the arguments of a command."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch

from ctmri_detect._threads import threads_allowed
from ctmri_detect.cli import _early as early
from ctmri_detect.cli import _memory as memory
from ctmri_detect.cli._messages import note, tell
from ctmri_detect.datasets import load_pairs, load_volume_pairs
from ctmri_detect.exceptions import BrainNotFoundWarning, DataLoadingError
from ctmri_detect.io.volumes.pseudonym import read_key
from ctmri_detect.layouts.planes import Planes, first_file
from ctmri_detect.modalities import DEFAULT_MODALITIES
from ctmri_detect.pairs import Pairs
from ctmri_detect.preprocessing import BrainMask, make_preprocessor

MARKS = ("brain_share", "below_skull_base")
"""Columns of the frame that say which pairs lie below the skull base."""


def read_pairs(
    args: argparse.Namespace,
    *,
    labelled: bool = False,
    units: Iterable[str] = (),
    cache: Path | None = None,
) -> Bunch:
    """The pairs of the folder, slices or volumes, with the units that the user says they have.

    What can be refused without reading all images is refused first. `labelled`: labels and
    patients are needed, as in a benchmark. `units`: those that a model takes; empty allows any.
    `cache`: the file to which pairs go if they need more memory than `memory.AT_ONCE`.
    """
    key = key_of(args)
    note(f"reading {args.folder}", quiet=args.quiet)
    found = early.look(args)
    if key and found.attrs["kind"] != "dicom" and not getattr(args, "pseudonyms", False):
        raise ValueError(
            f"--key makes the pseudonyms of DICOM patients, and {args.folder} holds "
            f"{found.attrs['kind']}, which keep their names. Leave --key out."
        )
    if labelled:
        early.check_labelled(args, found)
    planes = Planes.wanted(args.modality, args.sequence)
    has_ct = "ct" in planes.names
    _check_ct(args, planes)
    cache = memory.cache_needed(args, found, cache)
    if has_ct:
        early.check_units(args, found, units)
    try:
        pairs = _load(args, found.attrs["kind"], key, cache)
    except DataLoadingError as error:
        raise DataLoadingError(f"{error}{early.fitted_on(args)}") from error
    pairs.patient_is_column = found.attrs["patient_is_column"]
    if has_ct:
        if args.ct_units != "auto":
            pairs.ct_units = args.ct_units
            pairs.data = pairs.data.replace(ct_units=args.ct_units)
        early.refuse_units(pairs.ct_units, units)
    if args.below_skull_base != "keep":
        _mark(pairs)
    if args.below_skull_base == "drop":
        _drop(pairs)
    return pairs


def _load(args: argparse.Namespace, kind: str, key: bytes | None, cache: Path | None) -> Bunch:
    common = {"patient": args.patient, "labels": args.labels, "size": args.image_size}
    common |= {"sequence": args.sequence, "modality": args.modality, "cache": cache}
    if kind == "slices":
        return load_pairs(args.folder, **common, n_jobs=threads_allowed())
    return load_volume_pairs(
        args.folder, slice_spacing=args.slice_spacing, gaps=args.gaps, key=key, **common
    )


def preprocessor(args: argparse.Namespace, pairs: Bunch) -> Pipeline:
    """The preprocessing of these pairs, by their units, --size and --mask."""
    steps = make_preprocessor(ct_units=pairs.ct_units or "hu", size=args.size)
    return steps.set_params(brainmask__source=args.mask)


def samples(pairs: Bunch, n: int) -> str:
    """The number of pairs in words, or of samples of other planes.

    Examples
    --------
    >>> samples(Bunch(data=Bunch(modalities=("CT", "T1"))), 3)
    '3 samples (CT, T1)'
    """
    names = tuple(pairs.data.modalities)
    return f"{n} pairs" if names == DEFAULT_MODALITIES else f"{n} samples ({', '.join(names)})"


def _check_ct(args: argparse.Namespace, planes: Planes) -> None:
    """Refuse arguments that need a CT where there is none."""
    if "ct" in planes.names:
        return
    names = ", ".join(planes.modalities)
    if getattr(args, "mask", "observed") != "observed":
        raise ValueError(
            f"The brain is found in the CT, and {names} have none; expected images with the brain "
            "cut out (by SynthStrip or HD-BET, say) and a background of 0. If they are, pass "
            "--mask observed."
        )
    if args.below_skull_base != "keep":
        raise ValueError(f"--below-skull-base needs a CT, and {names} have none. Leave it out.")


def key_of(args: argparse.Namespace) -> bytes | None:
    """The key in the file that --key names; None without."""
    return None if args.key is None else read_key(args.key)


def _mark(pairs: Bunch) -> None:
    """Give the frame the columns `brain_share` and `below_skull_base`."""
    step = BrainMask(ct_units=pairs.ct_units, below_skull_base="mark")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BrainNotFoundWarning)  # these are marked
        marked = Pairs(step.fit_transform(pairs.data)).frame
    assert marked is not None
    pairs.frame = pairs.frame.reset_index(drop=True).join(marked[list(MARKS)])


def _drop(pairs: Bunch) -> None:
    """Leave out the marked pairs, with their labels; they count as skipped."""
    below = pairs.frame["below_skull_base"].to_numpy()
    if below.all():
        raise ValueError(
            f"All {len(below)} pairs lie below the skull base, so none is left; expected pairs "
            "that show brain. Look at them with 'ctmri-detect inspect', or keep them: "
            "--below-skull-base keep."
        )
    names = [first_file(row) for _, row in pairs.frame[below].iterrows()]
    pairs.skipped = [*pairs.skipped, *((name, "below the skull base") for name in names)]
    for name in ("data", "target", "groups", "masks"):
        if pairs.get(name) is not None:
            pairs[name] = pairs[name][~below]
    pairs.frame = pairs.frame[~below].reset_index(drop=True)
    tell(f"left out {below.sum()} of {len(below)} pairs: they lie below the skull base")


def write_skipped(skipped: list[tuple[str, str]], folder: Path) -> None:
    """Write the files that were not used, and why; the table is empty where all were."""
    pd.DataFrame(skipped, columns=["file", "reason"]).to_csv(folder / "skipped.csv", index=False)
