"""All checks of a preprocessing step, one after the other or one by one."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
import numpy.typing as npt
from sklearn.base import clone

from ctmri_detect._types import PairsLike
from ctmri_detect.base import BasePairedTransformer
from ctmri_detect.testing import _steps
from ctmri_detect.testing._running import Check, checks_of, refuse_other, run_checks
from ctmri_detect.testing.heads import make_heads


def check_step(
    step: BasePairedTransformer, X: PairsLike | None = None, *, skip: Collection[str] = ()
) -> None:
    """Check that a preprocessing step keeps the laws that all steps of the library keep.

    Among them: pairs in, pairs out, and the input is left as it was; a sample does not depend on
    the other samples; what was not observed (NaN) is not filled in; patients stay with their
    samples; maps find their way back to the grid of the input; a pickled step is the same.

    Parameters
    ----------
    step : transformer
        An unfitted object of a subclass of `base.BasePairedTransformer`. It is cloned.
    X : array-like (n_samples, n_planes, height, width) or None, default=None
        At least three complete pairs that the step can work on, such as CT in Hounsfield units.
        None: five small heads of `make_heads`, with values of about 0 to 1 and NaN outside of
        the brain.
    skip : collection of str, default=()
        Names of checks to leave out, as `step_checks` gives them.

    Raises
    ------
    AssertionError
        Where a check fails. The message begins with the name of the check, and says which law
        is broken and by how much.
    TypeError
        Where `step` is no step.
    ValueError
        For a name in `skip` that is no check, and for too few or incomplete pairs.

    See Also
    --------
    check_detector : The same for a detector.

    Examples
    --------
    >>> from ctmri_detect.preprocessing import MRIScaler
    >>> from ctmri_detect.testing import check_step
    >>> check_step(MRIScaler())
    """
    refuse_other(step, BasePairedTransformer, "check_step", "MRIScaler()")
    pairs = _complete(make_heads(5, seed=4) if X is None else np.array(X, np.float32))
    run_checks(dict(step_checks()), skip, clone(step), pairs)


def step_checks() -> Iterator[tuple[str, Check]]:
    """The checks one by one, for a test runner that shows each of them.

    Yields
    ------
    name : str
    check : callable
        ``check(step, X)`` raises an AssertionError where the step breaks the law. It raises
        `unittest.SkipTest` where an extra is not installed. `X` is a float32 array, and no check
        changes it.

    Examples
    --------
    >>> [name for name, _ in step_checks()][:3]
    ['pairs', 'order_and_batch', 'missing_modality']
    """
    yield from checks_of(_steps)


def _complete(X: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Pairs that the checks can take apart: each plane shows something."""
    if X.ndim != 4 or len(X) < 3 or X.shape[1] < 2:
        raise ValueError(
            f"X has the shape {X.shape}; expected at least three samples of two or more planes: "
            "(n_samples, n_planes, height, width)."
        )
    planes = np.isnan(X).reshape(*X.shape[:2], -1).min(axis=2)
    if missing := np.flatnonzero(planes.max(axis=1)).tolist():
        raise ValueError(
            f"Samples {missing} of X lack a plane; expected complete pairs. The checks take planes "
            "away themselves."
        )
    X.setflags(write=False)
    return X
