"""Properties of an estimator of pairs, in one object."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Traits:
    """Properties of a detector or a preprocessing step that the base class and users rely on.

    Set as a class attribute ``traits``, or as a property if it depends on parameters.

    Parameters
    ----------
    trains : bool, default=True
        Whether residuals of training slices are smaller than those of new ones, so that patients
        have to be held out for the threshold.
    cheap : bool, default=False
        Whether fitting takes seconds, so that each quarter of the patients can be held out in turn.
    threadsafe : bool, default=False
        Whether several threads may compute residuals, or transform samples, at once, and are
        faster.
    missing_modality : bool, default=False
        Whether samples with a missing plane can be scored. Then the fit also scores held-out
        slices with planes withheld, so that the CT alone has a threshold of its own.
    localizes : bool, default=True
        Whether the anomaly map shows where the anomaly is.
    whole_scans : bool, default=False
        Whether the score of a slice depends on its neighbours in the scan, so that scans have to be
        scored whole.

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
    whole_scans: bool = False
