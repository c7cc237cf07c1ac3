"""``ctmri-detect fetch``: download a public data set."""

from __future__ import annotations

import argparse
import shlex
from collections import Counter

from ctmri_detect.cli._messages import hide_progress, say
from ctmri_detect.datasets.kaggle.store import acquire, data_folder, images_of


def run(args: argparse.Namespace) -> None:
    """Fetch and check the files, and say how many there are. No image is read."""
    folder = data_folder(args.out)
    there = folder.exists()
    manifest = acquire(
        folder, from_archive=args.from_archive, hide_bar=hide_progress(quiet=args.quiet)
    )
    images = images_of(manifest["files"])
    planes = Counter(image.plane for image in images)
    size = sum(entry["size"] for entry in manifest["files"].values()) / 2**20
    say(
        f"{'Found' if there else 'Fetched'} {planes['ct']} CT and {planes['mri']} MRI "
        f"({size:.0f} MiB) in {folder}."
    )
    say("They are NOT pairs: equal numbers mean different people. Patients are unknown.")
    say("Read the terms of the set and of its sources before use.")
    say(
        "Fit one modality: ctmri-detect fit "
        f"{shlex.quote(str(folder))} --modality ct --image-size 256 --detector atlas --out ct.ctmri"
    )
    home = "" if args.out is None else repr(args.out)
    say(f"In Python: ctmri_detect.datasets.fetch_kaggle_ct_mri({home})")
