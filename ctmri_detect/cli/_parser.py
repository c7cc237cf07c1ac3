"""The arguments; nothing heavy is imported here, so that --help is quick."""

from __future__ import annotations

import argparse
from typing import NoReturn

from ctmri_detect import __version__
from ctmri_detect.cli import _help
from ctmri_detect.cli._messages import PROGRAM
from ctmri_detect.cli._values import (
    count,
    detector_names,
    positive,
    rate,
    sequences,
    several,
)
from ctmri_detect.cli.detectors import DETECTORS
from ctmri_detect.synthesis.kinds import SEVERITIES


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with the arguments in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message}. See: {self.prog} --help\n")


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command."""
    parser = _Parser(
        prog=PROGRAM,
        description=_help.DESCRIPTION,
        epilog=_help.EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, short, epilog, add in (
        ("demo", "try everything on synthetic heads", _help.DEMO, _add_demo),
        ("fetch", "download a public data set", _help.FETCH, _add_fetch),
        ("inspect", "check a folder of CT and MRI", _help.INSPECT, _add_inspect),
        ("fit", "learn normal anatomy from a folder of pairs", _help.FIT, _add_fit),
        ("score", "score a folder of pairs with a fitted model", _help.SCORE, _add_score),
        ("benchmark", "compare detectors on labelled pairs", _help.BENCHMARK, _add_benchmark),
        ("report", "write the report of a stored benchmark again", _help.REPORT, _add_report),
    ):
        sub = commands.add_parser(
            name,
            help=short,
            description=f"{short[0].upper()}{short[1:]}.",
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        add(sub)
        sub.add_argument("--quiet", action="store_true", help="no progress bars, no tracebacks")
        sub.add_argument("--debug", action="store_true", help="tracebacks, and all warnings")
    return parser


def _add_out(sub: argparse.ArgumentParser, default: str | None = None) -> None:
    sub.add_argument(
        "--out",
        metavar="DIR",
        default=default,
        required=default is None,
        help="the folder to write to" + (f"; default: {default}" if default else ""),
    )
    sub.add_argument(
        "--overwrite",
        action="store_true",
        help="replace the results of an earlier run in that folder, all of them",
    )


def _add_demo(sub: argparse.ArgumentParser) -> None:
    _add_out(sub, "ctmri-demo")
    sub.add_argument(
        "--quick", action="store_true", help="fewer, smaller heads and short training: a minute"
    )
    _add_seed(sub)


def _add_fetch(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("dataset", metavar="DATASET", choices=("kaggle",), help="kaggle")
    sub.add_argument("--out", metavar="DIR", default=None,
                     help="default: ctmri_detect_data in the home folder")  # fmt: skip
    sub.add_argument("--from-archive", metavar="FILE", help="a zip that was downloaded before")


def _add_inspect(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("folder", metavar="FOLDER", help="slices or volumes, in any known layout")
    _add_out(sub, "ctmri-inspection")
    sub.add_argument("--patient", metavar="REGEX", help="names the patient in a file's path")
    _add_planes(sub, "both")
    _add_seed(sub)


def _add_fit(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("folder", metavar="FOLDER", help="pairs of slices or volumes")
    sub.add_argument("--out", metavar="MODEL", required=True, help="the file to write")
    sub.add_argument("--detector", metavar="NAME", choices=DETECTORS, default="cross-modal",
                     help=f"one of {', '.join(DETECTORS)}; default: %(default)s")  # fmt: skip
    sub.add_argument("--epochs", metavar="N", type=positive,
                     help="of each training; default: that of the detector")  # fmt: skip
    sub.add_argument("--checkpoint", metavar="DIR",
                     help="keeps trainings: the same command goes on after a stop")  # fmt: skip
    _add_planes(sub, "both")
    _add_data(sub, "keep", "drop")
    _add_mask(sub)
    _add_size(sub)
    _add_seed(sub)


def _add_score(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("model", metavar="MODEL", help="what 'ctmri-detect fit' wrote")
    sub.add_argument("folder", metavar="FOLDER", help="pairs of slices or volumes")
    _add_out(sub)
    sub.add_argument(
        "--top", metavar="N", type=count, default=10, help="overlays to draw; default: %(default)s"
    )
    sub.add_argument("--false-positive-rate", metavar="R", type=rate,
                     help="share of healthy pairs that may be flagged, such as 0.1; default: that "
                     "of the model")  # fmt: skip
    sub.add_argument("--maps", choices=("nifti", "npy", "tiff"),
                     help="write the anomaly maps of all pairs: of volumes on the scan's own grid "
                     "(nifti), or a file for each slice")  # fmt: skip
    sub.add_argument("--report", action=argparse.BooleanOptionalAction, default=None,
                     help="write report.html, a page of the 20 most anomalous patients; default: "
                     "yes, where jinja2 and matplotlib are installed")  # fmt: skip
    sub.add_argument("--resume", action="store_true",
                     help="go on with a run into this folder that was stopped")  # fmt: skip
    sub.add_argument("--n-jobs", metavar="N", type=positive, default=None,
                     help="processes that score; default: 1")  # fmt: skip
    _add_planes(sub, None)
    _add_data(sub, "keep", "mark", "drop")


def _add_benchmark(sub: argparse.ArgumentParser) -> None:
    source = sub.add_mutually_exclusive_group(required=True)
    source.add_argument("folder", metavar="FOLDER", nargs="?", help="holds CT/ and MRI/")
    source.add_argument("--phantom", action="store_true", help="synthetic heads instead")
    sub.add_argument("--subjects", metavar="N", type=positive,
                     help="synthetic heads; default: 20, with --quick 10")  # fmt: skip
    sub.add_argument("--slices", metavar="N", type=positive,
                     help="slices of each; default: 8")  # fmt: skip
    sub.add_argument("--kinds", metavar="A,B", default="default",
                     help="anomalies of synthetic heads, such as tumour,swapped_slice")  # fmt: skip
    sub.add_argument("--severity", choices=tuple(SEVERITIES), default="moderate",
                     help="of synthetic anomalies; default: %(default)s")  # fmt: skip
    _add_out(sub, "ctmri-benchmark")
    sub.add_argument("--detectors", metavar="A,B", type=detector_names,
                     help=f"some of {', '.join(DETECTORS)}; default: all, with --quick one or two "
                     "of each family")  # fmt: skip
    sub.add_argument("--folds", metavar="N", type=several, default=2,
                     help="parts by patient, each tested once; default: %(default)s")  # fmt: skip
    sub.add_argument("--seeds", metavar="N", type=positive, default=1,
                     help="runs, with other folds and starts: --seed and those after")  # fmt: skip
    sub.add_argument("--store", metavar="DIR",
                     help="keeps each result at once: the same command goes on after an "
                     "interruption, and 'ctmri-detect report' writes the page again")  # fmt: skip
    sub.add_argument("--jobs", metavar="N", type=positive, default=None,
                     help="fits at once, each in a process; default: 1")  # fmt: skip
    sub.add_argument("--pseudonyms", action="store_true",
                     help="no names of patients and of files in what is written: salted hashes, "
                     "other ones at each call")  # fmt: skip
    sub.add_argument("--quick", action="store_true",
                     help="fewer detectors, short training, smaller synthetic heads")  # fmt: skip
    _add_planes(sub, "both")
    _add_data(sub, "keep", "drop")
    _add_mask(sub)
    _add_size(sub)
    _add_seed(sub)


def _add_report(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("store", metavar="STORE", help="what 'ctmri-detect benchmark --store' wrote")
    _add_out(sub, "ctmri-report")


def _add_data(sub: argparse.ArgumentParser, *below_skull_base: str) -> None:
    sub.add_argument(
        "--patient",
        metavar="REGEX|COLUMN",
        help="names the patient: a regular expression for file names (its first group), or a "
        "column of the labels",
    )
    sub.add_argument(
        "--labels",
        metavar="CSV",
        help="a column 'file' (of volumes: 'patient'), and 'lesion' (1/0) or 'target' (+1 normal, "
        "-1 anomalous)",
    )
    sub.add_argument(
        "--ct-units",
        choices=("auto", "hu", "uint8"),
        default="auto",
        help="Hounsfield units, or an exported brain window (0..255); default: by the files",
    )
    sub.add_argument(
        "--image-size", metavar="N", type=positive, help="resize all pairs to N x N pixels first"
    )
    sub.add_argument(
        "--below-skull-base",
        choices=below_skull_base,
        default="keep",
        help="pairs of skull base, face and neck: keep them"
        + ", mark them in scores.csv" * ("mark" in below_skull_base)
        + ", or drop them; default: %(default)s",
    )
    sub.add_argument("--slice-spacing", metavar="MM", type=float,
                     help="of volumes: distance of the slices; default: the CT's own")  # fmt: skip
    sub.add_argument("--gaps", choices=("skip", "keep"), default="skip",
                     help="DICOM series that lack slices: leave the patient out, or keep the "
                     "other slices; default: %(default)s")  # fmt: skip
    sub.add_argument("--key", metavar="FILE",
                     help="a file that holds the key for pseudonyms of DICOM patients (and for "
                     "--pseudonyms): with one key they are the same in every run")  # fmt: skip


def _add_planes(sub: argparse.ArgumentParser, default: str | None) -> None:
    sub.add_argument("--modality", choices=("both", "ct", "mri"), default=default,
                     help="images to use: CT and MRI of each head, or one of them alone; default: "
                     + (default or "those of the model"))  # fmt: skip
    sub.add_argument("--sequence", metavar="A,B", type=sequences,
                     help="the MRI sequence to use, such as t2, or several, a plane each: t1,flair"
                     + ("" if default else "; default: those of the model"))  # fmt: skip


def _add_mask(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--mask", choices=("auto", "observed"), default="auto",
                     help="the brain is found in the CT, or was cut out before (background 0), as "
                     "MRI without CT need it; default: %(default)s")  # fmt: skip


def _add_size(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--size", metavar="N", type=positive, default=128,
                     help="pixels of the box for aligned heads; default: %(default)s")  # fmt: skip


def _add_seed(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--seed", metavar="N", type=count, default=0, help="default: %(default)s")
