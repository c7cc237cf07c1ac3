"""Laws of the interval over patients."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.metrics import anomaly_map_average_precision_score as pixel_average_precision
from ctmri_detect.metrics import decision_roc_auc_score, patient_bootstrap

EFFECT = 1.0


def cohort(seed, n_patients=40, per_patient=6, *, between=1.0, within=0.5):
    """Labels, decisions and patients; the mean decision is -/+ half the effect."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_patients), per_patient)
    y = np.where(groups % 2, -1, 1)
    noise = between * rng.normal(size=n_patients)[groups] + within * rng.normal(size=len(groups))
    return y, EFFECT / 2 * y + noise, groups


def gap(y, score):
    """Mean decision of the normals minus that of the anomalous."""
    if len(set(y.tolist())) < 2:
        raise InvalidPairsError("one kind only")
    return score[y == 1].mean() - score[y == -1].mean()


def mean(y, score):
    return score.mean()


def ends(found):
    return [found.low, found.high]


def width(found):
    return found.high - found.low


# what the interval says ---------------------------------------------------------------------


def test_the_interval_covers_the_effect_as_often_as_it_says_and_that_of_samples_does_not():
    covered, naive = [], []
    for seed in range(200):
        y, score, groups = cohort(seed)
        for hits, units in ((covered, groups), (naive, np.arange(len(y)))):
            found = patient_bootstrap(y, score, units, gap, n_resamples=200, random_state=seed)
            hits.append(found.low <= EFFECT <= found.high)
    assert 0.88 < np.mean(covered) < 1
    assert np.mean(naive) < 0.8


def test_samples_of_a_patient_that_agree_widen_the_interval_and_others_dont():
    for between, within, wider in ((1.0, 0.0, 6**0.5), (0.0, 1.0, 1.0)):
        y, score, groups = cohort(0, 200, between=between, within=within)
        true = patient_bootstrap(y, score, groups, gap, random_state=0)
        alone = patient_bootstrap(y, score, np.arange(len(y)), gap, random_state=0)
        assert width(true) / width(alone) == pytest.approx(wider, rel=0.15)


def test_the_interval_of_a_mean_is_the_textbooks():
    y, score, groups = cohort(1, 300)
    of_patients = score.reshape(300, -1).mean(axis=1)
    for level in (0.5, 0.95):
        found = patient_bootstrap(
            y, score, groups, mean, confidence_level=level, n_resamples=4000, random_state=0
        )
        expected = stats.norm.interval(level, of_patients.mean(), stats.sem(of_patients))
        assert ends(found) == pytest.approx(list(expected), abs=0.08 * np.ptp(expected))
        assert found.estimate == pytest.approx(score.mean())
        assert (found.confidence_level, found.n_patients, found.n_resamples) == (level, 300, 4000)


def test_where_all_draws_are_defined_it_is_scipys_interval_over_patients():
    rng = np.random.default_rng(2)
    groups = rng.integers(12, size=100)  # patients of unequal size, their samples scattered
    y, score = np.ones(100), rng.exponential(size=100)
    rows = [np.flatnonzero(groups == g) for g in sorted(set(groups.tolist()), key=str)]

    def statistic(patients):
        return score[np.concatenate([rows[int(i)] for i in patients])].mean()

    theirs = stats.bootstrap(
        (np.arange(len(rows)),),
        statistic,
        n_resamples=300,
        vectorized=False,
        method="percentile",
        random_state=np.random.RandomState(5),
    ).confidence_interval
    ours = patient_bootstrap(y, score, groups, mean, n_resamples=300, random_state=5)
    assert ends(ours) == pytest.approx([theirs.low, theirs.high])


def test_patients_that_are_all_alike_leave_nothing_open():
    y, score = np.tile([1, 1, -1], 8), np.tile([0.5, 0.25, 0.75], 8)
    found = patient_bootstrap(y, score, np.repeat(np.arange(8), 3), mean, n_resamples=9)
    assert found.low == found.estimate == found.high == 0.5


def test_two_methods_on_the_same_patients_are_compared_through_one_metric():
    y, a, groups = cohort(3)
    b = a - 0.3 * y + 0.1 * np.random.default_rng(0).normal(size=len(y))  # a little worse

    def difference(y, s):
        return decision_roc_auc_score(y, s[:, 0]) - decision_roc_auc_score(y, s[:, 1])

    def interval(score, metric):
        return patient_bootstrap(y, score, groups, metric, n_resamples=200, random_state=0)

    one, two = interval(a, decision_roc_auc_score), interval(b, decision_roc_auc_score)
    both = interval(np.stack([a, b], axis=1), difference)
    assert both.estimate == pytest.approx(one.estimate - two.estimate)
    assert both.low > 0  # clear together, though the two intervals overlap
    assert one.low < two.high
    assert ends(interval(np.stack([a, a], axis=1), difference)) == [0, 0]
    back = interval(np.stack([b, a], axis=1), difference)
    assert ends(back) == pytest.approx([-both.high, -both.low])


# what it depends on -------------------------------------------------------------------------


def test_the_order_of_the_samples_doesnt_matter():
    y, score, groups = cohort(4)
    order = np.random.default_rng(0).permutation(len(y))
    plain = patient_bootstrap(y, score, groups, gap, n_resamples=50, random_state=0)
    shuffled = [values[order].tolist() for values in (y, score, groups)]
    other = patient_bootstrap(*shuffled, gap, n_resamples=50, random_state=0)
    assert list(other.values()) == pytest.approx(list(plain.values()))


def test_the_names_of_the_patients_dont_matter():
    y, score, groups = cohort(5)
    found = patient_bootstrap(y, score, groups, gap, random_state=0)
    same_order = [f"patient {g}" for g in groups]
    assert patient_bootstrap(y, score, same_order, gap, random_state=0) == found
    renamed = np.random.default_rng(0).permutation(1000)[groups]  # as good as another seed
    other = patient_bootstrap(y, score, renamed, gap, random_state=0)
    assert ends(other) == pytest.approx(ends(found), abs=0.08 * width(found))
    assert (other.estimate, other.n_patients) == (found.estimate, found.n_patients)


def test_all_methods_meet_the_same_draws():
    y, score, groups = cohort(6)
    one, two = (
        patient_bootstrap(y, s, groups, decision_roc_auc_score, n_resamples=50, random_state=0)
        for s in (score, 3 * score - 7)
    )
    assert one == two


def test_a_seed_fixes_the_draws_and_the_global_generator_is_left_alone():
    y, score, groups = cohort(7)

    def interval(seed):
        return patient_bootstrap(y, score, groups, gap, n_resamples=50, random_state=seed)

    before = np.random.get_state()
    assert interval(1) == interval(1) == interval(np.random.RandomState(1))
    assert ends(interval(1)) != ends(interval(2))
    assert ends(interval(None)) != ends(interval(None))
    used = np.random.RandomState(1)
    assert ends(interval(used)) != ends(interval(used))
    after = np.random.get_state()
    assert before[2:] == after[2:]
    np.testing.assert_array_equal(before[1], after[1])


# undefined draws ----------------------------------------------------------------------------


def test_draws_without_an_anomalous_or_a_normal_patient_are_counted_and_left_out():
    y, score, groups = cohort(8, 6, 4)
    y[:] = np.where(groups == 2, -1, 1)
    draws = np.random.RandomState(3).randint(6, size=(400, 6)) == 2
    undefined = int((draws.all(axis=1) | ~draws.any(axis=1)).sum())

    def or_nan(y, score):
        return gap(y, score) if len(set(y.tolist())) == 2 else np.nan

    for metric in (gap, or_nan, decision_roc_auc_score):
        found = patient_bootstrap(y, score, groups, metric, n_resamples=400, random_state=3)
        assert found.n_undefined == undefined > 100
        assert np.isfinite(ends(found)).all()


def test_maps_and_masks_go_through_as_well():
    rng = np.random.default_rng(9)
    masks = np.zeros((12, 8, 8), bool)
    masks[:3, 2:4, 2:4] = True  # in the first of four patients only
    maps = masks + 0.5 * rng.normal(size=masks.shape)
    groups = np.repeat(list("abcd"), 3)
    found = patient_bootstrap(
        masks, maps, groups, pixel_average_precision, n_resamples=300, random_state=0
    )
    assert found.estimate == pixel_average_precision(masks, maps)
    draws = np.random.RandomState(0).randint(4, size=(300, 4))
    assert found.n_undefined == (draws != 0).all(axis=1).sum() > 0
    assert 0 < found.low < found.estimate < found.high <= 1


def test_an_interval_of_the_lesser_half_of_the_draws_is_refused():
    y, score, groups = cohort(10, 5, 2)

    def all_patients(y, score):
        if len(np.unique(score)) < 10:
            raise InvalidPairsError("somebody is missing")
        return score.mean()

    with pytest.raises(InvalidPairsError, match=r"undefined on \d+ of 100 draws .* add patients"):
        patient_bootstrap(y, score, groups, all_patients, n_resamples=100, random_state=0)


# errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"score": np.zeros(23)}, r"y has shape \(24,\) and score \(23,\); expected the same"),
        ({"score": np.zeros((2, 24))}, r"score=np.stack\(\[a, b\], axis=1\)"),
        ({"y": 1}, r"y has shape \(\)"),
        ({"groups": np.zeros(23)}, r"groups has shape \(23,\)"),
        ({"groups": [None] * 24}, "no patient for samples 0, 1"),
        ({"groups": np.arange(24) % 2}, r"has 2 patient\(s\); expected at least 3"),
        ({"y": np.ones(24)}, r"All 24 labels are \+1"),
        ({"y": np.arange(24) % 2}, "0, 1; expected"),
        ({"metric": lambda y, s: np.nan}, "NaN on all samples together"),
        ({"n_resamples": 0}, "n_resamples is 0; expected an int of 1 or more"),
        ({"n_resamples": 0.5}, "n_resamples is 0.5"),
        ({"confidence_level": 95}, "confidence_level is 95; expected .* 0.95 for 95 %"),
        ({"confidence_level": 0.0}, "confidence_level is 0.0"),
        ({"confidence_level": np.nan}, "confidence_level is nan"),
    ],
)
def test_what_makes_no_interval_is_refused(changes, match):
    y, score, groups = cohort(11, 6, 4)
    given = {"y": y, "score": score, "groups": groups, "metric": decision_roc_auc_score} | changes
    with pytest.raises(ValueError, match=match):
        patient_bootstrap(**given)


def test_other_errors_of_a_metric_are_not_taken_for_undefined_draws():
    y, score, groups = cohort(12)

    def broken(y, score):
        return 1.0 if len(np.unique(score)) == len(score) else score[len(score)]

    with pytest.raises(IndexError):
        patient_bootstrap(y, score, groups, broken, random_state=0)
