"""The messages where no brain was found."""

from __future__ import annotations

from ctmri_detect.validation import listed

_CURE = {
    "keep": "is kept there instead. Slices below the skull base can be marked or left out: "
    "BrainMask(below_skull_base='mark' or 'drop'), or the same of make_preprocessor; for the "
    "command, --below-skull-base drop.",
    "mark": "is kept there instead. The column below_skull_base of the frame is True there.",
    "drop": "would be kept there instead, so they are left out (below_skull_base='drop').",
}


def no_brain_in_some(samples: list[int], total: int, below_skull_base: str) -> str:
    """The warning where the head is kept because no brain was found."""
    return (
        f"No brain found in {len(samples)} of {total} samples ({listed(samples, 20)}); the head, "
        f"or all that was observed, {_CURE[below_skull_base]}"
    )


def no_brain_in_most(samples: list[int], total: int, ct_units: str, source: str) -> str:
    """The error where so many samples lack a brain that the input must be wrong."""
    if source == "observed":
        cure = "All their planes are 0 everywhere. Leave such slices out."
    elif source == "mri":
        cure = "Check that axis 1 of X is CT, MRI, and that the MRI shows heads."
    else:
        cure = (
            f"ct_units is {ct_units!r}: check that the CT is in these units, that air is dark in "
            "it (else it is inverted: 255 - x), and that axis 1 of X is CT, MRI, or as the names "
            "of its planes say. `ctmri-detect inspect` checks a folder. Where brains were cut out "
            "before, set what lies outside to NaN (apply_masks) and pass source='observed'."
        )
    return (
        f"No brain found in {len(samples)} of {total} samples ({listed(samples)}); expected one in "
        f"most. {cure}"
    )
