"""Net one: scikit-learn's own suite, on every detector, through the adapter."""

from __future__ import annotations

import pytest
from detector_list import DETECTORS
from sklearn.utils.estimator_checks import parametrize_with_checks
from table_adapter import TableAdapter


@parametrize_with_checks([TableAdapter(detector) for detector in DETECTORS.values()])
@pytest.mark.filterwarnings("ignore")
def test_check_estimator(estimator, check):
    check(estimator)
