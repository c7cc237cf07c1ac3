"""Laws of the detector that learns from generic anomalies."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ctmri_detect import AtlasDetector, EnsembleDetector, Pairs, SyntheticAnomalyDetector
from ctmri_detect.detectors.synthetic.channels import Channels
from ctmri_detect.detectors.synthetic.pool import changed, plan, training_pixels, varied
from ctmri_detect.detectors.synthetic.stages import OtherHalf
from ctmri_detect.exceptions import MissingModalityError, UnlikeTrainingWarning
from ctmri_detect.metrics import anomaly_map_average_precision_score
from ctmri_detect.networks.classification import NetworkClassifier
from ctmri_detect.networks.training.settings import Training
from ctmri_detect.persistence import load, save
from ctmri_detect.synthesis import GenericAnomalies
from ctmri_detect.testing import make_heads, plant
from ctmri_detect.validation import PairReader

PATIENTS = np.arange(80) // 2
TRAIN = Pairs(make_heads(80, seed=1), groups=PATIENTS)
NEW = make_heads(12, seed=2)
PLANTED = [plant(pair, 1) for pair in NEW]
ODD, DISC = np.stack([odd for odd, _ in PLANTED]), PLANTED[0][1]


def detector(channels="planes", **params):
    return SyntheticAnomalyDetector(channels=channels, copies=2, random_state=0).set_params(
        **params
    )


@pytest.mark.parametrize(
    ("channels", "stages"),
    [
        ("planes", 1),
        ("all", 2),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in (("planes", 2), ("mismatch", 1), ("residuals", 1))
        ),
    ],
)
def test_a_planted_blob_is_found_and_placed(channels, stages):
    fitted = detector(channels, stages=stages).fit(TRAIN)
    assert fitted.score_samples(ODD).max() < fitted.score_samples(NEW).min()
    masks = np.broadcast_to(DISC, ODD[:, 0].shape)
    assert anomaly_map_average_precision_score(masks, fitted.anomaly_map(ODD)) > 0.8


@pytest.mark.parametrize("amplitude", [1e-6, 3.0])
def test_only_changes_that_can_be_seen_are_anomalous(amplitude):
    anomalies = GenericAnomalies(amplitude=(amplitude, amplitude), modes=("add",))
    copies = plan(PATIENTS, 80, 1, 10**6, np.random.RandomState(0))
    reader = PairReader(np.asarray(TRAIN), groups=PATIENTS)
    pixels = training_pixels(reader, copies, anomalies, lambda block, rows: block, 10**6)
    assert pixels.anomalous.any() == (amplitude > 1)


def test_the_residual_is_never_negative_and_the_same_in_all_planes():
    fitted = detector().fit(TRAIN)
    residual = fitted.residual_map(ODD)
    assert np.nanmin(residual) >= 0
    assert_array_equal(residual[:, 0], residual[:, 1])


def test_a_patients_residual_models_did_not_see_the_patient():
    """Slices of a patient don't change the channels of that patient's copies."""
    channels = []
    for added in (0.0, 5.0):
        X = np.asarray(TRAIN).copy()
        X[PATIENTS == 7] += np.float32(added)
        reader = PairReader(X, groups=PATIENTS)
        made = Channels("all", "cpu").fit(reader, np.random.RandomState(0))
        rows = np.flatnonzero(PATIENTS == 7)
        channels.append(made.of_training(np.asarray(TRAIN)[rows], rows))
        other = made.half_ != made.half_[rows[0]]
        near = np.flatnonzero(other)[:2]
        channels.append(made.of_training(np.asarray(TRAIN)[near], near))
    own, others, own_again, others_again = channels
    assert_array_equal(own, own_again)
    assert not np.array_equal(others, others_again, equal_nan=True)


@pytest.mark.parametrize("own", [True, False], ids=["own-half", "other-half"])
def test_first_logits_of_a_copy_come_from_a_network_that_did_not_see_the_patient(own):
    """Slices of a patient don't change the logits of copies of that patient's half."""
    lends_nothing, told = GenericAnomalies(modes=("add",)), []
    for added in (0.0, 5.0):
        X = np.asarray(TRAIN).copy()
        X[PATIENTS == 7] += np.float32(added)
        reader = PairReader(X, groups=PATIENTS)
        channels = Channels("planes", "cpu").fit(reader, np.random.RandomState(0))
        copies = plan(PATIENTS, 80, 1, 10**6, np.random.RandomState(0))
        pixels = training_pixels(reader, copies, lends_nothing, channels.of_training, 10**6)
        other = OtherHalf(channels, pixels, small_network)
        same = channels.half_ == channels.half_[14]  # the first slice of patient 7
        rows = np.flatnonzero(same == own)[:3]
        told.append(other.of_training(np.asarray(TRAIN)[rows], rows))
    assert told[0].shape[1] == 3  # CT, MRI, logit
    assert np.array_equal(*told, equal_nan=True) == own


def small_network(pixels):
    training = Training(max_epochs=1, batch_size=256, lr=1e-2)
    return NetworkClassifier((4,), training, "cpu", 0).fit(pixels.features, pixels.anomalous)


def test_the_second_network_sees_the_logits_of_the_first():
    fitted = detector(stages=2).fit(TRAIN)
    logits = fitted.stages_.logits(fitted.channels_.of_new(ODD))
    assert logits.shape == (12, 2, *DISC.shape)
    assert not np.array_equal(logits[:, 0], logits[:, 1], equal_nan=True)
    fitted.stages_.first_ = detector().set_params(random_state=1).fit(TRAIN).stages_.first_
    again = fitted.stages_.logits(fitted.channels_.of_new(ODD))
    assert not np.array_equal(logits[:, 1], again[:, 1], equal_nan=True)


def test_one_stage_is_the_first_of_two():
    one, two = (detector(stages=n).fit(TRAIN) for n in (1, 2))
    made = one.channels_.of_new(ODD)
    assert_array_equal(one.stages_.logits(made)[:, 0], two.stages_.logits(made)[:, 0])


def test_halves_are_of_patients_and_of_about_equal_size():
    reader = PairReader(np.asarray(TRAIN), groups=PATIENTS)
    half = Channels("planes", "cpu").fit(reader, np.random.RandomState(0)).half_
    assert_array_equal(half[::2], half[1::2])
    assert half.mean() == 0.5


def test_donors_are_other_patients():
    copies = plan(PATIENTS, 80, 3, 10**6, np.random.RandomState(0))
    rows, donors = (np.array([getattr(c, name) for c in copies]) for name in ("row", "donor"))
    assert_array_equal(np.bincount(rows), np.full(80, 3))
    assert donors.min() >= 0
    assert (PATIENTS[rows] != PATIENTS[donors]).all()


def test_of_one_patient_there_is_no_donor():
    copies = plan(np.zeros(5, int), 5, 2, 10**6, np.random.RandomState(0))
    assert {copy.donor for copy in copies} == {-1}


@pytest.mark.parametrize("most", [50, 3000])
def test_no_more_pixels_than_asked(most):
    reader = PairReader(np.asarray(TRAIN), groups=PATIENTS)
    copies = plan(PATIENTS, 80, 2, most, np.random.RandomState(0))
    features, anomalous, rows = training_pixels(
        reader, copies, GenericAnomalies(), lambda block, rows: block, most
    )
    assert len(features) == len(anomalous) == len(rows) <= most
    assert features.shape[1] == 4 + 2 * 2 * 10


def test_pixels_do_not_depend_on_the_blocks_they_are_made_in():
    reader = PairReader(np.asarray(TRAIN), groups=PATIENTS)
    copies = plan(PATIENTS, 80, 1, 10**6, np.random.RandomState(0))
    settings = (GenericAnomalies(), lambda block, rows: block, 10**6)
    whole = training_pixels(reader, copies, *settings)
    parts = [training_pixels(reader, part, *settings) for part in (copies[:5], copies[5:])]
    for one, pieces in zip(whole, zip(*parts, strict=True), strict=True):
        assert_array_equal(one, np.concatenate(pieces))


def test_two_thirds_of_the_copies_have_an_anomaly():
    rng = np.random.default_rng(0)
    labels = [changed(NEW[0], NEW[1], GenericAnomalies(), rng)[1] for _ in range(300)]
    assert 0.5 < np.mean([label.any() for label in labels]) < 0.75


@pytest.mark.parametrize("n_planes", [1, 2, 4])
def test_all_planes_of_a_copy_are_mirrored_or_none(n_planes):
    y, x = np.mgrid[:64, :64]
    blob = np.exp(-((y - 20) ** 2 + (x - 40) ** 2) / 30).astype(np.float32)
    rng, places = np.random.default_rng(3), set()
    for _ in range(20):
        out = varied(np.repeat(blob[None], n_planes, axis=0), rng, ("mri",) * n_planes)
        sides = {bool(plane[:, :32].sum() > plane[:, 32:].sum()) for plane in out}
        assert len(sides) == 1
        places |= sides
        assert len({plane.tobytes() for plane in out}) == n_planes
    assert places == {True, False}


@pytest.mark.parametrize("n_planes", [1, 3])
@pytest.mark.parametrize("channels", ["planes", "all"])
def test_any_number_of_planes(channels, n_planes):
    X = np.concatenate([TRAIN, TRAIN], axis=1)[:, :n_planes]
    fitted = detector(channels, copies=1).fit(X, groups=PATIENTS)
    new = np.concatenate([NEW, NEW], axis=1)[:, :n_planes]
    odd = new + np.float32(0.5) * DISC
    assert fitted.score_samples(odd).mean() < fitted.score_samples(new).mean()


def test_samples_that_lack_a_plane_are_refused():
    half = NEW.copy()
    half[3, 1] = np.nan
    with pytest.raises(MissingModalityError, match="3 \\(MRI\\)"):
        detector().fit(TRAIN).score_samples(half)


def test_settings_of_the_anomalies_are_reached_by_name():
    chosen = SyntheticAnomalyDetector().set_params(anomalies__modes=("add",))
    assert chosen.anomalies.modes == ("add",)
    assert SyntheticAnomalyDetector().set_params(map_scoring__smoothing=2).map_scoring.scales == 0


def test_a_model_with_settings_of_its_own_is_saved(tmp_path):
    fitted = detector(stages=2, anomalies=GenericAnomalies(modes=("add",), radius=(2, 5))).fit(
        TRAIN
    )
    save(fitted, tmp_path / "model.ctmri")
    loaded = load(tmp_path / "model.ctmri")
    with pytest.warns(UnlikeTrainingWarning):
        loaded.score_samples(inverted(NEW))
    assert loaded.anomalies.get_params() == fitted.anomalies.get_params()
    assert_array_equal(loaded.score_samples(ODD), fitted.score_samples(ODD))


@pytest.mark.filterwarnings("ignore:The threshold rests")
def test_few_slices_are_enough_to_fit():
    fitted = detector("all", copies=1).fit(TRAIN[:4])
    assert np.isfinite(fitted.score_samples(NEW)).all()


def test_a_float64_array_gives_the_same():
    exact = detector().fit(np.asarray(TRAIN, dtype=float), groups=PATIENTS)
    assert_allclose(exact.score_samples(ODD), detector().fit(TRAIN).score_samples(ODD))


def inverted(X):
    """The MRI as its negative, brain bright for dark."""
    return np.stack([X[:, 0], -X[:, 1]], axis=1)


@pytest.mark.parametrize("channels", ["planes", "all"])
def test_slices_of_another_mri_sequence_are_warned_of(channels):
    fitted = detector(channels).fit(TRAIN)
    for ask in (fitted.score_samples, fitted.predict, fitted.detect):
        with pytest.warns(UnlikeTrainingWarning, match=r"MRI \(12 of 12 samples\)"):
            ask(inverted(NEW))


def test_an_ensemble_passes_the_warning_on():
    fitted = EnsembleDetector([AtlasDetector(), detector()]).fit(TRAIN)
    with pytest.warns(UnlikeTrainingWarning, match="MRI"):
        fitted.score_samples(inverted(NEW))


@pytest.mark.filterwarnings("error")
def test_healthy_slices_and_lesions_give_no_warning():
    fitted = detector().fit(TRAIN)
    few = np.concatenate([NEW, ODD, inverted(NEW)[:5]])
    fitted.score_samples(inverted(NEW)[:4])  # too few to say
    scores = fitted.score_samples(few)
    assert_array_equal(scores[:12], fitted.score_samples(NEW))
    assert_array_equal(scores[12:24], fitted.score_samples(ODD))


def test_the_company_of_a_sample_changes_the_warning_alone():
    fitted = detector().fit(TRAIN)
    with pytest.warns(UnlikeTrainingWarning):
        among = fitted.score_samples(np.concatenate([NEW[:2], inverted(NEW)]))
    assert_array_equal(among[:2], fitted.score_samples(NEW[:2]))
