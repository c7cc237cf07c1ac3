"""Arguments about the data, which several commands share."""

from __future__ import annotations

import argparse

from ctmri_detect.cli._values import count, positive, sequences


def add_data(sub: argparse.ArgumentParser, *below_skull_base: str, model: bool = False) -> None:
    sub.add_argument(
        "--patient",
        metavar="REGEX|COLUMN",
        help="a regular expression for file names, whose first group names the patient; or a "
        "column of the labels",
    )
    sub.add_argument(
        "--labels",
        metavar="CSV",
        help="a csv file with the column 'file' (for volumes: 'patient'), and 'lesion' (1/0) or "
        "'target' (+1 normal, -1 anomalous)",
    )
    sub.add_argument(
        "--ct-units",
        choices=("auto", "hu", "uint8"),
        default="auto",
        help="units of the CT: Hounsfield units (hu), or an exported brain window, 0 to 255 "
        "(uint8); auto: judged from the files; default: %(default)s",
    )
    sub.add_argument(
        "--image-size",
        metavar="N",
        type=positive,
        help="resize all pairs to N x N pixels first" + "; default: as at the fit" * model,
    )
    sub.add_argument(
        "--below-skull-base",
        choices=below_skull_base,
        default=None if model else "keep",
        help="pairs of skull base, face and neck: keep them"
        + ", mark them in scores.csv" * ("mark" in below_skull_base)
        + f", or drop them; default: {'as at the fit' if model else 'keep'}",
    )
    sub.add_argument("--slice-spacing", metavar="MM", type=float,
                     help="volumes: mm from slice to slice; default: the CT's own")  # fmt: skip
    sub.add_argument("--gaps", choices=("skip", "keep"), default="skip",
                     help="DICOM series that lack slices: leave the patient out (skip), or keep "
                     "the other slices (keep); default: %(default)s")  # fmt: skip
    sub.add_argument("--key", metavar="FILE",
                     help="a file with the key for pseudonyms of DICOM patients (and for "
                     "--pseudonyms); with the same key they are the same in every run")  # fmt: skip


def add_planes(sub: argparse.ArgumentParser, default: str | None) -> None:
    sub.add_argument("--modality", choices=("both", "ct", "mri"), default=default,
                     help="images to use: CT and MRI of each head, or one of them alone; default: "
                     + (default or "those of the model"))  # fmt: skip
    sub.add_argument("--sequence", metavar="A,B", type=sequences,
                     help="the MRI sequence to use, such as t2; or several, such as t1,flair, "
                     "each of which becomes a plane"
                     + ("" if default else "; default: those of the model"))  # fmt: skip


def add_mask(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--mask", choices=("auto", "observed"), default="auto",
                     help="auto: the brain is found in the CT; observed: it was cut out before, "
                     "with 0 around it (necessary without CT); default: %(default)s")  # fmt: skip


def add_size(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--size", metavar="N", type=positive, default=128,
                     help="side of the box for heads, in pixels; default: %(default)s")  # fmt: skip


def add_seed(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--seed", metavar="N", type=count, default=0,
                     help="seed of random draws; default: %(default)s")  # fmt: skip
