"""Net one: scikit-learn's own suite, on every detector, through the adapter."""

from __future__ import annotations

import pytest
from detector_list import DETECTORS
from sklearn.utils.estimator_checks import parametrize_with_checks
from table_adapter import TableAdapter

SLOW = [name for name in DETECTORS if name not in ("threshold", "atlas", "autoencoder")]


@parametrize_with_checks([TableAdapter(d) for name, d in DETECTORS.items() if name not in SLOW])
@pytest.mark.filterwarnings("ignore")
def test_check_estimator(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks([TableAdapter(DETECTORS[name]) for name in SLOW])
@pytest.mark.filterwarnings("ignore")
def test_check_estimator_that_takes_long(estimator, check):
    check(estimator)
