"""Laws of the one way from residuals to maps and scores."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from heads import make_heads, plant
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.imageops.smooth import masked_gaussian
from ctmri_detect.scoring import MapScoring, reference

X = make_heads(24)
R = X - np.nan_to_num(X).sum(axis=0) / np.maximum((~np.isnan(X)).sum(axis=0), 1).astype(np.float32)
PATIENT = np.repeat(np.arange(8), 3)
SEEN = ~np.isnan(X)
DISC = plant(X[0], 0, at=(16, 9))[1]  # seen in every slice, and clear of the centre column
MIRRORED = DISC[:, ::-1]

REFERENCES = ["similar", "position", None]
SETTINGS = [
    {},
    {"reference": "position", "symmetry": False},
    {"reference": None, "smoothing": 0.0, "scales": 0.0, "fusion": "max"},
    {"scales": 2.0, "symmetry": "required"},
    {"n_neighbors": 4, "symmetry_tolerance": 0, "pool_fraction": 0.2},
    {"clip": 2.0, "false_positive_rate": 0.3},
]


@cache
def fitted(**settings):
    """Fitted once and shared: whoever changes it takes a fresh one."""
    return MapScoring(**settings).fit(R, X, PATIENT)


def with_lesion(rows, amount, disc=DISC, plane=0):
    odd = R[rows].copy()
    odd[:, plane, disc] += amount
    return odd


# form and bounds ----------------------------------------------------------------------------


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_maps_have_a_value_exactly_where_the_residual_has(settings):
    scoring = fitted(**settings)
    z, heat, scores = (
        f(R, X) for f in (scoring.z_maps, scoring.anomaly_map, scoring.score_samples)
    )
    assert z.dtype == heat.dtype == np.float32
    assert scores.dtype == np.float64
    assert_array_equal(np.isnan(z), ~SEEN)
    assert_array_equal(np.isnan(heat), ~SEEN.any(axis=1))
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_no_residual_is_so_wild_that_it_leaves_the_bounds(settings):
    scoring = fitted(**settings)
    wild = R * np.float32(1e4)
    wild[0, 0, 12:20, 12:20] = 1e8
    assert np.nanmax(np.abs(scoring.z_maps(wild, X))) == scoring.clip
    heat, scores = scoring.anomaly_map(wild, X), scoring.score_samples(wild, X)
    assert np.nanmin(heat) >= 0
    assert np.nanmax(heat) <= scoring.clip * (1 + 1e-6)
    assert scores.max() <= 0
    assert scores.min() >= -(scoring.clip**2) * (1 + 1e-6)


def test_maps_stay_float32_whatever_number_the_bound_is():
    scoring = fitted(clip=np.float64(4))
    assert scoring.z_maps(R, X).dtype == np.float32
    assert scoring.anomaly_map(R, X).dtype == np.float32


def test_the_map_is_the_root_of_what_is_pooled():
    scoring = fitted(pool_fraction=1.0)
    mean = np.nanmean(scoring.anomaly_map(R, X).astype(np.float64) ** 2, axis=(1, 2))
    assert_allclose(scoring.score_samples(R, X), -mean, rtol=1e-5)
    single = fitted(pool_fraction=1e-9)
    assert_allclose(
        single.score_samples(R, X),
        -(np.nanmax(single.anomaly_map(R, X), axis=(1, 2)) ** 2),
        rtol=1e-5,
    )


# invariances --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("factor", [2.0**-6, 3.7, 1e4])
def test_the_unit_of_the_residual_does_not_matter(name, factor):
    plain = fitted(reference=name)
    scaled = MapScoring(reference=name).fit(R * np.float32(factor), X, PATIENT)
    test = with_lesion(np.arange(6), 0.3)
    assert_allclose(
        scaled.score_samples(test * np.float32(factor), X[:6]),
        plain.score_samples(test, X[:6]),
        rtol=1e-3,
    )
    assert scaled.offset_ == pytest.approx(plain.offset_, rel=1e-3)


@pytest.mark.parametrize("name", REFERENCES)
def test_dark_and_bright_are_equally_odd(name):
    plain, negative = fitted(reference=name), MapScoring(reference=name).fit(-R, X, PATIENT)
    assert_allclose(negative.z_maps(-R, X), -plain.z_maps(R, X), atol=1e-4)
    assert_allclose(negative.anomaly_map(-R, X), plain.anomaly_map(R, X), atol=1e-3)


@pytest.mark.parametrize("name", ["similar", "position"])
def test_what_all_slices_share_is_no_evidence(name):
    whole = make_heads(16, mask=False)
    residual = whole - whole.mean(axis=0)
    pattern = np.random.default_rng(0).normal(size=whole.shape[1:]).astype(np.float32)
    settings = {"reference": name, "symmetry": False, "n_neighbors": 5}
    plain = MapScoring(**settings).fit(residual, whole)
    shifted = MapScoring(**settings).fit(residual + pattern, whole)
    assert_allclose(
        shifted.z_maps(residual + pattern, whole), plain.z_maps(residual, whole), atol=2e-3
    )


def test_without_a_reference_only_the_unit_is_learned():
    scoring = fitted(reference=None, symmetry=False)
    other = make_heads(24, seed=9)
    assert_array_equal(scoring.z_maps(R, X), scoring.z_maps(R, other))
    constant = np.where(SEEN, np.float32(0.7), np.float32(np.nan))
    z = scoring.z_maps(constant, X)
    for plane in range(2):
        values = z[:, plane][SEEN[:, plane]]
        assert_allclose(values, values[0], rtol=1e-4)
        assert values[0] > 0


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_the_order_of_the_samples_does_not_matter(settings):
    order = np.random.default_rng(1).permutation(24)
    plain = fitted(**settings)
    assert_array_equal(plain.anomaly_map(R[order], X[order]), plain.anomaly_map(R, X)[order])
    shuffled = MapScoring(**settings).fit(R[order], X[order], PATIENT[order])
    assert_allclose(shuffled.score_samples(R, X), plain.score_samples(R, X), rtol=1e-4)
    assert_allclose(
        shuffled.calibration_scores_, plain.calibration_scores_[order], rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("n", [1, 5, 16, 17])
def test_a_score_does_not_depend_on_its_company(n):
    scoring = fitted()
    assert_array_equal(scoring.score_samples(R[:n], X[:n]), scoring.score_samples(R, X)[:n])


def rescaled(smoothing, scale, clip):
    """What one scale makes of the residuals, without a reference."""
    smooth = masked_gaussian(R, smoothing)
    unit = np.sqrt(np.nanmean(smooth.astype(np.float64) ** 2, axis=(0, 2, 3)))
    z = masked_gaussian(smooth / unit[:, None, None], scale)
    each = np.sqrt(np.nanmean(z.astype(np.float64) ** 2, axis=(2, 3)))
    return np.clip(z / np.median(each, axis=0)[:, None, None], -clip, clip)


@pytest.mark.parametrize(("smoothing", "scale"), [(0.0, 0.0), (0.8, 1.2), (2.0, 0.5)])
def test_residuals_are_smoothed_before_the_comparison_and_z_maps_after(smoothing, scale):
    settings = {"reference": None, "symmetry": False, "smoothing": smoothing, "clip": 3.0}
    expected = rescaled(smoothing, scale, 3.0)
    for scales in (scale, [scale], (scale, scale), np.array([scale] * 3)):
        z = MapScoring(scales=scales, **settings).fit(R, X, PATIENT).z_maps(R, X)
        assert_allclose(z, expected, rtol=1e-3, atol=1e-4)


def test_of_several_scales_remains_the_signed_geometric_mean():
    scales = (0.7, 1.5, 3.0)
    scoring = MapScoring(reference=None, symmetry=False, scales=scales, clip=4.0).fit(R, X, PATIENT)
    each = np.stack([rescaled(2.0, scale, 4.0) for scale in scales])
    alike = (each > 0).all(axis=0) | (each < 0).all(axis=0) | np.isnan(each[0])
    expected = np.where(alike, np.cbrt(each.prod(axis=0)), 0)
    assert 0.2 < alike.mean() < 0.98
    assert_allclose(scoring.z_maps(R, X), expected, rtol=1e-3, atol=1e-3)
    turned = MapScoring(reference=None, symmetry=False, scales=scales[::-1], clip=4.0).fit(
        R, X, PATIENT
    )
    assert_allclose(turned.anomaly_map(R, X), scoring.anomaly_map(R, X), rtol=1e-4, atol=1e-4)


def test_a_few_slices_with_lesions_hardly_change_the_unit_of_the_map():
    sick = R.copy()
    sick[PATIENT == 5] += 3 * DISC
    settings = {"reference": None, "symmetry": False, "smoothing": 0.0, "clip": np.inf}
    plain, spoilt = (MapScoring(**settings).fit(r, X, PATIENT) for r in (R, sick))
    ratio = spoilt.sd_ * spoilt.bank_.pooled_sd_[:, :, None, None] / plain.sd_
    expected = np.broadcast_to(plain.bank_.pooled_sd_[:, :, None, None], ratio.shape)
    assert_allclose(ratio, expected, rtol=0.1)


def test_where_symmetry_is_required_only_what_both_comparisons_show_counts():
    one, both = with_lesion([0], 0.5), with_lesion([0], 0.5, DISC | MIRRORED)
    seen, power = {}, {}
    for symmetry in (True, "required"):
        scoring = fitted(symmetry=symmetry)
        alone, mirrored = (scoring.anomaly_map(r, X[:1])[0][DISC] ** 2 for r in (one, both))
        seen[symmetry], power[symmetry] = alone.mean(), mirrored.mean()
    assert seen["required"] > 0.9 * seen[True]  # a lesion on one side stays
    assert power[True] > 0.4 * seen[True]  # a bilateral one counts half ...
    assert power["required"] < 0.1 * seen["required"]  # ... or not at all


# references ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["similar", "position"])
@pytest.mark.parametrize("symmetry", [False, True])
def test_a_patient_is_never_the_own_reference(name, symmetry):
    sick = PATIENT == 3
    residual = R.copy()
    residual[sick] += 0.2 * DISC
    settings = {
        "reference": name,
        "symmetry": symmetry,
        "n_neighbors": 8,
        "smoothing": 1.4,
        "scales": 1.4,
    }
    settings |= {"clip": 9.0, "pool_fraction": 0.01}
    known = MapScoring(**settings).fit(residual, X, PATIENT).calibration_scores_
    unknown = MapScoring(**settings).fit(residual, X).calibration_scores_
    healthy = MapScoring(**settings).fit(R[~sick], X[~sick], PATIENT[~sick])
    unseen = healthy.score_samples(residual[sick], X[sick])
    # who is known as one patient stands out about as much as who was never seen
    assert known[sick].max() < 2 * known[~sick].min()
    assert_allclose(known[sick], unseen, rtol=0.1)
    assert (known[sick] < 1.5 * unknown[sick]).all()


def test_the_own_slices_of_one_patient_are_better_than_no_reference():
    scoring = MapScoring().fit(R, X, np.zeros(24))
    assert np.isfinite(scoring.calibration_scores_).all()
    assert_allclose(scoring.calibration_scores_, scoring.score_samples(R, X))


def test_similar_slices_tell_two_kinds_apart_where_the_place_cannot():
    kind = np.arange(24) % 2 == 0
    pairs, residual = X.copy(), R.copy()
    pairs[kind, 0] += 1.0  # two kinds of slices, to be seen in the images,
    residual[kind, 0] += 0.5  # that leave two kinds of residuals
    crossed = R.copy()
    crossed[~kind, 0] += 0.5  # the residual of the other kind
    scores = {}
    for name in ("similar", "position"):
        scoring = MapScoring(reference=name, n_neighbors=8, symmetry=False, pool_fraction=0.5)
        scoring.fit(residual, pairs, PATIENT)
        scores[name] = scoring.score_samples(residual, pairs).mean()
        scores[name, "crossed"] = scoring.score_samples(crossed, pairs).mean()
    assert scores["position", "crossed"] == pytest.approx(scores["position"], rel=0.1)
    assert scores["similar", "crossed"] < 2 * scores["similar"]
    assert scores["similar", "crossed"] < 2 * scores["position", "crossed"]


@pytest.mark.parametrize("many", [24, 30, 1000])
def test_all_slices_similar_is_the_place(many):
    assert_array_equal(
        fitted(n_neighbors=many).anomaly_map(R, X), fitted(reference="position").anomaly_map(R, X)
    )


# symmetry -----------------------------------------------------------------------------------


def test_what_both_hemispheres_show_counts_half():
    both = np.where(np.isnan(R), R[..., ::-1], R)
    both = (both + both[..., ::-1]) / 2
    settings = {"reference": None, "pool_fraction": 0.05}
    plain = MapScoring(symmetry=False, **settings).fit(both, X)
    mirrored = MapScoring(symmetry=True, **settings).fit(both, X)
    assert_allclose(
        mirrored.anomaly_map(both, X) ** 2, plain.anomaly_map(both, X) ** 2 / 2, rtol=1e-4
    )
    assert_allclose(mirrored.score_samples(both, X), plain.score_samples(both, X) / 2, rtol=1e-4)


@pytest.mark.parametrize("name", REFERENCES)
def test_symmetry_only_confirms(name):
    plain, mirrored = fitted(reference=name, symmetry=False), fitted(reference=name)
    odd = with_lesion(np.arange(24), 0.4)
    assert_array_equal(plain.z_maps(odd, X), mirrored.z_maps(odd, X))
    least = plain.anomaly_map(odd, X) ** 2 / 2
    assert (mirrored.anomaly_map(odd, X) ** 2 >= least * (1 - 1e-4))[SEEN.any(axis=1)].all()


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("amount", [0.4, -0.4])
def test_a_lesion_is_hot_and_leaves_no_ghost_on_the_other_side(name, amount):
    scoring, rows = fitted(reference=name), np.arange(8)
    before = scoring.anomaly_map(R[rows], X[rows])
    after = scoring.anomaly_map(with_lesion(rows, amount), X[rows])
    gained = after - before
    assert gained[:, DISC].mean() > 2.5
    assert np.abs(gained[:, MIRRORED]).mean() < 0.2 * gained[:, DISC].mean()
    # the contrast alone has the ghost that the map must not have
    shown = scoring._evidence(with_lesion(rows, amount))[:, 1, 0]
    assert (np.sign(amount) * shown[:, DISC]).mean() > 0.05
    assert (np.sign(amount) * shown[:, MIRRORED]).mean() < -0.05


def test_no_residual_on_the_healthy_side_is_no_evidence_there():
    scoring = fitted(reference=None, smoothing=1.0)
    clean = np.where(SEEN[:1], np.float32(0), np.float32(np.nan))
    clean[:, 0, DISC] = 2
    heat = scoring.anomaly_map(clean, X[:1])[0]
    assert heat[DISC].min() > 2
    assert heat[MIRRORED].max() < 0.01


def test_one_side_counts_more_than_both():
    scoring = fitted()
    one, both = with_lesion(np.arange(8), 0.4), with_lesion(np.arange(8), 0.4, DISC | MIRRORED)
    plain = fitted(symmetry=False)
    assert (scoring.score_samples(one, X[:8]) < 1.3 * scoring.score_samples(both, X[:8])).all()
    assert_allclose(plain.score_samples(one, X[:8]), plain.score_samples(both, X[:8]), rtol=0.1)


def test_a_larger_tolerance_forgives_more():
    lopsided = np.where(SEEN, np.float32(0), np.float32(np.nan))
    lopsided[:, :, DISC] = 1
    lopsided[:, :, np.roll(MIRRORED, 2, axis=1)] = 1
    contrast = [
        np.nansum(np.abs(MapScoring(symmetry_tolerance=t)._evidence(lopsided)[:, 1]))
        for t in (0, 1, 2, 3)
    ]
    assert contrast == sorted(contrast, reverse=True)
    assert contrast[-1] < 0.3 * contrast[0]


# planes, pooling, threshold -----------------------------------------------------------------


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("plane", [0, 1])
def test_one_plane_alone_is_judged_by_itself(name, plane):
    half, pairs = R.copy(), X.copy()
    half[:, 1 - plane] = pairs[:, 1 - plane] = np.nan
    mean, most = fitted(reference=name), fitted(reference=name, fusion="max")
    heat = mean.anomaly_map(half, pairs)
    assert_array_equal(np.isnan(heat), ~SEEN[:, plane])
    assert_array_equal(heat, most.anomaly_map(half, pairs))
    z = mean.z_maps(half, pairs)
    assert np.isnan(z[:, 1 - plane]).all()
    assert (heat >= np.abs(z[:, plane]) / np.sqrt(2) * (1 - 1e-4))[SEEN[:, plane]].all()
    assert np.isfinite(mean.score_samples(half, pairs)).all()


def test_the_larger_plane_is_at_least_the_mean_and_at_most_twice():
    mean, most = (fitted(fusion=f).anomaly_map(R, X) ** 2 for f in ("mean", "max"))
    seen = SEEN.all(axis=1)
    assert (most >= mean * (1 - 1e-5))[seen].all()
    assert (most <= 2 * mean * (1 + 1e-5))[seen].all()


def test_a_wider_pool_is_never_more_anomalous():
    scores = [fitted(pool_fraction=f).score_samples(R, X) for f in (0.001, 0.01, 0.1, 0.5, 1.0)]
    for narrow, wide in pairwise(scores):
        assert (wide >= narrow).all()
        assert (wide > narrow).any()


@pytest.mark.parametrize(("rate", "rank"), [(0.04, 1), (0.25, 6), (0.5, 12), (0.99, 24)])
def test_the_threshold_is_that_of_conformal_prediction(rate, rank):
    scoring = fitted(false_positive_rate=rate)
    assert len(scoring.calibration_scores_) == 24
    assert scoring.offset_ == np.sort(scoring.calibration_scores_)[rank - 1]


def test_a_residual_that_does_not_fit_x_is_refused():
    scoring, new = fitted(), R[:2]
    for wrong in (new[:1], new[:, :, :-1], new[:, :1], new[0], np.full(new.shape, "a")):
        with pytest.raises(InvalidPairsError, match="residual has shape"):
            MapScoring().fit(wrong, new)
        for verb in ("score_samples", "anomaly_map", "z_maps"):
            with pytest.raises(InvalidPairsError, match=r"expected numbers of shape \(2, 2"):
                getattr(scoring, verb)(wrong, new)


# parameters ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("reference", "nearest"), ("reference", True), ("n_neighbors", 0), ("n_neighbors", -3),
        ("symmetry_tolerance", -1), ("smoothing", -0.1), ("smoothing", np.nan), ("clip", 0),
        ("clip", -1.0), ("clip", np.nan), ("fusion", "sum"), ("fusion", None),
        ("pool_fraction", 0.0), ("pool_fraction", 1.1), ("pool_fraction", np.nan),
        ("false_positive_rate", -0.1), ("false_positive_rate", 1.0),
    ],
)  # fmt: skip
def test_a_parameter_out_of_range_is_named_in_fit(name, value):
    scoring = MapScoring(**{name: value})  # the constructor only remembers
    with pytest.raises(ValueError, match=rf"MapScoring's {name} is .*; expected"):
        scoring.fit(R, X)
    with pytest.raises(ValueError, match=name):
        MapScoring(**{name: value}).fit_again(fitted())


def test_it_is_an_estimator():
    scoring = MapScoring(clip=3.0)
    assert clone(scoring).get_params() == scoring.get_params()
    assert scoring.fit(R, X) is scoring
    assert scoring.residual_ is not R
    for verb in (MapScoring().z_maps, MapScoring().anomaly_map, MapScoring().score_samples):
        with pytest.raises(NotFittedError):
            verb(R, X)
    with pytest.raises(NotFittedError):
        MapScoring().fit_again(MapScoring())
    with pytest.raises(InvalidPairsError):
        MapScoring().fit(R, X[:, 0])
    with pytest.raises(InvalidPairsError, match="groups"):
        MapScoring().fit(R, X, PATIENT[1:])


def test_the_residuals_of_the_caller_are_left_alone():
    residual, pairs = R.copy(), X.copy()
    residual.flags.writeable = pairs.flags.writeable = False
    scoring = MapScoring().fit(residual, pairs, PATIENT)
    assert_array_equal(scoring.score_samples(residual, pairs), fitted().score_samples(R, X))


@pytest.mark.parametrize("before", SETTINGS, ids=str)
@pytest.mark.parametrize("after", SETTINGS[:3], ids=str)
def test_fitting_again_equals_a_fresh_fit(before, after):
    again, fresh = MapScoring(**after).fit_again(fitted(**before)), fitted(**after)
    assert again.offset_ == fresh.offset_
    assert_array_equal(again.calibration_scores_, fresh.calibration_scores_)
    assert_array_equal(again.anomaly_map(R, X), fresh.anomaly_map(R, X))


def test_what_is_kept_is_bounded(monkeypatch):
    monkeypatch.setattr(reference, "BANK_SLICES", 10)
    scoring = fitted.__wrapped__()
    assert len(scoring.residual_) == 10
    assert len(scoring.calibration_scores_) == len(scoring.calibration_groups_) == 24
    assert len(scoring.bank_.values_) == len(scoring.codes_) == 10
    assert np.isfinite(scoring.score_samples(R, X)).all()
    monkeypatch.setattr(reference, "BANK_BYTES", 6 * 4 * 2 * X[0].size)  # two kinds, float32
    assert len(fitted.__wrapped__().residual_) == 6
    assert len(fitted.__wrapped__(symmetry=False).residual_) == 10
