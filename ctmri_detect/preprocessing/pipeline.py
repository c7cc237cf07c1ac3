"""The recommended way from raw pairs to what the detectors expect."""

from __future__ import annotations

from sklearn.pipeline import Pipeline, make_pipeline

from ctmri_detect._parameters import check_value, integer
from ctmri_detect.ct_units import check_ct_units
from ctmri_detect.preprocessing._skull_base import IS_CHOICE
from ctmri_detect.preprocessing.geometry import HeadAligner
from ctmri_detect.preprocessing.intensity import CTWindow, MRIScaler
from ctmri_detect.preprocessing.mask import BrainMask
from ctmri_detect.preprocessing.pet import PETScaler


def make_preprocessor(
    ct_units: str = "hu", *, size: int = 128, below_skull_base: str = "keep"
) -> Pipeline:
    """The recommended Pipeline: brain mask, CT window, head upright in a box, MRI and PET scaled.

    The mask comes first because it needs the raw values of bone. The window comes before the warp
    because interpolation between brain and metal means nothing. MRI and PET are scaled last, on
    the pixels that the detectors will see.

    It takes any 1 to 8 planes: each step changes the planes of its role (`Pairs.roles`), and
    leaves X as it is where there are none. In X without a CT the brains have to be cut out before;
    then call ``make_preprocessor().set_params(brainmask__source="observed")``, see `BrainMask`.

    Parameters
    ----------
    ct_units : {"hu", "uint8"}, default="hu"
        Units of the CT, see `ctmri_detect.ct_units`. Loaders say which in their `ct_units`.
    size : int, default=128
        Height and width of the common box, in pixels, at least 8. Larger keeps finer detail; time
        and memory grow with its square.
    below_skull_base : {"keep", "mark", "drop"}, default="keep"
        What to do with slices that hold little brain, see `BrainMask`.

    Returns
    -------
    sklearn.pipeline.Pipeline
        Steps ``brainmask``, ``ctwindow``, ``headaligner``, ``mriscaler``, ``petscaler``. Output
        float32 ``(n_samples, n_planes, size, size)``, all planes in 0..1, NaN outside the brain.

    Raises
    ------
    ValueError
        For a bad parameter.

    Examples
    --------
    >>> from ctmri_detect.preprocessing import make_preprocessor
    >>> [name for name, _ in make_preprocessor(ct_units="uint8").steps]
    ['brainmask', 'ctwindow', 'headaligner', 'mriscaler', 'petscaler']
    >>> make_preprocessor(ct_units="gray")
    Traceback (most recent call last):
    ...
    sklearn.utils._param_validation.InvalidParameterError: ct_units is 'gray'; expected 'hu'
    (Hounsfield units) or 'uint8' (an exported brain window, values 0 to 255). Loaders say which in
    their ct_units.
    """
    check_ct_units(ct_units, "ct_units")
    check_value("size", size, [integer(8)])
    check_value("below_skull_base", below_skull_base, [IS_CHOICE])
    mask = BrainMask(ct_units=ct_units, below_skull_base=below_skull_base)
    return make_pipeline(
        mask, CTWindow(units=ct_units), HeadAligner(size=size), MRIScaler(), PETScaler()
    )
