"""Image, reconstruction and residual: what is shown, on which scales, and for which detectors."""

import numpy as np
import pandas as pd
import pytest
from heads import make_heads, plant
from matplotlib.figure import Figure
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from ctmri_detect import AtlasDetector, CrossModalDetector, Pairs
from ctmri_detect.plotting import ReconstructionDisplay
from ctmri_detect.preprocessing import Resize

TRAIN = make_heads(24, seed=1)
TEST = make_heads(6, seed=2)
PATIENTS = np.arange(24) // 3


@pytest.fixture(scope="module")
def detector():
    return CrossModalDetector(predictor=Ridge(), random_state=0).fit(TRAIN, groups=PATIENTS)


def test_a_row_shows_image_reconstruction_and_residual(detector):
    display = ReconstructionDisplay.from_estimator(detector, TEST, [4, 1]).plot()
    assert display.ax_.shape == (4, 3)
    np.testing.assert_array_equal(display.images, TEST[[4, 1]].astype(np.float32))
    np.testing.assert_array_equal(display.reconstructions, detector.reconstruct(TEST[[4, 1]]))
    residual = detector.residual_map(TEST[[4, 1]])
    shown = [row[2].images[0].get_array().filled(np.nan) for row in display.ax_]
    np.testing.assert_array_equal(np.reshape(shown, residual.shape), residual)
    labels = [row[0].get_ylabel() for row in display.ax_]
    assert labels == ["sample 4\nCT", "MRI", "sample 1\nCT", "MRI"]
    assert [ax.get_title() for ax in display.ax_[0]] == ["Image", "Reconstruction", "Residual"]


def test_samples_share_the_scales_and_zero_is_in_the_middle():
    images = np.linspace(0, 100, 2 * 2 * 64).reshape(2, 2, 8, 8)
    images[:, 0] = np.clip(images[:, 0], 0, 1)
    residual = np.stack([images[0] * 0 + 1, images[1] * 0 - 3])
    residual[1, 0, 0, 0] = np.nan
    display = ReconstructionDisplay(images, images / 2, residual).plot()
    for row in display.ax_:
        assert row[2].images[0].get_clim() == (-3, 3)
    low, high = np.percentile(images[0, 1], 1), np.percentile(images[1, 1], 99.5)
    for image, plane in zip(images, display.ax_[1::2], strict=True):
        expected = np.clip((image[1] - low) / (high - low), 0, 1)
        np.testing.assert_allclose(plane[0].images[0].get_array(), expected)
    fixed = ReconstructionDisplay(images, images, residual, limit=8).plot()
    assert fixed.ax_[0, 2].images[0].get_clim() == (-8, 8)


def test_every_row_has_its_two_scales_in_the_units_of_the_plane():
    images = np.random.default_rng(0).uniform(0, 60, size=(1, 2, 8, 8))
    display = ReconstructionDisplay(images, images, images, ct_units="hu").plot()
    bars = [ax for ax in display.figure_.axes if ax not in display.ax_.ravel().tolist()]
    assert len(bars) == 4
    assert bars[0].get_ylim() == (0, 80)
    assert bars[0].get_title() == "HU"
    assert bars[2].get_title() == ""


def test_what_was_not_observed_is_said_and_nothing_else_breaks(detector):
    pairs = TEST.copy()
    pairs[0, 1] = np.nan
    display = ReconstructionDisplay.from_estimator(detector, pairs, [0]).plot()
    assert "not observed" in [text.get_text() for text in display.ax_[1, 0].texts]
    assert np.isnan(display.reconstructions[0, 1]).all()
    display.figure_.canvas.draw()


def test_of_a_pipeline_the_prepared_images_are_shown_with_their_heights():
    frame = pd.DataFrame({"z_mm": 7.5 * np.arange(6)})
    pairs = Pairs(TEST, groups=range(6), frame=frame)
    pipe = make_pipeline(Resize(16), CrossModalDetector(predictor=Ridge(), random_state=0))
    pipe.fit(Pairs(TRAIN, groups=[f"train {p}" for p in PATIENTS]))
    display = ReconstructionDisplay.from_estimator(
        pipe, pairs, [3], orientation="radiological"
    ).plot()
    assert display.images.shape == display.reconstructions.shape == (1, 2, 16, 16)
    texts = [text.get_text() for text in display.ax_[0, 0].texts]
    assert sorted(texts) == ["L", "R", "z = 22.5 mm"]


@pytest.mark.parametrize(
    "other", [AtlasDetector(), CrossModalDetector(evidence=("within",))], ids=["atlas", "within"]
)
def test_a_detector_that_reconstructs_nothing_is_refused(other):
    with pytest.raises(TypeError, match=r"can't reconstruct images; expected .*reconstruct\(X\)"):
        ReconstructionDisplay.from_estimator(other.fit(TRAIN, groups=PATIENTS), TEST)


def test_shapes_and_axes_that_do_not_fit_are_refused():
    images = np.zeros((1, 2, 8, 8))
    with pytest.raises(ValueError, match="expected one shape"):
        ReconstructionDisplay(images, images[:, :1], images).plot()
    with pytest.raises(ValueError, match=r"expected Axes in an array of shape \(2, 3\)"):
        ReconstructionDisplay(images, images, images).plot(Figure().subplots(1, 3))


def test_a_prediction_from_the_other_plane_does_not_follow_a_lesion(detector):
    """The image changes with the lesion, what is expected there hardly does."""
    healthy = TEST[:1]
    ill, disc = plant(healthy[0], 1, amount=0.8, at=(16, 9))
    before, after = detector.reconstruct(healthy)[0, 1], detector.reconstruct(ill[None])[0, 1]
    seen = disc & np.isfinite(before)
    image = np.median((ill - healthy[0])[1][seen])
    assert abs(np.median((after - before)[seen])) < 0.2 * abs(image)


def test_the_residual_of_one_kind_of_evidence_is_image_minus_prediction():
    one = CrossModalDetector(evidence=("mismatch",), predictor=Ridge(), tolerance=0, random_state=0)
    one.fit(TRAIN, groups=PATIENTS)
    difference, residual = TEST - one.reconstruct(TEST), one.residual_map(TEST)
    seen = np.isfinite(residual)
    assert (np.isfinite(difference) == seen).all()
    spread = difference[seen] / residual[seen]
    assert (spread > 0).all()  # the predicted standard deviation
