"""``ctmri-detect benchmark``: detectors compared on labelled pairs or synthetic heads."""

from __future__ import annotations

import argparse

from sklearn.utils import Bunch

from ctmri_detect.cli._data import key_of, preprocessor, read_pairs, write_skipped
from ctmri_detect.cli._early import LABELS_NEEDED, PATIENTS_NEEDED
from ctmri_detect.cli._measure import measure, require_report, show
from ctmri_detect.cli._memory import refuse_too_many
from ctmri_detect.cli._messages import begin, note
from ctmri_detect.cli._output import results_folder
from ctmri_detect.cli.detectors import DETECTORS, SHOWN, make_detector, suit
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.layouts.planes import Planes

_QUICK_EPOCHS = 5


def run(args: argparse.Namespace) -> None:
    """Load or make pairs, measure, write."""
    require_report()
    quick = {"epochs": _QUICK_EPOCHS} if args.quick else {}
    names = args.detectors or (SHOWN if args.quick else DETECTORS)
    detectors = {name: make_detector(name, args.seed, **quick) for name in names}
    seeds = range(args.seed, args.seed + args.seeds)
    options = {"folds": args.folds, "seeds": seeds, "quiet": args.quiet}
    options |= {"store": args.store, "n_jobs": args.jobs}
    options["pseudonyms"] = args.pseudonyms and (key_of(args) or True)
    with results_folder(args.out, overwrite=args.overwrite) as folder:
        data = _phantom(args) if args.phantom else _labelled(args)
        if args.pseudonyms and data.skipped:
            told = f"{len(data.skipped)} files were not used; no skipped.csv with --pseudonyms"
            note(told, quiet=args.quiet)
        elif not (args.pseudonyms or args.phantom):
            write_skipped(data.skipped, folder)
        for name, detector in detectors.items():
            suit(detector, name, data.data.modalities)
        board = measure(detectors, data, folder, preprocessor=preprocessor(args, data), **options)
    show(board, args.out)


def _phantom(args: argparse.Namespace) -> Bunch:
    subjects, slices = args.subjects or (10 if args.quick else 20), args.slices or 8
    begin(f"making {subjects} synthetic heads of {slices} slices", quiet=args.quiet)
    size = args.image_size or (128 if args.quick else 256)
    planes = Planes.wanted(args.modality, args.sequence)
    if "ct" not in planes.names:
        raise ValueError(
            "Synthetic heads have a skull, and the brain is found in the CT; expected --modality "
            "both or ct with --phantom."
        )
    refuse_too_many(subjects * slices, size, size, len(planes.names))
    data = make_phantom_pairs(
        subjects,
        slices,
        size=size,
        kinds=args.kinds if args.kinds == "default" else args.kinds.split(","),
        severity=args.severity,
        sequence=args.sequence or "t2",
        random_state=args.seed,
    )
    data.data = data.data.select(planes.modalities)
    return data


def _labelled(args: argparse.Namespace) -> Bunch:
    data = read_pairs(args, labelled=True)
    if data.target is None:
        raise ValueError(LABELS_NEEDED)
    if data.groups is None:
        raise ValueError(PATIENTS_NEEDED)
    return data
