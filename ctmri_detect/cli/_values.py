"""Types of arguments: each function reads a text, and refuses wrong values."""

from __future__ import annotations

import argparse
import math

from ctmri_detect.cli.detectors import DETECTORS
from ctmri_detect.io.sequences import SEQUENCES


def count(text: str) -> int:
    """A whole number of 0 or more."""
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return int(text)


def positive(text: str) -> int:
    """A whole number above 0."""
    if count(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def several(text: str) -> int:
    """A whole number of 2 or more."""
    if count(text) < 2:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 2 or more")
    return int(text)


def rate(text: str) -> float:
    """A number between 0 and 1, both excluded."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number between 0 and 1, such as 0.05")
    return value


def detector_names(text: str) -> list[str]:
    """Names of detectors, separated by commas; each once."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in DETECTORS]
    if unknown or not names:
        raise argparse.ArgumentTypeError(
            f"unknown detector {', '.join(unknown) or text!r}; choose from {', '.join(DETECTORS)}"
        )
    return list(dict.fromkeys(names))


def sequences(text: str) -> str | tuple[str, ...]:
    """A name of a sequence, or several, separated by commas."""
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    unknown = [name for name in names if name.lower() not in SEQUENCES]
    if unknown or not names:
        raise argparse.ArgumentTypeError(
            f"unknown sequence {', '.join(unknown) or text!r}; choose from "
            f"{', '.join(sorted(set(SEQUENCES.values())))}"
        )
    return names[0] if len(names) == 1 else names
