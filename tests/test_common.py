"""Net three: the library's own checks, for every detector alike."""

from __future__ import annotations

import pytest
from detector_list import DETECTORS

from ctmri_detect.testing import detector_checks

SLOW = ("deep-ocsvm", "atlas-position")  # others of their classes are checked


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("check", [pytest.param(c, id=name) for name, c in detector_checks()])
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (n in SLOW)) for n in DETECTORS]
)
def test_every_detector_keeps_the_laws(name, check):
    check(DETECTORS[name])
