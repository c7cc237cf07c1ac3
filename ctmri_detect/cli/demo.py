"""``ctmri-detect demo``: one or two detectors of each family on synthetic heads."""

from __future__ import annotations

import argparse

from ctmri_detect.cli._measure import measure, require_report, show
from ctmri_detect.cli._messages import begin
from ctmri_detect.cli._output import results_folder
from ctmri_detect.cli.detectors import SHOWN, make_detector
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.preprocessing import make_preprocessor


def run(args: argparse.Namespace) -> None:
    """Make heads, benchmark the detectors, write the results."""
    require_report()
    subjects, slices, pixels, box = (10, 4, 128, 64) if args.quick else (40, 8, 256, 128)
    epochs = 5 if args.quick else 16  # fewer than the default: the demonstration ends in minutes
    with results_folder(args.out, overwrite=args.overwrite) as folder:
        begin(f"making {subjects} synthetic heads of {slices} slices", quiet=args.quiet)
        data = make_phantom_pairs(
            subjects, slices, size=pixels, anomalous_fraction=0.4, random_state=args.seed
        )
        detectors = {name: make_detector(name, args.seed, epochs=epochs) for name in SHOWN}
        steps = make_preprocessor(ct_units=data.ct_units, size=box)
        options = {"folds": 2, "seeds": (args.seed,), "quiet": args.quiet}
        board = measure(detectors, data, folder, preprocessor=steps, **options)
    show(board, args.out)
