import numpy as np
import pytest

from ctmri_detect import AtlasDetector, ThresholdDetector
from ctmri_detect.evaluation import (
    MissingModality,
    Noise,
    benchmark,
    evaluate,
    evaluate_scores,
)
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.metrics import (
    anomaly_map_aupimo_score,
    anomaly_map_aupro_score,
    anomaly_map_average_precision_score,
    anomaly_map_best_dice_score,
    anomaly_map_dice_score,
    anomaly_map_lesion_sensitivity_score,
    anomaly_map_roc_auc_score,
    anomaly_map_threshold,
    decision_average_precision_score,
    decision_f1_max_score,
    decision_roc_auc_score,
    patient_bootstrap,
)

pytestmark = pytest.mark.filterwarnings("ignore::ctmri_detect.exceptions.ThresholdWarning")

EXACT = {
    "pixel_ap": anomaly_map_average_precision_score,
    "pixel_auroc": anomaly_map_roc_auc_score,
    "best_dice": anomaly_map_best_dice_score,
    "aupro": anomaly_map_aupro_score,
    "aupimo": anomaly_map_aupimo_score,
    "lesion_sensitivity": anomaly_map_lesion_sensitivity_score,
    "lesion_sensitivity_at_1": lambda masks, maps: anomaly_map_lesion_sensitivity_score(
        masks, maps, None, (1.0,)
    ),
}
ON_DECISIONS = {
    "auroc": decision_roc_auc_score,
    "ap": decision_average_precision_score,
    "f1_max": decision_f1_max_score,
}


@pytest.fixture(scope="module")
def scores():
    """Maps with gaps, and lesions of several sizes, of 15 patients; some without any lesion."""
    rng = np.random.default_rng(0)
    n, side = 60, 40
    patients = np.arange(n) // 4
    target = np.where((np.arange(n) % 2 == 0) & (patients % 3 > 0), -1, 1)
    masks = np.zeros((n, side, side), bool)
    for i in np.flatnonzero(target == -1):
        for _ in range(rng.integers(1, 3)):
            y, x, r = *rng.integers(4, side - 10, 2), rng.integers(2, 7)
            masks[i, y : y + r, x : x + r] = True
    maps = (np.abs(rng.normal(size=masks.shape)) + 1.5 * masks).astype(np.float16)
    maps[rng.random(masks.shape) < 0.05] = np.nan
    decision = target + rng.normal(size=n)
    return target, decision, patients, masks, maps


@pytest.fixture(scope="module")
def figures(scores):
    target, decision, patients, masks, maps = scores
    table = evaluate_scores(target, decision, patients, masks=masks, maps=maps, n_resamples=200)
    return table.set_index("metric")


@pytest.mark.parametrize("name", EXACT)
def test_figures_of_maps_are_the_metrics(scores, figures, name):
    *_, masks, maps = scores
    assert figures.loc[name, "value"] == pytest.approx(EXACT[name](masks, maps), abs=1e-9)


@pytest.mark.parametrize("name", ON_DECISIONS)
def test_figures_of_samples_are_the_metrics(scores, figures, name):
    target, decision, patients, *_ = scores
    found = figures.loc[name]
    assert found["value"] == pytest.approx(ON_DECISIONS[name](target, decision), abs=1e-12)
    exact = patient_bootstrap(
        target, decision, patients, ON_DECISIONS[name], n_resamples=200, random_state=0
    )
    assert found["low"] == pytest.approx(exact.low, abs=1e-12)
    assert found["high"] == pytest.approx(exact.high, abs=1e-12)


@pytest.mark.parametrize("name", ["pixel_ap", "best_dice", "aupro", "lesion_sensitivity"])
def test_intervals_of_maps_are_those_of_resampled_patients(scores, figures, name):
    """Binned counts give what the exact metric gives on the same draws."""
    _, _, patients, masks, maps = scores
    exact = patient_bootstrap(masks, maps, patients, EXACT[name], n_resamples=200, random_state=0)
    found = figures.loc[name]
    width = exact.high - exact.low
    assert found["low"] == pytest.approx(exact.low, abs=0.15 * width)
    assert found["high"] == pytest.approx(exact.high, abs=0.15 * width)


def test_calls_are_counted(scores, figures):
    target, decision, patients, *_ = scores
    called = decision < 0
    healthy = np.array([(target[patients == p] == 1).all() for p in range(15)])
    any_called = np.array([called[patients == p].any() for p in range(15)])
    expected = {
        "sensitivity": called[target == -1].mean(),
        "false_positive_rate": called[target == 1].mean(),
        "patient_false_positive_rate": any_called[healthy].mean(),
        "patient_sensitivity": any_called[~healthy].mean(),
    }
    for name, value in expected.items():
        assert figures.loc[name, "value"] == pytest.approx(value)
        assert figures.loc[name, "low"] <= value <= figures.loc[name, "high"]


def test_a_detector_that_knows_whose_slice_it_is_does_no_better_than_the_control():
    rng = np.random.default_rng(1)
    patients = np.repeat(np.arange(12), 8)
    target = np.where(rng.random(96) < (patients % 2) * 0.6 + 0.1, -1, 1)
    decision = -(patients % 2) + 0.01 * rng.normal(size=96)
    found = evaluate_scores(target, decision, patients).set_index("metric")["value"]
    assert found["auroc"] > 0.7
    assert found["auroc"] <= found["auroc_of_patient_identity"]
    assert 0.3 < found["auroc_inside_patients"] < 0.7


def test_without_maps_and_with_few_patients_there_is_nan():
    found = evaluate_scores([1, -1, 1, -1], [2.0, -1.0, 1.0, -2.0], [0, 0, 1, 1])
    found = found.set_index("metric")
    assert found.loc["auroc", "value"] == 1
    assert np.isnan(found.loc["auroc", ["low", "high"]].astype(float)).all()
    assert found.loc[["pixel_ap", "aupro", "patient_auroc"], "value"].isna().all()


@pytest.fixture(scope="module")
def stored(same_data, tmp_path_factory):
    detectors = {"atlas": AtlasDetector(), "threshold": ThresholdDetector()}
    conditions = [Noise(0.5), MissingModality(1.0, "CT")]
    store = tmp_path_factory.mktemp("results") / "store"
    options = {"conditions": conditions, "store": store, "progress": False}
    return benchmark(detectors, same_data, **options)


def test_a_store_gives_the_figures_of_the_table(stored):
    found = evaluate(stored.store.folder)
    assert found.equals(evaluate(stored))
    found = found.set_index(["detector", "condition", "metric"])["value"]
    rows = stored.conditions.set_index(["detector", "condition"])
    for place, row in rows.iterrows():
        assert found[(*place, "auroc")] == pytest.approx(row["image_auroc"], abs=1e-12)
        assert found[(*place, "ap")] == pytest.approx(row["image_ap"], abs=1e-12)
        assert found[(*place, "pixel_ap")] == pytest.approx(row["pixel_ap"], abs=1e-9)
        assert found[(*place, "promised_false_positive_rate")] == 0.05


def test_one_kind_stands_against_all_normal_samples(stored):
    found = evaluate(stored, kind="bleed", metrics=["auroc", "pixel_ap"])
    table = stored.table[stored.table["kind"] == "bleed"].set_index("detector")
    plain = found[found["condition"] == ""].set_index(["detector", "metric"])["value"]
    for name in ("atlas", "threshold"):
        assert plain[name, "auroc"] == pytest.approx(table.loc[name, "image_auroc"], abs=1e-12)
        assert plain[name, "pixel_ap"] == pytest.approx(table.loc[name, "pixel_ap"], abs=1e-9)


def test_the_threshold_of_dice_comes_from_healthy_samples_of_the_other_folds(stored, same_data):
    found = evaluate(stored, metrics=["dice_at_threshold"]).set_index(["detector", "condition"])
    scores = stored.scores[stored.scores["detector"] == "atlas"].set_index("sample")
    maps = benchmark({"atlas": AtlasDetector()}, same_data, n_examples=100, progress=False).maps[
        "atlas"
    ]
    taken, masks = [], []
    for fold in (0, 1):
        own, other = scores[scores["fold"] == fold], scores[scores["fold"] != fold]
        normal = np.stack([maps[s] for s in other.index[other["target"] == 1]]).astype(np.float32)
        threshold = anomaly_map_threshold(normal, 0.01)
        taken += [np.nan_to_num(maps[s].astype(float), nan=-9) - threshold for s in own.index]
        masks += [same_data.masks[s] for s in own.index]
    expected = anomaly_map_dice_score(np.stack(masks), np.stack(taken), 0.0)
    assert found.loc[("atlas", ""), "value"] == pytest.approx(expected, abs=1e-9)


def test_errors(stored, same_data, tmp_path):
    with pytest.raises(ValueError, match="expected some of auroc"):
        evaluate(stored, metrics=["accuracy"])
    with pytest.raises(ValueError, match="expected one of all, bleed"):
        evaluate(stored, kind="tumour")
    with pytest.raises(ValueError, match="is no store"):
        evaluate(tmp_path)
    assert not list(tmp_path.iterdir())
    kept_nothing = benchmark({"atlas": AtlasDetector()}, same_data, progress=False)
    with pytest.raises(ValueError, match="benchmark has no store"):
        evaluate(kept_nothing)
    with pytest.raises(InvalidPairsError):
        evaluate_scores([0, 1], [1.0, 2.0], [0, 1])
    planes = {"masks": np.eye(4, dtype=bool)[None].repeat(2, 0), "maps": np.full((2, 4, 4), np.inf)}
    with pytest.raises(InvalidPairsError, match="infinity"):
        evaluate_scores([1, -1], [1.0, 2.0], [0, 1], metrics=["pixel_ap"], **planes)
