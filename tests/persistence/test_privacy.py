"""What a saved model holds of the slices that it was fitted on."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from ctmri_detect import AtlasDetector, MapScoring, Pairs
from ctmri_detect.imageops.similar import slice_descriptors
from ctmri_detect.imageops.smooth import masked_gaussian

pytest.importorskip("skops")
from ctmri_detect.persistence import load, save

N, SIZE, SMOOTHING = 48, 32, 1.0
X = np.random.default_rng(0).normal(size=(N, 2, SIZE, SIZE)).astype(np.float32)
NAMES = [f"Doe-{i // 2:03d}" for i in range(N)]


def fitted(bank):
    """The atlas: its residuals are the slices themselves."""
    scoring = MapScoring(bank=bank, smoothing=SMOOTHING)
    return AtlasDetector(map_scoring=scoring).fit(Pairs(X, groups=NAMES))


def stored_images(path, side):
    """All images of this size in a file, as rows of mean 0 and length 1."""
    with zipfile.ZipFile(path) as outer:
        inner = zipfile.ZipFile(io.BytesIO(outer.read("estimator.skops")))
    arrays = [np.load(io.BytesIO(inner.read(n))) for n in inner.namelist() if n.endswith(".npy")]
    images = [a.reshape(-1, side * side) for a in arrays if a.shape[-2:] == (side, side)]
    return unit(np.concatenate(images).astype(np.float64))


def unit(rows):
    """Of mean 0 and length 1."""
    rows = rows - rows.mean(axis=1, keepdims=True)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)


def best_match(path):
    """For each training plane: its largest correlation with any stored image of its form."""
    small = slice_descriptors(X)[:, :, 0]
    forms = [(X, SIZE), (masked_gaussian(X, SMOOTHING), SIZE), (small, small.shape[-1])]
    each = []
    for images, side in forms:
        rows = unit(images.reshape(2 * N, -1).astype(np.float64))
        each.append(np.abs(rows @ stored_images(path, side).T).max(axis=1))
    return np.array(each)


def test_the_default_holds_training_slices_and_a_summary_holds_none(tmp_path):
    for bank in ("slices", "summary"):
        save(fitted(bank), tmp_path / bank)
    assert best_match(tmp_path / "slices").min() > 0.95  # every slice, in each of its forms
    found = best_match(tmp_path / "summary")
    assert found.max() < 0.75
    assert np.median(found) < 0.5  # its share in a mean of eight slices or more
    save(load(tmp_path / "slices").rescore(bank="summary"), tmp_path / "later")
    assert best_match(tmp_path / "later").max() < 0.75


@pytest.mark.parametrize("bank", ["slices", "summary"])
def test_no_file_holds_the_name_of_a_patient(bank, tmp_path):
    own = Pairs(X[:40] + 9, groups=[name.replace("Doe", "Roe") for name in NAMES[:40]])
    save(fitted(bank).recalibrate(own), tmp_path / "model")
    with zipfile.ZipFile(tmp_path / "model") as outer:
        texts = [outer.read(name) for name in outer.namelist()]
    inner = zipfile.ZipFile(io.BytesIO(texts[outer.namelist().index("estimator.skops")]))
    texts += [inner.read(name) for name in inner.namelist()]
    assert not any(name in text for text in texts for name in (b"Doe", b"Roe"))
