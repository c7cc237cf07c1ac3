"""The arguments; this module imports nothing slow, so that --help is quick."""

from __future__ import annotations

import argparse
from typing import NoReturn

from ctmri_detect import __version__
from ctmri_detect.cli import _help
from ctmri_detect.cli._data_arguments import add_data, add_mask, add_planes, add_seed, add_size
from ctmri_detect.cli._messages import PROGRAM
from ctmri_detect.cli._values import (
    count,
    detector_names,
    positive,
    rate,
    several,
)
from ctmri_detect.cli.detectors import DETECTORS
from ctmri_detect.synthesis.kinds import SEVERITIES


class _Parser(argparse.ArgumentParser):
    """A parser that reports wrong arguments in one line."""

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
        sub.add_argument("--quiet", action="store_true", help="only results and warnings")
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
        help="replace all results of an earlier run in that folder",
    )


def _add_demo(sub: argparse.ArgumentParser) -> None:
    _add_out(sub, "ctmri-demo")
    sub.add_argument(
        "--quick", action="store_true", help="fewer, smaller heads and short training: a minute"
    )
    add_seed(sub)


def _add_fetch(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("dataset", metavar="DATASET", choices=("kaggle",), help="kaggle")
    sub.add_argument("--out", metavar="DIR", default=None,
                     help="the folder for the set; default: the environment variable "
                     "CTMRI_DETECT_DATA, else ctmri_detect_data in the home folder")  # fmt: skip
    sub.add_argument("--from-archive", metavar="FILE", help="a zip that you downloaded before")


def _add_inspect(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("folder", metavar="FOLDER", help="slices or volumes, in any known layout")
    _add_out(sub, "ctmri-inspection")
    sub.add_argument("--patient", metavar="REGEX",
                     help="a regular expression that finds patients in file names")  # fmt: skip
    add_planes(sub, "both")
    add_seed(sub)


def _add_fit(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("folder", metavar="FOLDER", help="pairs of slices or volumes")
    sub.add_argument("--out", metavar="MODEL", required=True, help="the file to write")
    sub.add_argument("--detector", metavar="NAME", choices=DETECTORS, default="cross-modal",
                     help=f"one of {', '.join(DETECTORS)}; default: %(default)s")  # fmt: skip
    sub.add_argument("--epochs", metavar="N", type=positive,
                     help="epochs of each training; default: those of the detector")  # fmt: skip
    sub.add_argument("--checkpoint", metavar="DIR",
                     help="a folder that keeps the state of a training; after a stop, the same "
                     "command continues it")  # fmt: skip
    add_planes(sub, "both")
    add_data(sub, "keep", "drop")
    add_mask(sub)
    add_size(sub)
    add_seed(sub)


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
                     help="write the anomaly maps of all pairs: one volume for each scan, on its "
                     "own grid (nifti), or one file for each slice (npy, tiff)")  # fmt: skip
    sub.add_argument("--report", action=argparse.BooleanOptionalAction, default=None,
                     help="write report.html, a page of the 20 most anomalous patients; default: "
                     "yes, where jinja2 and matplotlib are installed")  # fmt: skip
    sub.add_argument("--resume", action="store_true",
                     help="continue a stopped run that wrote to the same --out")  # fmt: skip
    sub.add_argument("--n-jobs", metavar="N", type=positive, default=None,
                     help="processes that score; default: 1")  # fmt: skip
    add_planes(sub, None)
    add_data(sub, "keep", "mark", "drop", model=True)


def _add_benchmark(sub: argparse.ArgumentParser) -> None:
    source = sub.add_mutually_exclusive_group(required=True)
    source.add_argument("folder", metavar="FOLDER", nargs="?", help="pairs of slices or volumes")
    source.add_argument("--phantom", action="store_true", help="synthetic heads, no folder")
    sub.add_argument("--subjects", metavar="N", type=positive,
                     help="number of synthetic heads; default: 20, with --quick 10")  # fmt: skip
    sub.add_argument("--slices", metavar="N", type=positive,
                     help="slices of each synthetic head; default: 8")  # fmt: skip
    sub.add_argument("--kinds", metavar="A,B", default="default",
                     help="anomalies of synthetic heads, such as tumour,swapped_slice")  # fmt: skip
    sub.add_argument("--severity", choices=tuple(SEVERITIES), default="moderate",
                     help="severity of synthetic anomalies; default: %(default)s")  # fmt: skip
    _add_out(sub, "ctmri-benchmark")
    sub.add_argument("--detectors", metavar="A,B", type=detector_names,
                     help=f"some of {', '.join(DETECTORS)}; default: all, with --quick one or two "
                     "of each family")  # fmt: skip
    sub.add_argument("--folds", metavar="N", type=several, default=2,
                     help="groups of patients, each tested once; default: %(default)s")  # fmt: skip
    sub.add_argument("--seeds", metavar="N", type=positive, default=1,
                     help="number of runs; they use the seeds from --seed on, for the folds and "
                     "the detectors; default: %(default)s")  # fmt: skip
    sub.add_argument("--store", metavar="DIR",
                     help="a folder that keeps each result; after a stop, the same command "
                     "continues, and 'ctmri-detect report' writes the report again")  # fmt: skip
    sub.add_argument("--jobs", metavar="N", type=positive, default=None,
                     help="fits at the same time, each in a process; default: 1")  # fmt: skip
    sub.add_argument("--pseudonyms", action="store_true",
                     help="write salted hashes in place of the names of patients and files; they "
                     "differ in each run, unless --key is given")  # fmt: skip
    sub.add_argument("--quick", action="store_true",
                     help="fewer detectors, short training, smaller synthetic heads")  # fmt: skip
    add_planes(sub, "both")
    add_data(sub, "keep", "drop")
    add_mask(sub)
    add_size(sub)
    add_seed(sub)


def _add_report(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("store", metavar="STORE", help="what 'ctmri-detect benchmark --store' wrote")
    _add_out(sub, "ctmri-report")
