"""Laws of thresholds for each pattern of observed planes: CT and MRI, CT alone, MRI alone."""

from __future__ import annotations

import pickle
import warnings
from functools import cache

import numpy as np
import pytest
from heads import make_heads, plant
from numpy.testing import assert_allclose, assert_array_equal

from ctmri_detect import (
    AtlasDetector,
    CrossModalDetector,
    MapScoring,
    Pairs,
    ThresholdDetector,
    Training,
)
from ctmri_detect.base import BasePairedDetector, Traits
from ctmri_detect.exceptions import InvalidPairsError, ThresholdWarning
from ctmri_detect.scoring import conformal_p_values, reference, withheld
from ctmri_detect.scoring.patterns import PatternThresholds
from ctmri_detect.scoring.withheld import slices_to_withhold_from, withheld_patterns
from ctmri_detect.validation import check_pairs

BOTH, CT, MRI = (True, True), (True, False), (False, True)
PATTERNS = [BOTH, CT, MRI]
N, N_NEW, RATE = 200, 300, 0.05
X, OWNERS = make_heads(N, seed=1), np.arange(N) // 2
NEW = make_heads(N_NEW, seed=101)
BRIEF = Training(max_epochs=2, batch_size=2048, lr=5e-3)
DETECTORS = {
    "atlas": AtlasDetector(),
    "threshold": ThresholdDetector(),
    "cross-modal": CrossModalDetector(
        pixels_per_slice=64, training=BRIEF, device="cpu", random_state=0
    ),
}


def showing(samples, seen):
    """The samples, all planes missing but those that are seen."""
    out = samples.copy()
    out[:, ~np.array(seen)] = np.nan
    return out


MIXED = np.concatenate([showing(NEW[i * 20 : i * 20 + 20], p) for i, p in enumerate(PATTERNS)])
MIXED[::4] = np.stack([plant(x, i % 2, at=(16, 9))[0] for i, x in enumerate(MIXED[::4])])
MIXED = np.ascontiguousarray(MIXED[np.random.default_rng(0).permutation(60)])


@cache
def fitted(name="atlas"):
    """Fitted once and shared: whoever changes it takes a copy."""
    return pickle.loads(pickle.dumps(DETECTORS[name])).fit(X, groups=OWNERS)


def copy_of(name="atlas"):
    return pickle.loads(pickle.dumps(fitted(name)))


def atlas(samples=X, groups=OWNERS, **settings):
    return AtlasDetector(map_scoring=MapScoring(fusion="max", **settings)).fit(
        samples, groups=groups
    )


def flagged(detector, samples):
    return (detector.predict(samples) == -1).mean()


def assert_flagged_at_the_rate(detector, samples, n_known, rate=RATE):
    """Within 3.3 standard deviations of the chance in known and new slices."""
    sd = np.sqrt(rate * (1 - rate) * (1 / n_known + 1 / len(samples)))
    assert flagged(detector, samples) == pytest.approx(rate, abs=3.3 * sd)


def assert_agrees(detector, samples=MIXED):
    """Flagged is exactly a p-value of at most the rate."""
    rate = detector.map_scoring_.false_positive_rate
    assert_array_equal(detector.predict(samples) == -1, detector.p_values(samples) <= rate)
    assert_array_equal(detector.predict(samples) == -1, detector.decision_function(samples) < 0)


def as_pooled(detector, samples):
    """Scores before they are brought to one scale."""
    return detector.map_scoring_.pooled(detector.residual_map(samples), samples).scores


# the rate -----------------------------------------------------------------------------------


@pytest.mark.parametrize("seen", PATTERNS)
@pytest.mark.parametrize("name", DETECTORS)
def test_healthy_heads_are_flagged_at_the_rate_whatever_is_missing(name, seen):
    assert_flagged_at_the_rate(fitted(name), showing(NEW, seen), N)


@pytest.mark.parametrize(
    ("name", "seen", "least", "most"),
    [("cross-modal", CT, 0.4, 1), ("cross-modal", MRI, 0.4, 1), ("threshold", MRI, 0, 0.005)],
)
def test_one_threshold_for_all_patterns_would_be_wrong(name, seen, least, most):
    """Ten times the rate, or a tenth of it: what each pattern's own threshold is there for."""
    detector = fitted(name)
    wrong = (as_pooled(detector, showing(NEW, seen)) < detector.offset_).mean()
    assert least <= wrong <= most


def test_healthy_scores_of_all_patterns_lie_alike():
    scores = [fitted().score_samples(showing(NEW, seen)) for seen in PATTERNS]
    medians = [np.median(s) for s in scores]
    spreads = [np.subtract(*np.percentile(s, [75, 25])) for s in scores]
    assert_allclose(medians, medians[0], atol=0.2 * spreads[0])
    assert_allclose(spreads, spreads[0], rtol=0.25)


@pytest.mark.parametrize("name", DETECTORS)
def test_lesions_are_flagged_where_a_plane_is_missing(name):
    for plane, seen in enumerate((CT, MRI)):
        odd = np.stack([plant(x, plane, amount=0.6, at=(16, 9))[0] for x in NEW[:40]])
        assert flagged(fitted(name), showing(odd, seen)) > 0.9


# one offset ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("rate", [0.02, 0.29])
def test_flagged_is_exactly_a_p_value_of_at_most_the_rate_of_its_pattern(name, rate):
    detector = copy_of(name).rescore(false_positive_rate=rate)
    assert_agrees(detector)
    assert 0 < flagged(detector, MIXED) < 1
    found = detector.detect(MIXED, include=["p_value", "prediction", "decision"])
    assert_array_equal(found.p_value, detector.p_values(MIXED))
    assert_array_equal(found.prediction, detector.predict(MIXED))
    assert_array_equal(found.decision, detector.decision_function(MIXED))


@pytest.mark.parametrize("name", DETECTORS)
def test_scores_of_complete_samples_stay_as_they_are(name):
    detector = fitted(name)
    heat = detector.anomaly_map(NEW[:20])
    most = np.sort(heat.reshape(20, -1) ** 2, axis=1)  # NaN comes last
    for score, row in zip(detector.score_samples(NEW[:20]), most, strict=True):
        seen = row[~np.isnan(row)]
        top = seen[-max(1, round(0.005 * len(seen))) :]
        assert score == pytest.approx(-top.mean(), rel=1e-5)
    assert_array_equal(detector.score_samples(NEW), as_pooled(detector, NEW))
    assert len(detector.map_scoring_.calibration_scores_) == N


@pytest.mark.parametrize("seen", [CT, MRI])
@pytest.mark.parametrize("name", DETECTORS)
def test_the_order_within_a_pattern_stays(name, seen):
    half = showing(NEW[:50], seen)
    before, after = as_pooled(fitted(name), half), fitted(name).score_samples(half)
    assert not np.allclose(before, after, rtol=0.01)
    order = np.argsort(before)
    assert (np.diff(after[order]) >= 0).all()
    assert_allclose(np.polyval(np.polyfit(before, after, 1), before), after)  # a straight line


@pytest.mark.parametrize("name", DETECTORS)
def test_the_company_of_a_sample_changes_nothing(name):
    detector = fitted(name)
    for verb in ("score_samples", "p_values", "predict"):
        ask = getattr(detector, verb)
        together = ask(MIXED)
        assert_array_equal(ask(MIXED[::-1]), together[::-1])
        for i in (0, 7, 31):
            assert_array_equal(ask(MIXED[i : i + 1]), together[i : i + 1])


# what is withheld, from whom ------------------------------------------------------------------


class Marks(BasePairedDetector):
    """Writes down which slices it learned from, and which planes of which it was asked about."""

    traits = Traits(missing_modality=True, cheap=True)

    def __init__(self, map_scoring=None, log=None):
        self.map_scoring, self.log = map_scoring, log

    def _fit(self, X):
        self.log.append((X[:][:, 0, 0, 0].astype(int).tolist(), []))

    def _residual(self, X):
        for x in X[:, :, 0, 0]:
            self.log[-1][1].append((int(np.nanmax(x)), *~np.isnan(x)))
        return np.sin(X * 99)


class Whole(Marks):
    traits = Traits(cheap=True)


def marked(n):
    """Noise; the number of the slice is in the corner of each plane."""
    samples = np.random.default_rng(0).normal(size=(n, 2, 12, 12)).astype(np.float32)
    samples[:, :, 0, 0] = np.arange(n)[:, None]
    return samples


@pytest.mark.parametrize("n", [24, 48])  # in the second, each quarter of the patients in turn
def test_planes_are_withheld_from_slices_whose_patients_the_model_did_not_see(n):
    log, owners = [], np.arange(n) // 4
    Marks(MapScoring(false_positive_rate=0.1), log).fit(marked(n), groups=owners)
    assert len(log) == 1 + (6 if n == 24 else 4)
    asked = set()
    for learned, judged in log:
        assert not set(owners[learned]) & {owners[row] for row, *_ in judged}
        asked |= set(judged)
    assert asked == {(row, *seen) for row in range(n) for seen in PATTERNS}


@pytest.mark.parametrize("seen", PATTERNS)
def test_each_is_compared_with_other_patients_only(seen, monkeypatch):
    """An untrained detector scores slices of the fit as it did for the threshold."""
    monkeypatch.setattr(reference, "BANK_SLICES", 30)  # the others are not known by their looks
    detector, half = atlas(), showing(X, seen)
    patterns = detector.map_scoring_.patterns_
    here = (patterns.seen == seen).all(axis=1)
    known = np.sort(patterns.scaled(patterns.scores[here], patterns.seen[here]))
    assert_array_equal(known, np.sort(detector.score_samples(Pairs(half, groups=OWNERS))))
    assert not np.array_equal(known, np.sort(detector.score_samples(half)))
    assert_array_equal(np.sort(patterns.groups[here]), np.sort(OWNERS))


def test_nothing_is_withheld_where_all_planes_are_needed_or_there_is_one():
    log = []
    Whole(MapScoring(false_positive_rate=0.1), log).fit(marked(24), groups=np.arange(24) // 4)
    assert {one[1:] for _, judged in log for one in judged} == {BOTH}
    one = atlas(X[:, :1])
    assert one.map_scoring_.patterns_.patterns.tolist() == [[True]]
    assert_agrees(one, NEW[:40, :1])


@pytest.mark.parametrize(("n_planes", "n_patterns"), [(2, 2), (3, 6), (4, 8), (8, 16)])
def test_each_plane_alone_and_all_but_one_are_calibrated(n_planes, n_patterns):
    patterns = withheld_patterns(n_planes)
    assert len(np.unique(patterns, axis=0)) == len(patterns) == n_patterns
    assert set(patterns.sum(axis=1)) == {1, n_planes - 1}


def test_slices_are_few_and_of_all_patients():
    samples = np.zeros((3000, 2, 4, 4), np.float32)
    owners = np.random.default_rng(0).permutation(np.arange(3000) % 100)
    reader = check_pairs(samples).with_groups(owners)
    for choice in slices_to_withhold_from(reader, 0.05):
        assert len(set(choice.rows)) == withheld.WITHHELD_SLICES
        assert_array_equal(np.bincount(owners[choice.rows]), 2)
    assert all(len(c.rows) == 999 for c in slices_to_withhold_from(reader, 0.001))
    many = check_pairs(np.zeros((400, 8, 4, 4), np.float32)).with_groups(np.arange(400))
    found = slices_to_withhold_from(many, 0.05)
    assert sum(len(c.rows) for c in found) <= withheld.WITHHELD_IN_ALL
    assert all(len(c.rows) >= 19 for c in found)


def test_large_slices_are_kept_in_bounded_memory(monkeypatch):
    monkeypatch.setattr(withheld, "WITHHELD_BYTES", 50 * X[0].nbytes)
    kept = atlas().map_scoring_.withheld_
    assert [len(one.residual) for one in kept] == [50, 50]
    assert all(one.residual.shape[1] == 1 for one in kept)  # nothing of the missing plane


# planes that are missing in the training set ----------------------------------------------------


@pytest.mark.parametrize("n_ct", [60, 300])
def test_slices_with_one_plane_count_for_its_pattern(n_ct):
    more = showing(make_heads(n_ct, seed=4), CT)
    detector = atlas(np.concatenate([X, more]), np.arange(N + n_ct) // 2)
    patterns = detector.map_scoring_.patterns_
    shown = {tuple(p): int((patterns.which == i).sum()) for i, p in enumerate(patterns.patterns)}
    assert shown == {BOTH: N, MRI: N, CT: max(N, n_ct)}
    assert len(detector.map_scoring_.calibration_scores_) == N
    for seen in PATTERNS:
        assert_flagged_at_the_rate(detector, showing(NEW, seen), N)


def test_without_any_pair_each_modality_has_its_threshold():
    apart = np.concatenate([showing(X, CT), showing(make_heads(N, seed=4), MRI)])
    with warnings.catch_warnings():
        warnings.simplefilter("error", ThresholdWarning)
        detector = atlas(apart, np.arange(2 * N) // 2)
    for seen in (CT, MRI):
        assert_flagged_at_the_rate(detector, showing(NEW, seen), N)
    assert_agrees(detector)
    assert np.isfinite(detector.decision_function(NEW)).all()


def test_with_few_pairs_the_nearest_pattern_stands_in_and_a_warning_says_so():
    apart = np.concatenate([X[:7], showing(X[7:], CT)])
    with pytest.warns(ThresholdWarning, match=r"\[1\] \(7 slice\(s\)\), \[0, 1\] \(7 sl") as caught:
        detector = atlas(apart)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert np.isfinite(detector.offset_)
    assert_agrees(detector)
    assert_flagged_at_the_rate(detector, showing(NEW, CT), N)
    assert_array_equal(detector.score_samples(NEW), as_pooled(detector, NEW))


def test_too_few_slices_of_every_pattern_flag_nothing():
    with pytest.warns(ThresholdWarning, match="at least 19 are needed") as caught:
        detector = atlas(X[:18], OWNERS[:18])
    assert len(caught) == 1
    assert detector.offset_ == -np.inf
    assert (detector.predict(9 * MIXED) == 1).all()
    assert (detector.p_values(9 * MIXED) > RATE).all()
    assert np.isfinite(detector.score_samples(MIXED)).all()
    none = copy_of().rescore(false_positive_rate=0)
    assert (none.predict(9 * MIXED) == 1).all()
    assert np.isfinite(none.score_samples(MIXED)).all()


def test_a_pattern_that_was_not_calibrated_takes_the_nearest():
    four = np.repeat(X, 2, axis=1)[:, [0, 2, 1, 3]]
    four = four + np.random.default_rng(0).normal(0, 0.02, four.shape).astype(np.float32)
    detector, new = atlas(four[:60], OWNERS[:60]), four[60:]
    for seen in np.ndindex(2, 2, 2, 2):
        if any(seen):
            assert_agrees(detector, showing(new[:12], np.array(seen, bool)))
    alike = showing(new, [True, True, False, False])  # twice the CT, but for noise
    assert_flagged_at_the_rate(detector, alike, 60)


# other settings, own scans, files ---------------------------------------------------------------


@pytest.mark.parametrize("name", ["atlas", "cross-modal"])
def test_other_settings_give_what_a_fit_with_them_gives(name):
    detector = copy_of(name).rescore(pool_fraction=0.05, reference="position")
    again = pickle.loads(pickle.dumps(DETECTORS[name]))
    again.set_params(map_scoring__pool_fraction=0.05, map_scoring__reference="position")
    again.fit(X, groups=OWNERS)
    assert_array_equal(detector.score_samples(MIXED), again.score_samples(MIXED))
    assert_array_equal(detector.p_values(MIXED), again.p_values(MIXED))


def test_a_summary_keeps_the_thresholds_and_no_slice():
    slices, summary = atlas(), atlas(bank="summary")
    assert not hasattr(summary.map_scoring_, "withheld_")
    for seen in PATTERNS:
        assert_flagged_at_the_rate(summary, showing(NEW, seen), N)
    assert_agrees(summary)
    assert_agrees(summary.rescore(false_positive_rate=0.2))
    assert_array_equal(
        slices.rescore(bank="summary", false_positive_rate=0.2).p_values(MIXED),
        summary.p_values(MIXED),
    )


OWN = make_heads(100, seed=7) * np.float32(1.05)  # another scanner


def test_own_complete_scans_recalibrate_every_pattern():
    detector = copy_of()
    other = make_heads(N_NEW, seed=6) * np.float32(1.05)
    for seen in PATTERNS:
        assert flagged(detector, showing(other, seen)) > 0.3
    detector.recalibrate(OWN)
    for seen in PATTERNS:
        assert_flagged_at_the_rate(detector, showing(other, seen), len(OWN))
    assert_agrees(detector, np.concatenate([MIXED, MIXED * np.float32(1.05)]))
    assert_array_equal(detector.score_samples(NEW), fitted().score_samples(NEW))
    assert_agrees(detector.rescore(false_positive_rate=0.2))


def test_own_scans_of_one_plane_recalibrate_this_pattern_alone():
    detector = copy_of().recalibrate(showing(OWN, CT))
    other = make_heads(N_NEW, seed=6) * np.float32(1.05)
    assert_flagged_at_the_rate(detector, showing(other, CT), len(OWN))
    assert_agrees(detector)
    for seen in (BOTH, MRI):
        half = showing(NEW, seen)
        assert_array_equal(detector.p_values(half), fitted().p_values(half))
        assert_array_equal(detector.decision_function(half), fitted().decision_function(half))


def test_own_scans_too_few_of_each_pattern_are_refused():
    detector = copy_of()
    few = np.concatenate([showing(OWN[:12], CT), showing(OWN[12:24], MRI)])
    with pytest.raises(InvalidPairsError, match=r"at most 12 samples of one pattern.* at least 19"):
        detector.recalibrate(few)
    assert_array_equal(detector.p_values(MIXED), fitted().p_values(MIXED))


@pytest.mark.parametrize("bank", ["slices", "summary"])
def test_a_file_keeps_the_thresholds(bank, tmp_path):
    persistence = pytest.importorskip("ctmri_detect.persistence")
    pytest.importorskip("skops")
    detector = atlas(bank=bank)
    persistence.save(detector, tmp_path / "model.ctmri")
    again = persistence.load(tmp_path / "model.ctmri")
    assert_array_equal(again.score_samples(MIXED), detector.score_samples(MIXED))
    assert_array_equal(again.p_values(MIXED), detector.p_values(MIXED))
    setting = {"pool_fraction": 0.05} if bank == "slices" else {"false_positive_rate": 0.2}
    assert_array_equal(
        again.rescore(**setting).p_values(MIXED), detector.rescore(**setting).p_values(MIXED)
    )


def test_a_map_scoring_alone_withholds_planes_of_the_residuals():
    mean = np.nan_to_num(X).sum(axis=0) / np.maximum((~np.isnan(X)).sum(axis=0), 1)
    scoring = MapScoring().fit((X - mean).astype(np.float32), X, OWNERS)
    for seen in PATTERNS:
        half = showing(NEW, seen)
        scores, p = (
            getattr(scoring, verb)((half - mean).astype(np.float32), half)
            for verb in ("score_samples", "p_values")
        )
        assert_array_equal(scores < scoring.offset_, p <= RATE)
        sd = np.sqrt(RATE * (1 - RATE) * (1 / N + 1 / N_NEW))
        assert (p <= RATE).mean() == pytest.approx(RATE, abs=3.3 * sd)


# scores alone ---------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.0, 0.02, 0.05, 0.1 + 0.2, 0.5, 0.95])
def test_the_thresholds_of_all_patterns_become_one_digit_for_digit(rate):
    rng = np.random.default_rng(1)
    sizes = {BOTH: 170, CT: 200, MRI: 63}
    seen = np.repeat(list(sizes), list(sizes.values()), axis=0)
    units = np.repeat([1.0, 7.3, 0.11], list(sizes.values()))
    scores = units * rng.integers(-30, 0, len(seen)) + 3 * seen[:, 0]  # with ties
    thresholds = PatternThresholds(scores, seen, np.arange(len(seen)), rate)
    offset = thresholds.threshold.offset
    scaled = thresholds.scaled(scores, seen)
    assert_array_equal(scaled < offset, thresholds.p_values(scaled, seen) <= rate)
    for pattern, n in sizes.items():
        here = (seen == pattern).all(axis=1)
        rank = int((np.arange(1, n + 1) / (n + 1) <= rate).sum())
        if rank:
            assert np.sort(scaled[here])[rank - 1] == offset
        assert (scaled[here] < offset).sum() <= max(rank - 1, 0)
        p = thresholds.p_values(scaled, seen)[here]
        assert_array_equal(p, conformal_p_values(scores[here], scores[here]))  # of its own kind
    again = thresholds.at_rate(0.2).at_rate(rate)
    assert_array_equal(again.scaled(scores, seen), scaled)
