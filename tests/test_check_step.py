"""`check_step` fails where a step breaks a law, and says which law."""

from __future__ import annotations

import numpy as np
import pytest

from ctmri_detect import AtlasDetector
from ctmri_detect.base import BasePairedTransformer, Traits
from ctmri_detect.preprocessing import CTWindow, HistogramStandardizer, Resize
from ctmri_detect.testing import check_step, make_heads, step_checks

ALL = [name for name, _ in step_checks()]


class Right(BasePairedTransformer):
    """A gain; each law is kept."""

    def __init__(self, gain=2.0):
        self.gain = gain

    def _transform(self, X):
        return X * np.float32(self.gain)


class FillsWithZeros(Right):
    def _transform(self, X):
        return np.nan_to_num(X) * 2


class ScalesByItsBlock(Right):
    def _transform(self, X):
        return X / np.nanmax(X)


class SmearsOverThePlane(Right):
    """Reads NaN as a number where anything was observed."""

    def _transform(self, X):
        seen = np.isfinite(X).any(axis=(2, 3), keepdims=True)
        return np.where(seen, np.nan_to_num(X), np.nan)


class DropsTheOtherPlane(Right):
    def _transform(self, X):
        lost = np.isnan(X).all(axis=(2, 3)).any(axis=1)
        out = X * 2
        out[lost] = np.where(np.isnan(X[lost]), np.nan, np.nan)
        out[lost, :, 0, 0] = 1.0
        return out


class LosesHalf(Right):
    def _transform(self, X):
        return X[:, :, ::2, ::2].copy()


class BringsBackElsewhere(LosesHalf):
    def inverse_transform_map(self, maps, X):
        back = np.repeat(np.repeat(maps, 2, axis=1), 2, axis=2)
        return np.roll(back, 5, axis=1).astype(np.float32)


class DrawsGlobally(Right):
    def _transform(self, X):
        return X + np.float32(np.random.normal() * 0)


class RemembersTheFirstFit(Right):
    def _fit(self, X):
        self.scale_ = getattr(self, "scale_", 1.0) * float(np.nanmax(np.asarray(X)[0]))

    def _transform(self, X):
        return X * np.float32(self.scale_)


class SetsItsParameter(Right):
    def _fit(self, X):
        self.gain = 3.0


class StoresMore(Right):
    def __init__(self, gain=2.0):
        super().__init__(gain)
        self.half = gain / 2


class KnowsPlanesByNumber(Right):
    def _transform(self, X):
        X[:, 1] *= 2
        return X


class HoldsALambda(Right):
    def _fit(self, X):
        self.step_ = lambda x: x


BROKEN = [
    (FillsWithZeros, "missing_modality"),
    (ScalesByItsBlock, "order_and_batch"),
    (SmearsOverThePlane, "not_observed"),
    (DropsTheOtherPlane, "missing_modality"),
    (LosesHalf, "pairs"),
    (BringsBackElsewhere, "way_back"),
    (DrawsGlobally, "global_generators"),
    (RemembersTheFirstFit, "fit"),
    (SetsItsParameter, "parameters_kept"),
    (StoresMore, "parameters_kept"),
    (HoldsALambda, "pickle"),
    (KnowsPlanesByNumber, "roles"),
]


def failing(step, X):
    """Names of the checks that the step does not pass, as the messages say them."""
    names = []
    for name in ALL:
        try:
            check_step(step, X, skip=[other for other in ALL if other != name])
        except AssertionError as error:
            names.append(str(error).split(": ")[0])
    return names


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("kind", "check"), BROKEN)
def test_a_broken_law_is_named(kind, check):
    assert check in failing(kind(), make_heads(5, seed=4))


def test_a_right_step_passes_with_threads_and_without():
    check_step(Right())

    class Safe(Right):
        traits = Traits(threadsafe=True, missing_modality=True)

    check_step(Safe(), skip=["pickle", "save"])  # a class inside of a function can't be pickled


def test_steps_of_the_library_pass():
    check_step(Resize(size=(40, 24)))
    check_step(HistogramStandardizer(planes="both"))


def test_a_step_that_wants_hu_is_given_hu():
    heads = make_heads(3, size=48)
    hu = heads * np.array([80.0, 300.0], np.float32)[:, None, None]
    with pytest.raises(
        AssertionError, match=r"^pairs: it raised InvalidPairsError: The CT runs from"
    ):
        check_step(CTWindow())
    check_step(CTWindow(), hu)
    assert np.nanmax(heads[:, 0]) < 1  # left as it was


def test_what_is_no_step_is_refused():
    with pytest.raises(TypeError, match=r"the class Right; expected an object of a subclass"):
        check_step(Right)
    with pytest.raises(TypeError, match=r"check_step got AtlasDetector\(\)"):
        check_step(AtlasDetector())
    with pytest.raises(ValueError, match=r"skip holds \['nothing'\]; expected some of pairs, "):
        check_step(Right(), skip=["nothing"])


def test_pairs_that_can_not_be_taken_apart_are_refused():
    with pytest.raises(ValueError, match=r"shape \(2, 2, 32, 32\); expected at least three"):
        check_step(Right(), make_heads(2))
    lacking = make_heads(4)
    lacking[2, 1] = np.nan
    with pytest.raises(ValueError, match=r"Samples \[2\] of X lack a plane"):
        check_step(Right(), lacking)
