"""Checks of what a fitted detector returns."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ctmri_detect.base import BasePairedDetector
from ctmri_detect.exceptions import MissingModalityError
from ctmri_detect.testing._laws import demand, demand_close, demand_equal, demand_error
from ctmri_detect.testing._samples import PATIENTS, fit, fitted, test, train
from ctmri_detect.testing.heads import make_heads, plant


def check_maps(estimator: BasePairedDetector) -> None:
    """Maps have the shape of X, are float32, and are NaN exactly where nothing was observed."""
    detector, X = fitted(estimator), test()
    unseen = np.isnan(X)
    _check_map("residual_map", detector.residual_map(X), unseen)
    _check_map("z_maps", detector.z_maps(X), unseen)
    heat = detector.anomaly_map(X)
    _check_map("anomaly_map", heat, np.asarray(unseen.all(axis=1)))
    lowest = np.nanmin(heat)
    demand(lowest >= 0, f"anomaly_map has no negative value. The lowest is {lowest:.3g}.")


def _check_map(verb: str, found: npt.NDArray[np.float32], unseen: npt.NDArray[np.bool_]) -> None:
    demand(found.dtype == np.float32, f"{verb} returns float32. The dtype is {found.dtype}.")
    law = f"{verb} is NaN exactly where nothing was observed, and finite elsewhere."
    demand_equal(np.isnan(found), unseen, law)
    infinite = int(np.isinf(found).sum())
    demand(not infinite, f"{law} {infinite} of {found.size} values are infinite.")


def check_scores(estimator: BasePairedDetector) -> None:
    """Scores are finite float64; decisions count from `offset_`; `predict` is their sign."""
    detector, X = fitted(estimator), test()
    scores, predicted = detector.score_samples(X), detector.predict(X)
    demand(
        scores.shape == (len(X),) and scores.dtype == np.float64,
        f"score_samples returns float64 of shape ({len(X)},). It returned {scores.dtype} of shape "
        f"{scores.shape}.",
    )
    infinite = int((~np.isfinite(scores)).sum())
    demand(not infinite, f"Each score is finite. {infinite} of {len(X)} are not.")
    decision = detector.decision_function(X)
    demand_equal(decision, scores - detector.offset_, "decision_function is score minus offset_.")
    demand(
        predicted.dtype.kind == "i", f"predict returns integers. The dtype is {predicted.dtype}."
    )
    called = np.where(decision < 0, -1, 1)
    demand_equal(predicted, called, "predict is -1 exactly where the decision is below 0.")


def check_p_values(estimator: BasePairedDetector) -> None:
    """p-values lie above 0 and up to 1, and `predict` follows them at the rate that was asked."""
    detector = fitted(estimator)
    wild = np.array([plant(pair, 1, amount=5.0, radius=6)[0] for pair in test()])
    X = np.concatenate([test(), wild])
    p, rate = detector.p_values(X), detector.map_scoring_.false_positive_rate
    demand(
        ((p > 0) & (p <= 1)).all(),
        f"p_values lie above 0 and up to 1. They run from {p.min():.3g} to {p.max():.3g}.",
    )
    law = f"predict is -1 exactly where the p-value is at most {rate} (false_positive_rate)."
    demand_equal(detector.predict(X) == -1, p <= rate, law)


def check_detect(estimator: BasePairedDetector) -> None:
    """`detect` and the blocks of `iter_detect` hold what each verb returns."""
    detector, X = fitted(estimator), np.concatenate([test()] * 4)
    found = detector.detect(X)
    expected: dict[str, npt.NDArray[np.generic]] = {
        "anomaly_score": -detector.score_samples(X),
        "decision": detector.decision_function(X),
        "prediction": detector.predict(X),
        "p_value": detector.p_values(X),
        "anomaly_map": detector.anomaly_map(X),
        "z_maps": detector.z_maps(X),
    }
    for name, values in expected.items():
        demand_close(found[name], values, f"detect(X).{name} is what the verb returns.")
    rows = np.concatenate([block.samples for block in detector.iter_detect(X)])
    demand_equal(rows, np.arange(len(X)), "iter_detect gives each row of X once, in order.")


def check_order_and_batch(estimator: BasePairedDetector) -> None:
    """A sample's maps and scores do not depend on the other samples in X, nor on their order."""
    detector = fitted(estimator)
    many = np.concatenate([test(), train()[:14]])
    order = np.random.default_rng(0).permutation(len(many))
    for verb in ("anomaly_map", "score_samples"):
        whole, ask = getattr(detector, verb)(many), getattr(detector, verb)
        law = f"{verb} of a sample does not depend on the order of the samples in X."
        demand_close(ask(many[order]), whole[order], law)
        law = f"{verb} of a sample does not depend on the other samples in X."
        demand_close(ask(many[3:4]), whole[3:4], law)


def check_planted_lesion(estimator: BasePairedDetector) -> None:
    """Where `traits.localizes`: a planted lesion is hotter than the rest and lowers the score."""
    if not estimator.traits.localizes:
        return
    heads = make_heads(25, size=64, seed=3)  # features of deep layers have cells of 8 pixels
    detector = fit(estimator, heads[1:], PATIENTS)
    pair, disc = plant(heads[0], 1, amount=1.2, at=(32, 18), radius=7)
    heat = detector.anomaly_map(pair[None])[0]
    seen = ~np.isnan(heat)
    inside, outside = heat[disc & seen].mean(), heat[~disc & seen].mean()
    demand(
        inside > 1.5 * outside,
        "A planted lesion is at least 1.5 times as hot as the rest of the slice, because traits "
        f"say that the detector localizes. It is {inside:.3g} in it, {outside:.3g} elsewhere.",
    )
    lesion, healthy = detector.score_samples(np.stack([pair, heads[0]]))
    demand(
        lesion < healthy,
        f"A lesion lowers the score of a slice. It is {lesion:.3g} with it, {healthy:.3g} without.",
    )


def check_missing_modality(estimator: BasePairedDetector) -> None:
    """A sample without one plane is scored or refused, as `traits.missing_modality` says."""
    detector = fitted(estimator)
    half = test().copy()
    half[2, 1] = np.nan
    if not detector.traits.missing_modality:
        law = "A missing modality is refused, because traits say missing_modality=False."
        message = demand_error(lambda: detector.score_samples(half), MissingModalityError, law)
        demand("2" in message, f"The error names the sample without a plane (2). It is: {message}")
        return
    heat = detector.anomaly_map(half)
    law = "Where one plane is missing, the map is NaN only where the other plane is."
    demand_equal(np.isnan(heat[2]), np.isnan(half[2, 0]), law)
    says = np.nan_to_num(detector.residual_map(half)[2, 0]).any()
    demand(
        says,
        "Where one plane is missing, the residual of the other is not 0 everywhere, because traits "
        "say missing_modality=True. It is 0 everywhere, so nothing is said about the sample.",
    )
    finite = np.isfinite(detector.score_samples(half)).all()
    demand(finite, "A sample with a missing plane has a finite score, because traits say so.")
    p, rate = detector.p_values(half), detector.map_scoring_.false_positive_rate
    law = f"Where a plane is missing, predict is -1 exactly where the p-value is at most {rate}."
    demand_equal(detector.predict(half) == -1, p <= rate, law)
    law = "A missing plane of one sample does not change the maps of the others."
    whole = detector.anomaly_map(test())
    demand_close(np.delete(heat, 2, axis=0), np.delete(whole, 2, axis=0), law)
