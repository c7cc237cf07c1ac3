"""The first checks of a detector: that it can be fitted, and that a fit repeats."""

from __future__ import annotations

from ctmri_detect.base import BasePairedDetector
from ctmri_detect.testing._laws import demand, demand_equal
from ctmri_detect.testing._samples import fit, fitted, test


def check_fit(estimator: BasePairedDetector) -> None:
    """It can be fitted and can score, and users can set its maps and its threshold."""
    own = estimator.get_params(deep=False)
    demand(
        "map_scoring" in own or "pool_fraction" in own,
        "The constructor takes map_scoring=None and stores it, so that users can set maps and "
        f"threshold. Its parameters are {', '.join(own) or 'none'}.",
    )
    fitted(estimator).score_samples(test())


def check_repeatable(estimator: BasePairedDetector) -> None:
    """Two fits on the same pairs are the same."""
    law = (
        "Two fits on the same pairs give the same scores. Draw random numbers from a parameter "
        "random_state only, and give the checks a fixed one."
    )
    again = fit(estimator).score_samples(test())
    demand_equal(again, fitted(estimator).score_samples(test()), law)
