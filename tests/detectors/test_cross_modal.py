"""Laws of the disagreement between CT and MRI."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest
from heads import make_heads, plant
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import gaussian_filter, shift
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from ctmri_detect import AtlasDetector, CrossModalDetector
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.detectors.cross_modal.residual import EVIDENCE
from ctmri_detect.exceptions import InvalidPairsError, MissingModalityError, UnpairedDataWarning
from ctmri_detect.imageops.position import position_statistics
from ctmri_detect.networks.training.settings import Training
from ctmri_detect.persistence import load, save
from ctmri_detect.preprocessing import make_preprocessor
from ctmri_detect.scoring import POOLING, MapScoring
from ctmri_detect.validation import PairReader

torch = pytest.importorskip("torch")

BRIEF = Training(max_epochs=6, batch_size=512, lr=5e-3)
PATIENT = np.arange(24) // 12  # two patients: three fits


def blobs(n, seed):
    """One tissue map a sample, with no anatomy in common: only the other modality tells."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(size=(n, 1, 8, 8)).astype(np.float32)
    tissue = np.kron(coarse, np.ones((4, 4), np.float32))
    noise = 0.1 * rng.normal(size=(n, 2, 32, 32)).astype(np.float32)
    return np.concatenate([tissue, -tissue], axis=1) + noise


def contradict(pair, seed):
    """MRI of dark tissue where the CT shows bright, and the other way; both are everyday ones."""
    out, where = pair.copy(), (slice(8, 16), slice(8, 16))
    noise = 0.1 * np.random.default_rng(seed).normal(size=(8, 8))
    out[1][where] = np.sign(pair[0][where]) + noise
    return out


def small(**settings):
    defaults = {"pixels_per_slice": 200, "training": BRIEF, "device": "cpu", "tolerance": 0}
    defaults["evidence"] = ("mismatch", "within")
    return CrossModalDetector(**{**defaults, "random_state": 0, **settings})


X, TEST = blobs(24, 0), blobs(12, 1)
HEADS, HEADS_TEST = make_heads(24), make_heads(6, seed=4)


@pytest.fixture(scope="module")
def mismatch():
    return small(evidence=("mismatch",)).fit(X, groups=PATIENT)


@pytest.fixture(scope="module")
def both():
    return small().fit(HEADS, groups=PATIENT)


@pytest.fixture(scope="module")
def within():
    return small(evidence=("within",)).fit(HEADS, groups=PATIENT)


# what it finds ------------------------------------------------------------------------------


def test_a_contradiction_is_found_that_neither_plane_shows(mismatch):
    odd = np.stack([contradict(pair, seed) for seed, pair in enumerate(TEST)])
    y = np.repeat([1, -1], len(TEST))
    pairs = np.concatenate([TEST, odd])
    assert roc_auc_score(y, mismatch.score_samples(pairs)) > 0.95
    assert roc_auc_score(y, AtlasDetector().fit(X).score_samples(pairs)) < 0.75
    heat = mismatch.anomaly_map(odd)
    inside = np.zeros((32, 32), bool)
    inside[8:16, 8:16] = True
    assert heat[:, inside].mean() > 2 * heat[:, ~inside].mean()


def test_the_residual_is_standardised_whatever_the_units(mismatch):
    residual = mismatch.residual_map(TEST)
    assert abs(np.median(residual)) < 0.3
    unit = np.array([64, 1 / 32], np.float32)[:, None, None]
    other = small(evidence=("mismatch",)).fit(X * unit, groups=PATIENT)
    assert_allclose(other.residual_map(TEST * unit), residual, atol=0.02)
    assert_allclose(other.score_samples(TEST * unit), mismatch.score_samples(TEST), rtol=0.02)


def test_the_residual_is_bright_where_the_plane_is_brighter_than_predicted(mismatch):
    for plane in (0, 1):
        for amount in (1.5, -1.5):
            pairs = np.stack([plant(pair, plane, amount=amount, at=(18, 20))[0] for pair in TEST])
            disc = plant(TEST[0], plane, at=(18, 20))[1]
            gained = mismatch.residual_map(pairs) - mismatch.residual_map(TEST)
            assert np.sign(amount) * gained[:, plane][:, disc].mean() > 1


def test_a_scanners_brightness_and_contrast_do_not_count(mismatch):
    """Recalibration: another offset of one modality is no disagreement."""
    darker = TEST.copy()
    darker[:, 1] -= 0.3
    plain = mismatch.residual_map(TEST)[:, 1]
    assert_allclose(mismatch.residual_map(darker)[:, 1], plain, atol=0.02)


def test_agreeing_oddness_needs_the_evidence_within(both, within):
    """Fluid in both planes: as in a ventricle, and in the wrong place."""
    odd = np.stack(
        [plant(plant(p, 0, amount=-0.4, at=(24, 16))[0], 1, amount=0.64, at=(24, 16))[0]
         for p in HEADS_TEST]
    )  # fmt: skip
    y = np.repeat([1, -1], len(odd))
    pairs = np.concatenate([HEADS_TEST, odd])
    pure = small(evidence=("mismatch",)).fit(HEADS, groups=PATIENT)
    assert roc_auc_score(y, both.score_samples(pairs)) > 0.95
    assert roc_auc_score(y, within.score_samples(pairs)) > 0.95
    gap = {d: np.subtract(*np.split(d.score_samples(pairs), 2)).mean() / -d.offset_
           for d in (pure, both)}  # fmt: skip
    assert gap[both] > gap[pure]


# what the residual is -----------------------------------------------------------------------


def test_within_is_the_z_score_at_that_place(within):
    mean, sd = position_statistics(PairReader(HEADS))
    assert_allclose(within.residual_map(HEADS_TEST), (HEADS_TEST - mean) / sd, rtol=1e-4, atol=1e-4)
    assert within.predictor_ is None


def test_the_evidence_together_is_the_weighted_sum_in_unit_variance(both, within):
    alone = small(evidence=["mismatch"]).fit(HEADS, groups=PATIENT)
    parts = {"mismatch": alone.residual_map(HEADS_TEST), "within": within.residual_map(HEADS_TEST)}
    expected = sum(EVIDENCE[name] * part for name, part in parts.items())
    expected = expected / np.sqrt(sum(EVIDENCE[name] ** 2 for name in parts))
    assert_allclose(both.residual_map(HEADS_TEST), expected, rtol=1e-3, atol=1e-3)


ABSENT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "skorch"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
import numpy as np
from ctmri_detect import CrossModalDetector
X = np.random.default_rng(0).normal(size=(10, 2, 16, 16))
CrossModalDetector(evidence=("within",)).fit(X).predict(X)
try:
    CrossModalDetector().fit(X)
except ImportError as error:
    raise SystemExit(0 if "ctmri_detect[torch]" in str(error) else 3)
raise SystemExit(4)
"""


def test_evidence_within_alone_needs_no_torch():
    run = [sys.executable, "-c", ABSENT]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# missing modality ---------------------------------------------------------------------------


def test_the_tag_follows_the_evidence():
    assert get_tags(small()).missing_modality
    assert get_tags(small(evidence=("within",))).missing_modality
    assert not get_tags(small(evidence=("mismatch",))).missing_modality
    assert get_tags(small(evidence=("symmetry",))).missing_modality
    assert not get_tags(small(evidence=("mismatch", "symmetry"))).missing_modality


def test_the_pure_form_refuses_a_missing_modality_by_name(mismatch):
    half = TEST.copy()
    half[4, 0] = np.nan
    half[6, 1] = np.nan
    with pytest.raises(MissingModalityError, match=r"4 \(CT\), 6 \(MRI\); CrossModalDetector"):
        mismatch.score_samples(half)
    with pytest.raises(MissingModalityError):
        small(evidence=("mismatch",)).fit(half)


def test_with_evidence_within_a_single_plane_is_scored_by_it(both, within):
    half = HEADS_TEST.copy()
    half[2, 0] = np.nan
    assert_array_equal(both.residual_map(half)[2], within.residual_map(half)[2])
    assert np.isfinite(both.score_samples(half)).all()
    keep = np.arange(6) != 2
    assert_array_equal(both.score_samples(half)[keep], both.score_samples(HEADS_TEST)[keep])


def test_pixels_seen_in_one_plane_only_are_judged_within(both, within):
    hole = HEADS_TEST.copy()
    hole[:, 1, 10:14, 10:20] = np.nan
    region = np.zeros((32, 32), bool)
    region[10:14, 10:20] = True
    got, expected = both.residual_map(hole), within.residual_map(hole)
    assert_array_equal(got[:, 0, region], expected[:, 0, region])
    assert np.isnan(got[:, 1, region]).all()


def test_planes_that_never_overlap_are_refused():
    apart = X.copy()
    apart[:, 0, :, :16] = np.nan
    apart[:, 1, :, 16:] = np.nan
    with pytest.raises(InvalidPairsError, match="Plane 0 is nowhere observed together"):
        small().fit(apart)


# parameters and randomness ------------------------------------------------------------------


@pytest.mark.parametrize(
    "evidence", [(), ("across",), ("mismatch", "mirror"), "within", "mismatch"]
)
def test_evidence_that_is_none_is_refused(evidence):
    with pytest.raises(ValueError, match=r"evidence is .*mismatch, symmetry, within"):
        small(evidence=evidence).fit(X)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"pixels_per_slice": 0}, "of at least 1"),
        ({"tolerance": -1}, "of at least 0"),
        ({"trim": 0.5}, "below 0.5"),
        ({"predictor": "forest"}, "unet"),
        ({"predictor": 3}, "regressor"),
    ],
)
def test_values_out_of_range_are_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        small(**wrong).fit(X)


def test_one_seed_gives_one_map_and_another_seed_another(both):
    again = small(evidence=["within", "mismatch"]).fit(HEADS, groups=PATIENT)
    assert_array_equal(again.anomaly_map(HEADS_TEST), both.anomaly_map(HEADS_TEST))
    assert again.offset_ == both.offset_
    other = small(random_state=1).fit(HEADS, groups=PATIENT)
    assert not np.array_equal(other.anomaly_map(HEADS_TEST), both.anomaly_map(HEADS_TEST))


@pytest.mark.parametrize("rows", [[3], [3, 1], [5, 3, 0, 3]])
def test_a_map_does_not_depend_on_other_samples(both, rows):
    assert_allclose(
        both.anomaly_map(HEADS_TEST[rows]), both.anomaly_map(HEADS_TEST)[rows], rtol=1e-5, atol=1e-5
    )


def test_defaults_are_made_in_fit_and_reached_by_a_search():
    detector = CrossModalDetector()
    assert detector.training is None
    assert detector.map_scoring is None
    detector.set_params(training__max_epochs=1, map_scoring__clip=4.0)
    assert detector.training.max_epochs == 1
    assert detector.training.schedule == "onecycle"
    assert detector.map_scoring.clip == 4.0


# symmetry -----------------------------------------------------------------------------------


def mirrored_heads(n, seed):
    """Tissue that is the same on both sides, unlike from head to head; no modality tells it."""
    rng = np.random.default_rng(seed)
    half = np.kron(rng.normal(size=(n, 2, 8, 4)), np.ones((4, 4)))
    whole = np.concatenate([half, half[..., ::-1]], axis=-1)
    return (whole + 0.1 * rng.normal(size=whole.shape)).astype(np.float32)


def test_symmetry_alone_sees_what_one_side_has_and_the_other_has_not():
    train, test = mirrored_heads(24, 0), mirrored_heads(12, 1)
    odd = test.copy()
    odd[:, 1, 8:16, 4:12] = -odd[:, 1, 8:16, 4:12]
    detector = small(evidence=("symmetry",)).fit(train, groups=PATIENT)
    y = np.repeat([1, -1], len(test))
    assert roc_auc_score(y, detector.score_samples(np.concatenate([test, odd]))) > 0.95
    assert detector.view_sets_ == {"symmetry": ("mirror",)}
    half = test.copy()
    half[0, 0] = np.nan  # each plane is judged by its own mirror image
    alone, both_planes = detector.residual_map(half), detector.residual_map(test)
    assert_allclose(alone[0, 1], both_planes[0, 1], atol=1e-5)


def test_a_prediction_never_sees_the_pixel_itself():
    """A change of one pixel, far from the midline, leaves its own prediction as it was."""
    detector = small(evidence=("mismatch", "symmetry")).fit(HEADS, groups=PATIENT)
    changed = HEADS_TEST.copy()
    changed[:, 1, 16, 3] += 1.0
    predictor = detector.predictor_
    before, after = (predictor.predict(predictor.describe(x)) for x in (HEADS_TEST, changed))
    assert len(before) == len(after) == 2
    for (mean, _), (other, _) in zip(before, after, strict=True):
        assert_array_equal(mean[:, 1, 16, 3], other[:, 1, 16, 3])


# other predictors ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "predictor",
    [
        pytest.param(HistGradientBoostingRegressor(max_iter=30), marks=pytest.mark.slow),
        make_pipeline(StandardScaler(), Ridge()),
    ],
    ids=["boosting", "ridge"],
)
def test_any_regressor_takes_the_place_of_the_network(predictor):
    detector = small(predictor=predictor, evidence=("mismatch",)).fit(X, groups=PATIENT)
    odd = np.stack([contradict(pair, seed) for seed, pair in enumerate(TEST)])
    y = np.repeat([1, -1], len(TEST))
    assert roc_auc_score(y, detector.score_samples(np.concatenate([TEST, odd]))) > 0.9
    residual = detector.residual_map(TEST)
    assert 0.5 < np.std(residual) < 2
    again = small(predictor=predictor, evidence=("mismatch",)).fit(X, groups=PATIENT)
    assert_array_equal(again.residual_map(TEST), residual)


@pytest.mark.slow
def test_a_unet_finds_the_contradiction_too_and_saves_and_loads(tmp_path):
    settings = {
        "predictor": "unet",
        "evidence": ("mismatch", "symmetry", "within"),
        "training": Training(max_epochs=12, batch_size=4, lr=5e-3),
    }
    detector = small(**settings).fit(X, groups=PATIENT)
    odd = np.stack([contradict(pair, seed) for seed, pair in enumerate(TEST)])
    y = np.repeat([1, -1], len(TEST))
    pairs = np.concatenate([TEST, odd])
    assert roc_auc_score(y, detector.score_samples(pairs)) > 0.9
    save(detector, tmp_path / "model.ctmri")
    loaded = load(tmp_path / "model.ctmri")
    assert_array_equal(loaded.anomaly_map(pairs), detector.anomaly_map(pairs))
    assert_allclose(detector.anomaly_map(pairs[5:6]), detector.anomaly_map(pairs)[5:6], atol=1e-4)


def test_defaults_follow_the_predictor():
    plain = CrossModalDetector().set_params(training__max_epochs=2)
    assert plain.training.batch_size == 2048
    searched = CrossModalDetector(predictor="unet").set_params(training__max_epochs=2)
    assert searched.training.batch_size == 16
    assert searched.training.augmentation == "flip"
    turned = CrossModalDetector().set_params(training__lr=1e-3, predictor="unet")
    assert turned.training.batch_size == 16
    turned.set_params(map_scoring__clip=5.0)
    assert (turned.map_scoring.symmetry, turned.map_scoring.clip) == (False, 5.0)
    assert CrossModalDetector().set_params(map_scoring__clip=5.0).map_scoring.symmetry


# what pairs are like ------------------------------------------------------------------------


def smooth_heads(n, seed):
    """Blobs finer than an octave of the image, alike in both planes but for their contrast."""
    rng = np.random.default_rng(seed)
    tissue = gaussian_filter(rng.normal(size=(n, 1, 64, 64)), (0, 0, 2.5, 2.5)) * 8
    noise = 0.1 * rng.normal(size=(n, 2, 64, 64))
    return (np.concatenate([tissue, 0.5 - tissue], axis=1) + noise).astype(np.float32)


def test_a_shifted_mri_is_moved_back_within_the_tolerance():
    train, test = smooth_heads(16, 0), smooth_heads(6, 1)
    shifted = test.copy()
    shifted[:, 1] = shift(test[:, 1], (0, 2, -3), order=1, mode="nearest")
    odd = []
    for tolerance in (0, 4):
        detector = small(evidence=("mismatch",), tolerance=tolerance)
        detector.fit(train, groups=np.arange(16) // 8)
        inner = (slice(None), slice(None), slice(8, -8), slice(8, -8))
        odd.append([np.std(detector.residual_map(x)[inner]) for x in (test, shifted)])
    assert odd[0][1] > 3 * odd[0][0]  # as they are: every edge is odd
    assert odd[1][1] < 1.3 * odd[1][0]


def test_a_contaminated_training_set_costs_little_with_trimming():
    """One slice in five shows the contradiction; the trimmed fit does not take it for normal."""
    spoilt = X.copy()
    for k in range(0, len(X), 5):
        spoilt[k] = contradict(X[k], k)
    odd = np.stack([contradict(pair, seed) for seed, pair in enumerate(TEST)])
    y = np.repeat([1, -1], len(TEST))
    scores = [
        roc_auc_score(
            y,
            small(evidence=("mismatch",), trim=0.05, map_scoring=MapScoring(reference=None))
            .fit(train, groups=PATIENT)
            .score_samples(np.concatenate([TEST, odd])),
        )
        for train in (X, spoilt)
    ]
    assert scores[1] > scores[0] - 0.05


def test_pooling_profiles_change_the_score_and_need_no_refit(both):
    import copy

    plain = both.score_samples(HEADS_TEST)
    for profile in POOLING.values():
        other = copy.deepcopy(both).rescore(**profile)
        assert not np.allclose(other.score_samples(HEADS_TEST), plain)


# pairs that are none ------------------------------------------------------------------------


def unpaired(pairs):
    out = pairs.copy()
    out[:, 1] = np.roll(pairs[:, 1], 1, axis=0)
    return out


@pytest.mark.parametrize("groups", [None, PATIENT])
def test_pairs_that_are_none_are_said_to_be_once(groups):
    with pytest.warns(UnpairedDataWarning, match=r"check_pairing.*evidence=\('within',\)") as seen:
        small().fit(unpaired(X), groups=groups)
    seen = [warning for warning in seen if warning.category is UnpairedDataWarning]
    assert [warning.filename for warning in seen] == [__file__]


def test_true_pairs_and_evidence_within_alone_bring_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnpairedDataWarning)
        small().fit(X)
        small(evidence=("within",)).fit(unpaired(X))


def test_preprocessed_pairs_are_judged_as_raw_ones():
    pytest.importorskip("nilearn")
    heads = make_phantom_pairs(6, 4, size=96, anomalous_fraction=0.2, random_state=0)
    wrong = np.asarray(heads.data)
    wrong[:, 1] = np.roll(heads.data[:, 1], 4, axis=0)  # another patient, the same level
    brief = small(training=Training(max_epochs=1, batch_size=512, lr=5e-3))
    pipe = make_pipeline(make_preprocessor("hu", size=64), brief)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnpairedDataWarning)
        pipe.fit(heads.data)
    with pytest.warns(UnpairedDataWarning):
        pipe.fit(wrong)
