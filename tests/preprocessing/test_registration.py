"""The registrar: known motions come back, doubtful ones are left, only the MRI moves."""

from __future__ import annotations

import sys

import cv2
import numpy as np
import pytest
from real_data import DATA
from sklearn.base import clone

from ctmri_detect.imageops.registration import alignment, motion_of, register
from ctmri_detect.imageops.warp import warp_observed
from ctmri_detect.preprocessing.registration import PairRegistrar

sitk = pytest.importorskip("SimpleITK")

SIZE = 128
MOTIONS = [(4.0, (6.0, -3.0)), (-5.0, (-4.0, 7.0)), (0.0, (-7.5, 0.0))]  # degrees, (y, x)


def _ellipse(y, x, at, radii):
    return np.hypot((y - at[0]) / radii[0], (x - at[1]) / radii[1]) < 1


def _head(seed=0):
    """One pair with scalp, skull, ventricles and a few sulci; aligned; no symmetry."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j]
    ct, mri = np.full((SIZE, SIZE), -1000.0), np.zeros((SIZE, SIZE))
    layers = [((0.0, 0.0), (0.78, 0.64), 20, 500), ((0.0, 0.0), (0.72, 0.58), 1100, 40)]
    layers += [((0.0, 0.0), (0.66, 0.52), 35, 250), ((-0.1, 0.16), (0.22, 0.07), 5, 800)]
    layers += [((-0.05, -0.15), (0.2, 0.09), 5, 800), ((0.35, 0.0), (0.05, 0.3), 5, 800)]
    layers += [(tuple(rng.uniform(-0.4, 0.4, 2)), (0.04, 0.12), 8, 700) for _ in range(5)]
    for at, radii, hu, signal in layers:
        inside = _ellipse(y, x, at, radii)
        ct[inside], mri[inside] = hu, signal
    planes = [cv2.GaussianBlur(p, (0, 0), 1.0) for p in (ct, mri)]
    noise = rng.normal(size=(2, SIZE, SIZE)) * np.array([5, 10])[:, None, None]
    return (np.stack(planes) + noise).astype(np.float32)


def _matrix(angle, shift, scale=1.0):
    matrix = cv2.getRotationMatrix2D(((SIZE - 1) / 2, (SIZE - 1) / 2), angle, scale)
    matrix[:, 2] += shift[::-1]
    return matrix


def _displace(pair, matrix):
    return np.stack([pair[0], warp_observed(pair[1], matrix, pair[1].shape)])


def _error(found, truth):
    """Root mean square displacement over a disc, pixels, of `found` after `truth`."""
    y, x = np.mgrid[:SIZE, :SIZE]
    head = np.hypot(y - SIZE / 2, x - SIZE / 2) < 0.35 * SIZE
    points = np.stack([x[head], y[head], np.ones(head.sum())])
    there = np.vstack([truth @ points, np.ones(points.shape[1])])
    return np.sqrt(((found @ there - points[:2]) ** 2).sum(axis=0).mean())


@pytest.fixture(scope="module")
def X():
    pairs = [_displace(_head(i), _matrix(*motion)) for i, motion in enumerate(MOTIONS)]
    X = np.stack(pairs)
    X.setflags(write=False)
    return X


@pytest.fixture(scope="module")
def table(X):
    return PairRegistrar().estimate(X)


@pytest.mark.parametrize("motion", MOTIONS)
@pytest.mark.parametrize("masked", [False, True])
def test_a_known_motion_is_found(motion, masked):
    truth = _matrix(*motion)
    pair = _displace(_head(7), truth)
    if masked:  # as a brain mask from the CT does it
        y, x = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j]
        pair[:, ~_ellipse(y, x, (0.0, 0.0), (0.66, 0.52))] = np.nan
    assert _error(register(*pair), truth) < 0.5


@pytest.mark.parametrize("gap", [slice(70, None), (np.arange(SIZE) // 16) % 4 == 1])
def test_gaps_that_do_not_move_along_take_no_part(gap):
    truth = _matrix(*MOTIONS[1])
    pair = _displace(_head(7), truth)
    pair[:, :, gap] = np.nan
    assert _error(register(*pair), truth) < 0.5


def test_a_stretch_is_found_by_affine_alone():
    truth = _matrix(3.0, (3.0, -2.0), 1.06)
    truth[0] *= 0.97
    pair = _displace(_head(3), truth)
    assert _error(register(*pair, transform="affine"), truth) < 0.5
    rigid, affine = (PairRegistrar(motion).estimate(pair[None]) for motion in ("rigid", "affine"))
    assert rigid["scale_min"][0] == pytest.approx(1) == rigid["scale_max"][0]
    assert affine["scale_max"][0] == pytest.approx(1 / (1.06 * 0.97), abs=0.02)
    assert affine["scale_min"][0] == pytest.approx(1 / 1.06, abs=0.02)
    assert affine["nmi_after"][0] > rigid["nmi_after"][0]
    bound = PairRegistrar("affine", max_stretch=0.02).estimate(pair[None])
    assert bound["reason"][0] == "beyond the bounds"


def test_estimate_says_how_the_mri_was_moved_back(table):
    for row, (angle, _) in zip(table.itertuples(), MOTIONS, strict=True):
        assert row.accepted
        assert row.rotation == pytest.approx(-angle, abs=0.5)  # OpenCV: + is counter-clockwise
    assert table["shift_y"][2] == pytest.approx(7.5, abs=0.5)
    assert table["shift_x"][2] == pytest.approx(0.0, abs=0.5)


def test_transform_does_what_estimate_says(X, table):
    out = PairRegistrar().fit_transform(X)
    assert out.dtype == np.float32
    np.testing.assert_array_equal(out[:, 0], X[:, 0])
    for i in range(len(X)):
        aligned = _head(i)[1]
        seen = np.isfinite(out[i, 1])
        assert 0.85 < seen.mean() < 1  # what came from outside the image is not observed
        assert np.corrcoef(out[i, 1][seen], aligned[seen])[0, 1] > 0.98
        seen &= np.isfinite(X[i, 1])
        assert np.corrcoef(X[i, 1][seen], aligned[seen])[0, 1] < 0.9
    assert (table["nmi_after"] > table["nmi_before"] + 0.01).all()


def test_aligned_pairs_stay_bit_by_bit():
    X = np.stack([_head(i) for i in range(2)])
    registrar = PairRegistrar()
    np.testing.assert_array_equal(registrar.transform(X), X)
    table = registrar.estimate(X)
    assert (table["reason"] == "no gain").all()
    assert table[["shift_y", "shift_x", "rotation"]].abs().to_numpy().max() < 0.5


@pytest.mark.parametrize(
    "registrar", [PairRegistrar(max_shift=3), PairRegistrar(max_rotation=1.0, max_shift=12)]
)
def test_no_motion_beyond_the_bounds_is_used(registrar, X):
    out = registrar.transform(X[:2])
    table = registrar.estimate(X[:2])
    stayed = [np.array_equal(*each, equal_nan=True) for each in zip(out, X[:2], strict=True)]
    np.testing.assert_array_equal(stayed, ~table["accepted"])
    used = table[table["accepted"]]
    assert (used[["shift_y", "shift_x"]].abs() <= registrar.max_shift).all(axis=None)
    assert (used["rotation"].abs() <= registrar.max_rotation).all()
    assert "beyond the bounds" in set(table["reason"])


def test_min_gain_decides(X, table):
    gain = float((table["nmi_after"] - table["nmi_before"]).min())
    least = table["nmi_after"].sub(table["nmi_before"]).argmin()
    for step, accepted in ((-1e-6, True), (1e-6, False)):
        again = PairRegistrar(min_gain=gain + step).estimate(X[least : least + 1])
        assert again["accepted"][0] == accepted


def test_planes_with_nothing_to_compare_stay_as_they_are(X):
    X = np.array(X[[0, 0, 0, 0]])
    X[0, 0], X[1, 1], X[2, 1] = np.nan, np.nan, 100.0
    X[3] = np.nan
    X[3, 0, :30, :30] = np.arange(900).reshape(30, 30)
    X[3, 1, -30:, -30:] = np.arange(900).reshape(30, 30)  # no pixel in common
    registrar = PairRegistrar()
    np.testing.assert_array_equal(registrar.transform(X), X)
    table = registrar.estimate(X)
    assert table["reason"][:3].tolist() == [
        "a plane is missing",
        "a plane is missing",
        "nothing to register",
    ]
    assert not table["accepted"].any()
    assert table.loc[:2, "shift_y":"nmi_after"].isna().all(axis=None)


def test_samples_do_not_depend_on_each_other_nor_on_threads(X, table):
    registrar, before = PairRegistrar(), sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    try:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(3)
        alone = registrar.estimate(X[1:2])
        assert sitk.ProcessObject.GetGlobalDefaultNumberOfThreads() == 3
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)
    assert alone.iloc[0, 1:].tolist() == table.iloc[1, 1:].tolist()


def test_the_units_do_not_matter(X, table):
    scaled = X[:1] * np.array([1, -3e4])[:, None, None] + 7e3
    again = PairRegistrar().estimate(scaled)
    columns = ["shift_y", "shift_x", "rotation"]
    np.testing.assert_allclose(again[columns], table[columns][:1], atol=0.1)


def test_motion_is_read_off_a_matrix():
    motion = motion_of(_matrix(7.0, (2.0, -3.0), 1.1), (SIZE, SIZE))
    np.testing.assert_allclose(motion, (2, -3, 7, 1.1, 1.1), atol=1e-9)


def test_alignment_of_no_motion_is_no_gain(X):
    before, after = alignment(X[0, 0], X[0, 1], np.eye(2, 3))
    assert before == after
    assert 1 < before < 2


@pytest.mark.parametrize(
    "registrar",
    [
        PairRegistrar("elastic"),
        PairRegistrar(max_shift=0),
        PairRegistrar(max_rotation=60),
        PairRegistrar(max_stretch=0.7),
        PairRegistrar(min_gain=-1),
    ],
)
def test_bad_parameters_are_refused(registrar, X):
    for verb in (registrar.fit, registrar.transform, registrar.estimate):
        with pytest.raises(ValueError, match="expected"):
            verb(X)


def test_parameters_survive_clone():
    assert clone(PairRegistrar("affine", max_shift=5)).get_params()["max_shift"] == 5


def test_without_simpleitk_the_error_names_the_cure(X, monkeypatch):
    monkeypatch.setitem(sys.modules, "SimpleITK", None)
    with pytest.raises(ImportError, match=r"ctmri_detect\[itk\]"):
        PairRegistrar().transform(X)


@pytest.mark.skipif(not (DATA / "brain_pairs").is_dir(), reason="no real images here")
def test_real_pairs_follow_a_known_motion():
    names = ["case41_slice019.png", "case34_slice015.png"]
    folders = [DATA / "brain_pairs" / modality for modality in ("CT", "MRI")]
    X = np.stack([[cv2.imread(str(f / n), cv2.IMREAD_GRAYSCALE) for f in folders] for n in names])
    extra = cv2.getRotationMatrix2D((127.5, 127.5), 4.0, 1.0)
    extra[:, 2] += [6.0, -5.0]
    for pair in X.astype(np.float32):
        still = register(*pair)
        moved = register(pair[0], warp_observed(pair[1], extra, pair[1].shape))
        both = motion_of(moved @ np.vstack([extra, [0, 0, 1]]), (256, 256))
        np.testing.assert_allclose(both, motion_of(still, (256, 256)), atol=1.0)
