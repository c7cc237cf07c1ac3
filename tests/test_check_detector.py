"""`check_detector` fails where a detector breaks a law, and says which law."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from ctmri_detect import AtlasDetector
from ctmri_detect.base import BasePairedDetector, Traits
from ctmri_detect.testing import check_detector, detector_checks, make_heads

ALL = [name for name, _ in detector_checks()]


class Right(BasePairedDetector):
    """The mean of the training slices; each law is kept."""

    traits = Traits(trains=False, missing_modality=True)

    def __init__(self, map_scoring=None, amount=1.0):
        self.map_scoring = map_scoring
        self.amount = amount

    def _fit(self, X):
        self.mean_ = np.nan_to_num(np.asarray(X)).mean(axis=0)

    def _residual(self, X):
        return X - self.mean_


class DrawsGlobally(Right):
    def _fit(self, X):
        super()._fit(X)
        np.random.normal()


class Remembers(Right):
    def _fit(self, X):
        before = getattr(self, "mean_", 0.0)
        super()._fit(X)
        self.mean_ = self.mean_ + before


class SetsItsParameter(Right):
    def _fit(self, X):
        super()._fit(X)
        self.amount = float(np.nanmax(np.asarray(X)))


class LooksAtItsCompany(Right):
    def _residual(self, X):
        return X - np.nan_to_num(X).mean(axis=0)


class Blind(Right):
    def _residual(self, X):
        return np.ones_like(X)


class WritesIntoX(Right):
    def _fit(self, X):
        super()._fit(X)
        X.array[:] = 0


class HoldsALambda(Right):
    def _fit(self, X):
        super()._fit(X)
        self.step_ = lambda x: x


class HidesCtrlC(Right):
    def _fit(self, X):
        self.mean_ = np.zeros(X.shape[1:], np.float32)
        try:
            super()._fit(X)
        except KeyboardInterrupt:
            return


class DrawsAnew(Right):
    def _residual(self, X):
        return X - self.mean_ * np.random.default_rng().normal(size=X.shape)


class ForgetsOnPickling(Right):
    def __getstate__(self):
        return super().__getstate__() | {"mean_": self.mean_ * 0}


class CannotBeFittedTwice(Right):
    def _fit(self, X):
        if len(X) < 20:
            raise ValueError("too few slices")
        super()._fit(X)


class DrawsInItsFit(Right):
    def _fit(self, X):
        super()._fit(X)
        self.mean_ = self.mean_ + np.random.default_rng().normal(size=self.mean_.shape)


class OneValueForBothPlanes(Right):
    def _residual(self, X):
        return (X - self.mean_).sum(axis=1, keepdims=True)


class ForgetsToReturn(Right):
    def _residual(self, X):
        X - self.mean_


class LeavesOutMapScoring(Right):
    def __init__(self, amount=1.0):
        self.amount = amount


class SumsBothPlanes(Right):
    """NaN where a plane is missing, and 9 or so where nothing is odd."""

    def _residual(self, X):
        total = 9 + np.abs(X - self.mean_).sum(axis=1, keepdims=True)
        return np.repeat(total, X.shape[1], axis=1)


BROKEN = {
    DrawsInItsFit: ("repeatable", "random_state .* values differ"),
    OneValueForBothPlanes: ("fit", r"_residual of OneValueForBothPlanes .* \(16, 1, 32, 32\)"),
    ForgetsToReturn: ("fit", r"_residual of ForgetsToReturn returned None; expected \(16, 2, 32"),
    LeavesOutMapScoring: ("fit", r"takes map_scoring=None .* parameters are amount"),
    SumsBothPlanes: ("hole_in_one_plane", "In a hole in the MRI of healthy slices the map reaches"),
    DrawsGlobally: ("global_generators", "global generator of numpy"),
    Remembers: ("second_fit", "second fit .* values differ, by up to"),
    SetsItsParameter: ("parameters_kept", r"fit does not set parameters\. Changed: amount"),
    LooksAtItsCompany: ("order_and_batch", "does not depend on .* values differ, by up to"),
    Blind: ("planted_lesion", r"at least 1\.5 times as hot .* in it"),
    WritesIntoX: ("read_only_memmap", "read-only"),
    HoldsALambda: ("pickle", "local object"),
    HidesCtrlC: ("failed_fit", "does not hide KeyboardInterrupt"),
    DrawsAnew: ("detect", "is what the verb returns"),
    ForgetsOnPickling: ("pickle", "pickled and loaded is the same"),
    CannotBeFittedTwice: ("second_fit", "too few slices"),
}


def test_a_detector_that_keeps_the_laws_passes():
    check_detector(Right())


class WritesIntoItsBlock(Right):
    """Allowed: the block is the detector's own."""

    def _residual(self, X):
        X[np.isnan(X)] = 0
        X -= self.mean_
        return X


def test_a_residual_may_write_into_its_block():
    check_detector(WritesIntoItsBlock(), skip=["planted_lesion"])
    heads = make_heads(24)
    one, other = (kind().fit(heads, groups=range(24)) for kind in (Right, WritesIntoItsBlock))
    np.testing.assert_array_equal(one.score_samples(heads[:5]), other.score_samples(heads[:5]))


def test_a_detector_that_says_nothing_of_one_plane_can_not_do_without_the_other():
    with pytest.raises(AssertionError, match=r"^missing_modality: .*0 everywhere, so nothing"):
        check_detector(SumsBothPlanes(), skip=set(ALL) - {"missing_modality"})


@pytest.mark.parametrize("broken", BROKEN, ids=lambda kind: kind.__name__)
def test_a_broken_law_is_named(broken):
    name, message = BROKEN[broken]
    with pytest.raises(AssertionError, match=rf"(?s)^{name}: .*{message}"):
        check_detector(broken(), skip=set(ALL) - {name})


def test_what_is_no_detector_and_no_check_is_refused():
    with pytest.raises(TypeError, match=r"the class AtlasDetector; expected an object"):
        check_detector(AtlasDetector)
    with pytest.raises(ValueError, match=r"skip holds \['nothing'\]; expected some of fit"):
        check_detector(AtlasDetector(), skip=["nothing"])


def test_no_test_runner_is_needed():
    code = (
        "import sys, ctmri_detect.testing as testing\n"
        "testing.detector_checks\n"
        "assert 'pytest' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


class CopiesInexactly(Right):
    """What a copy gives differs by a share, as another order of summation makes it."""

    off = 1e-6

    def __setstate__(self, state):
        super().__setstate__(state)
        if hasattr(self, "mean_"):
            self.mean_ = self.mean_ * np.float32(1 + self.off)


class CopiesWrongly(CopiesInexactly):
    off = 0.1


def test_last_digits_that_a_copy_changes_are_explained():
    others = [name for name in ALL if name != "pickle"]
    with pytest.raises(AssertionError, match=r"^pickle: .*is the same.*np\.ascontiguousarray"):
        check_detector(CopiesInexactly(), skip=others)
    with pytest.raises(AssertionError, match=r"^pickle: .*is the same") as caught:
        check_detector(CopiesWrongly(), skip=others)
    assert "ascontiguousarray" not in str(caught.value)
