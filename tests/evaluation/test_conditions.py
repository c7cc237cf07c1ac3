import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator

from ctmri_detect import AtlasDetector, Pairs
from ctmri_detect.evaluation import (
    BiasField,
    Condition,
    Contamination,
    Misregistration,
    MissingModality,
    Noise,
    SliceThickness,
    TrainingPatients,
    benchmark,
)
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.preprocessing import Resize
from ctmri_detect.testing import make_heads

FITS = []  # rows of each fit: label and patient of each sample


class Corner(BaseEstimator):
    """Reads the label from the corner of the CT; remembers what it is fitted on."""

    def fit(self, X, y=None):
        FITS.append(np.asarray(X)[:, 0, 0, :2])
        return self

    def decision_function(self, X):
        return np.nan_to_num(np.asarray(X)[:, 0, 0, 0].astype(float), nan=0.5)


class Louder(Noise):
    """Another condition under the same name."""


@pytest.fixture(autouse=True)
def no_fits():
    FITS.clear()


def run(data, conditions, detectors=None, **kwargs):
    detectors = detectors or {"corner": Corner()}
    return benchmark(detectors, data, conditions=conditions, progress=False, **kwargs)


def test_conditions_of_test_samples_share_one_fit(data):
    result = run(data, [Noise(0.1), Noise(9.0), MissingModality(1.0, "CT")])
    assert len(FITS) == 2  # folds
    found = result.conditions.set_index(["condition", "level"])["image_auroc"]
    assert found["", 0.0] == 1
    assert found["noise", 9.0] < 1
    assert found["without CT", 1.0] == 0.5
    fits = result.conditions["fit_seconds"]
    assert (fits == fits[0]).all()


def test_what_was_done_to_test_samples_does_not_reach_the_plain_table(data):
    plain, spoilt = run(data, None), run(data, [Noise(0.2), TrainingPatients(2)])
    columns = ["detector", "kind", "seed", "image_auroc", "image_ap"]
    assert plain.table[columns].equals(spoilt.table[columns])
    assert plain.scores.equals(spoilt.scores)


def test_fewer_patients_and_unmarked_anomalies_train(data):
    run(data, [TrainingPatients(2), Contamination(0.25)])
    assert len(FITS) == 6
    for fold in (FITS[:3], FITS[3:]):
        plain, few, mixed = fold
        assert len(np.unique(plain[:, 1])) == 4
        assert len(np.unique(few[:, 1])) == 2
        assert (mixed[:, 0] == -1).mean() == 0.25
        assert len(mixed) == len(plain)
        assert set(mixed[:, 1]) <= set(plain[:, 1])  # none of a tested patient


@pytest.mark.parametrize("condition", [TrainingPatients(9), Contamination(0.9)])
def test_too_much_is_an_error(data, condition):
    with pytest.raises(InvalidPairsError, match="smaller level"):
        run(data, [condition])


@pytest.mark.parametrize("level", [0.02, 0.1])
def test_noise_has_the_level_that_was_asked_for(level):
    heads = Pairs(make_heads(4, size=64), ct_units="hu")
    noisy = Noise(level).tested(heads, np.arange(4), seed=0)
    difference = noisy - np.asarray(heads)
    assert np.nanstd(difference[:, 0]) == pytest.approx(80 * level, rel=0.05)
    bright = np.nanpercentile(np.asarray(heads)[:, 1], 99, axis=(1, 2))
    assert np.nanstd(difference[:, 1], axis=(1, 2)) == pytest.approx(bright * level, rel=0.1)


def test_a_shift_is_in_millimetres_where_they_are_known():
    heads = np.zeros((3, 2, 41, 41), np.float32)
    heads[:, 1, 20, 20] = 1
    for spacing, pixels in ((2.0, 3.0), (None, 6.0)):
        given = Pairs(heads, spacing=spacing)
        moved = np.nan_to_num(Misregistration(6.0).tested(given, np.arange(3), seed=0)[:, 1])
        weight = moved.sum(axis=(1, 2))
        y, x = ((moved * axis).sum(axis=(1, 2)) / weight - 20 for axis in np.mgrid[:41, :41])
        assert np.hypot(y, x) == pytest.approx(pixels, abs=1e-3)


def test_a_bias_field_is_smooth_and_bounded():
    flat = np.ones((2, 2, 64, 64), np.float32)
    gain = np.log(BiasField(0.3).tested(Pairs(flat), np.arange(2), seed=0)[:, 1])
    assert np.abs(gain).max() <= 0.3 + 1e-6
    assert np.abs(gain).max() > 0.03
    assert np.abs(np.diff(gain, axis=1)).max() < 0.05


@pytest.mark.parametrize(
    "condition", [Noise(0.1), BiasField(0.3), Misregistration(2.0), MissingModality(0.5)]
)
def test_a_sample_is_spoilt_alike_in_any_company(condition):
    heads = Pairs(make_heads(6, size=64), ct_units="hu")
    whole = condition.tested(heads, np.arange(6), seed=3)
    part = condition.tested(heads[[4, 1]], np.array([4, 1]), seed=3)
    assert np.array_equal(whole[[4, 1]], part, equal_nan=True)
    assert not np.array_equal(whole, condition.tested(heads, np.arange(6), seed=4), equal_nan=True)


def stack(place, groups=None, **columns):
    """A sample of each place whose CT is its number squared; the MRI is minus that."""
    values = np.arange(len(place), dtype=np.float32) ** 2
    X = np.broadcast_to(values[:, None, None, None], (len(place), 2, 8, 8)) * [[[[1]], [[-1]]]]
    groups = ["p"] * len(place) if groups is None else groups
    return Pairs(X, groups=groups, frame=pd.DataFrame({"slice": place, **columns}))


def thick(level, pairs):
    return SliceThickness(level).tested(pairs, np.arange(len(pairs)), seed=0)


@pytest.mark.parametrize(
    ("level", "middle"),
    [(0.0, 4), (1.0, 4), (2.0, (1 / 2 + 4 + 9 / 2) / 2), (3.0, (1 + 4 + 9) / 3)],
    ids=["none", "one", "two", "three"],
)
@pytest.mark.parametrize("unit", [1, 2.5], ids=["counted", "mm"])
def test_a_thick_slice_is_the_mean_of_what_it_covers(level, middle, unit):
    found = thick(level * unit, stack(unit * np.arange(5) - 3))
    assert found[2, 0] == pytest.approx(middle)
    assert found[2, 1] == pytest.approx(-middle)
    at_the_end = {0.0: 0, 1.0: 0, 2.0: (1 / 2) / (3 / 2), 3.0: 1 / 2}
    assert found[0, 0] == pytest.approx(at_the_end[level])


def test_thick_slices_mix_no_patients_no_volumes_and_no_gaps():
    place, groups = [0, 1, 0, 1, 2, 9], ["a", "a", "b", "b", "b", "b"]
    found = thick(3.0, stack(place, groups))[:, 0, 0, 0]
    assert found == pytest.approx([1 / 2, 1 / 2, 13 / 2, 29 / 3, 25 / 2, 25])
    apart = stack(place, groups, volume=["x", "y", "x", "x", "y", "y"])
    assert thick(3.0, apart)[:, 0, 0, 0] == pytest.approx([0, 1, 13 / 2, 13 / 2, 16, 25])


def test_a_thick_slice_does_not_depend_on_the_order_of_the_samples():
    pairs, order = stack(np.arange(6) * 4.0, list("aaabbb")), np.array([4, 0, 3, 5, 2, 1])
    found = SliceThickness(7.0).tested(pairs[order], order, seed=0)
    assert np.array_equal(found, thick(7.0, pairs)[order])


def test_what_a_slice_lacks_stays_missing_and_is_in_no_mean():
    pairs = stack([0, 1, 2])
    X = np.array(pairs)
    X[0, 0, :4], X[1, 1] = np.nan, np.nan
    found = thick(3.0, Pairs(X, groups=pairs.groups, frame=pairs.frame))
    assert np.array_equal(np.isnan(found), np.isnan(X))
    assert found[1, 0, :4] == pytest.approx((1 + 4) / 2)
    assert found[1, 0, 4:] == pytest.approx((0 + 1 + 4) / 3)
    assert found[2, 1] == pytest.approx(-4)


@pytest.mark.parametrize(
    "pairs",
    [Pairs(np.zeros((3, 2, 8, 8)), groups=["a"] * 3), stack([0, None, 2])],
    ids=["no column", "no number"],
)
def test_a_slice_without_a_place_is_an_error(pairs):
    with pytest.raises(InvalidPairsError, match=r"no place \(column 'slice'.* samples .*1"):
        thick(2.0, pairs)
    with pytest.raises(InvalidPairsError, match="no patients"):
        thick(2.0, pairs.replace(groups=None))


def test_the_benchmark_tells_a_condition_where_each_slice_lies(data):
    """Labels stand in the corner, and one slice in four is anomalous."""
    found = run(data, [SliceThickness(1.0), SliceThickness(9.0)]).conditions["image_auroc"]
    assert found.tolist() == [1, 1, 0.5]  # the mean of all slices tells nothing
    data.frame = data.frame.drop(columns="slice")
    errors = run(data, [SliceThickness(3.0)]).conditions["error"]
    assert errors[0] == ""
    assert "no place" in errors[1]


def test_a_condition_gets_all_that_the_data_know_and_so_do_the_steps(data):
    seen = []

    class Looked(Condition):
        name = "looked at"

        def change(self, sample, rng, pairs):
            seen.append(pairs)
            return sample

    class Step(BaseEstimator):
        def fit(self, X, y=None):
            return self

        def fit_transform(self, X, y=None):
            return self.transform(X)

        def transform(self, X):
            seen.append(X)
            return X

    about = {"spacing": 2.0, "ct_units": "hu", "frame": pd.DataFrame({"z_mm": range(32)})}
    planes = {"modalities": ("CT", "FDG"), "roles": {"FDG": "pet"}}
    data.data = Pairs(data.data, groups=data.groups, **about, **planes)
    run(data, [Looked(1.0)], preprocessor=Step())
    assert len(seen) > 32
    for pairs in seen:
        assert pairs.ct_units == "hu"
        assert (pairs.modalities, pairs.roles) == (("CT", "FDG"), ("ct", "pet"))
        assert (pairs.spacing == 2).all()
        assert np.array_equal(np.asarray(pairs)[:, 0, 0, 1], pairs.frame["z_mm"] // 4)
        if len(pairs) == 1:
            assert pairs.frame["slice"][0] == pairs.frame["z_mm"][0] % 4


def test_spoilt_samples_pass_the_preprocessing_and_their_maps_come_back(data):
    detectors = {"atlas": AtlasDetector()}
    found = run(data, [Noise(0.0)], detectors, preprocessor=Resize(16)).conditions
    metrics = ["image_auroc", "image_ap", "pixel_ap"]
    assert found.loc[0, metrics].equals(found.loc[1, metrics])
    assert found.loc[0, "pixel_ap"] > 0.1


def test_a_condition_that_fails_is_a_row_with_its_error(data):
    class Broken(Condition):
        name = "broken"

        def change(self, sample, rng, pairs):
            raise RuntimeError("no luck")

    found = run(data, [Broken(1.0)]).conditions
    assert found["error"].tolist() == ["", "RuntimeError: no luck"]
    assert pd.notna(found.loc[0, "image_auroc"])


@pytest.mark.parametrize(
    ("conditions", "error", "match"),
    [
        (Noise(0.1), TypeError, "a list of Condition objects"),
        ([0.1], TypeError, "a list of Condition objects"),
        ([Noise(0.1), Noise(0.1)], ValueError, "twice"),
        ([Noise(1.0), Louder(1.0)], ValueError, "another name"),
        ([Condition(0.1)], ValueError, "has no name"),
    ],
)
def test_what_is_no_condition(data, conditions, error, match):
    with pytest.raises(error, match=match):
        run(data, conditions)


@pytest.fixture
def several():
    """Two samples of five planes with one bright pixel each."""
    values = np.ones((2, 5, 16, 16), dtype=np.float32)
    values[:, :, 8, 8] = 9
    names = ("CT", "T1", "FDG", "FLAIR", "T2")
    return Pairs(values, modalities=names, roles={"FDG": "pet"}, ct_units="hu")


def changed(condition, pairs):
    """Names of the planes that a condition changes in all samples."""
    after = condition.tested(pairs, np.arange(len(pairs)), seed=3)
    same = np.array_equal(after, pairs, equal_nan=True)
    assert not same
    differs = (after != np.asarray(pairs)).any(axis=(2, 3))
    assert (differs == differs[0]).all()
    return [name for name, there in zip(pairs.modalities, differs[0], strict=True) if there]


def test_bias_and_misregistration_concern_all_mri_planes_alike(several):
    for condition in (BiasField(0.5), Misregistration(3.0)):
        assert changed(condition, several) == ["T1", "FLAIR", "T2"]
        after = condition.tested(several, np.arange(2), seed=3)
        np.testing.assert_array_equal(after[:, 1], after[:, 3])
        np.testing.assert_array_equal(after[:, 1], after[:, 4])
    assert changed(Noise(0.1), several) == list(several.modalities)
    assert changed(MissingModality(modality="FLAIR"), several) == ["FLAIR"]
    turned = several.select(("T1", "CT"))  # roles, not places, say what is what
    assert changed(Misregistration(3.0), turned) == ["T1"]
    noise = Noise(0.1).tested(turned, np.arange(2), seed=3) - np.asarray(turned)
    assert 6 < noise[:, 1].std() < 10  # .1 x 80 HU
    assert noise[:, 0].std() < 1


def test_without_a_ct_the_first_plane_stays(several):
    assert changed(Misregistration(3.0), several.select(("T2", "T1", "FLAIR"))) == ["T1", "FLAIR"]


def test_conditions_of_mri_say_where_there_is_none(several):
    for condition in (BiasField(0.5), Misregistration(3.0)):
        with pytest.raises(InvalidPairsError, match=r"CT, FDG; .* needs an MRI"):
            changed(condition, several.select(("CT", "FDG")))
        with pytest.raises(InvalidPairsError, match="modalities="):
            changed(condition, Pairs(np.asarray(several)))
    with pytest.raises(InvalidPairsError, match="beside the plane that stays"):
        changed(Misregistration(3.0), several.select("T1"))
    with pytest.raises(InvalidPairsError, match="modality is 'MRI'; expected one of CT, T1"):
        changed(MissingModality(), several)
