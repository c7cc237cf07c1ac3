"""All checks of a detector, one after the other or one by one."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sklearn.base import clone

from ctmri_detect.base import BasePairedDetector
from ctmri_detect.testing import _basics, _fitting, _inputs, _outputs, _settings
from ctmri_detect.testing._running import Check, checks_of, refuse_other, run_checks


def check_detector(estimator: BasePairedDetector, *, skip: Collection[str] = ()) -> None:
    """Check that a detector keeps the laws that all detectors of the library keep.

    Among them: shapes and types of everything that is returned; a sample's score does not depend
    on the other samples; a read-only file is enough; a second fit equals a first one; a saved
    detector is the same; a fit that fails leaves the detector as it was; patients are never
    split; a missing modality is treated as `traits` say. The detector is fitted some thirty times
    on 24 small pairs, so set it to train for a moment only.

    Parameters
    ----------
    estimator : detector
        An unfitted object of a subclass of `base.BasePairedDetector`. It is cloned. Give it a
        fixed ``random_state`` where it has one.
    skip : collection of str, default=()
        Names of checks to leave out, as `detector_checks` gives them.

    Raises
    ------
    AssertionError
        Where a check fails. The message begins with the name of the check, and says which law
        is broken and by how much.
    TypeError
        Where `estimator` is no detector.
    ValueError
        For a name in `skip` that is no check.

    See Also
    --------
    check_step : The same for a preprocessing step.

    Examples
    --------
    >>> from ctmri_detect import AtlasDetector
    >>> from ctmri_detect.testing import check_detector
    >>> check_detector(AtlasDetector(), skip=["save"])
    """
    refuse_other(estimator, BasePairedDetector, "check_detector", "AtlasDetector()")
    run_checks(dict(detector_checks()), skip, clone(estimator))


def detector_checks() -> Iterator[tuple[str, Check]]:
    """The checks one by one, for a test runner that shows each of them.

    Yields
    ------
    name : str
    check : callable
        ``check(estimator)`` raises an AssertionError where the detector breaks the law. It raises
        `unittest.SkipTest` where an extra is not installed. Checks that are given the same object
        share one fit, so don't change the object in between.

    Examples
    --------
    With pytest::

        @pytest.mark.parametrize(("name", "check"), detector_checks())
        def test_my_detector(name, check):
            check(MY_DETECTOR)

    >>> [name for name, _ in detector_checks()][:3]
    ['fit', 'repeatable', 'maps']
    """
    yield from checks_of(_basics, _outputs, _inputs, _fitting, _settings)
