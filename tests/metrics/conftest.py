"""What the tests of several metrics share."""

import numpy as np
import pytest


def _ranked_precision(positive, score):
    """Average precision, written out: precision at each recall gained, ties together."""
    total = 0.0
    for level in np.unique(score)[::-1]:
        chosen = score >= level
        gained = positive[score == level].sum()
        total += gained * positive[chosen].mean()
    return total / positive.sum()


@pytest.fixture
def ranked_precision():
    return _ranked_precision
