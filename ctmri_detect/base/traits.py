"""What an estimator of pairs says about itself, in one object."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Traits:
    """What the base class and a user have to know of a detector.

    Set as a class attribute ``traits``, or as a property where it depends on parameters.

    Parameters
    ----------
    trains : bool, default=True
        Whether residuals of training slices are smaller than those of new ones, so that patients
        have to be held out for the threshold.
    cheap : bool, default=False
        Whether fitting takes seconds, so that each quarter of the patients can be held out in turn.
    threadsafe : bool, default=False
        Whether several threads may ask for residuals at once, and gain by it.
    missing_modality : bool, default=False
        Whether samples can be scored of which one plane is missing.
    localizes : bool, default=True
        Whether the map says where, and not only whether.

    Examples
    --------
    >>> from ctmri_detect import AtlasDetector
    >>> AtlasDetector().traits.missing_modality
    True
    """

    trains: bool = True
    cheap: bool = False
    threadsafe: bool = False
    missing_modality: bool = False
    localizes: bool = True
