"""From arguments to pairs and pipelines."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from sklearn.utils import Bunch

from ctmri_detect._threads import threads_allowed
from ctmri_detect.cli import _early as early
from ctmri_detect.cli._messages import note, tell
from ctmri_detect.datasets import load_pairs, load_volume_pairs
from ctmri_detect.exceptions import BrainNotFoundWarning
from ctmri_detect.io.volumes.pseudonym import read_key
from ctmri_detect.pairs import Pairs
from ctmri_detect.preprocessing import BrainMask

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

    What can be refused without reading them all is refused first. `labelled`: labels and patients
    are needed, as a benchmark does; `units`: those that a model takes, an empty one allows any;
    `cache`: the file that pairs too many for `early.IN_MEMORY` go to, instead of into memory.
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
    cache = cache if early.are_many(args, found) else None
    early.check_memory(args, found, cache)
    early.check_units(args, found, units)
    if found.attrs["kind"] != "slices":
        pairs = load_volume_pairs(
            args.folder,
            patient=args.patient,
            labels=args.labels,
            sequence=args.sequence,
            slice_spacing=args.slice_spacing,
            size=args.image_size,
            gaps=args.gaps,
            key=key,
            cache=cache,
        )
    else:
        pairs = load_pairs(
            args.folder,
            patient=args.patient,
            labels=args.labels,
            size=args.image_size,
            sequence=args.sequence,
            cache=cache,
            n_jobs=threads_allowed(),
        )
    if args.ct_units != "auto":
        pairs.ct_units = args.ct_units
        pairs.data = pairs.data.replace(ct_units=args.ct_units)
    early.refuse_units(pairs.ct_units, units)
    if args.below_skull_base != "keep":
        _mark(pairs)
    if args.below_skull_base == "drop":
        _drop(pairs)
    return pairs


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
    names = pairs.frame["ct"][below].astype(str)
    pairs.skipped = [*pairs.skipped, *((name, "below the skull base") for name in names)]
    for name in ("data", "target", "groups", "masks"):
        if pairs.get(name) is not None:
            pairs[name] = pairs[name][~below]
    pairs.frame = pairs.frame[~below].reset_index(drop=True)
    tell(f"left out {below.sum()} of {len(below)} pairs: they lie below the skull base")


def write_skipped(skipped: list[tuple[str, str]], folder: Path) -> None:
    """What was not used, and why; the file is there even where all was."""
    pd.DataFrame(skipped, columns=["file", "reason"]).to_csv(folder / "skipped.csv", index=False)
