"""Laws of the pixel metrics: what was not observed is missed in a lesion, left out elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from map_cases import map_case
from sklearn.metrics import average_precision_score, roc_auc_score

from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.metrics import anomaly_map_average_precision_score, anomaly_map_roc_auc_score

RNG = np.random.default_rng(0)


def pixels(seed=0):
    rng = np.random.default_rng(seed)
    masks = np.zeros((3, 8, 9), bool)
    masks[0, 2:5, 3:6] = masks[2, 6:, :2] = True
    return masks, (8 * rng.normal(size=masks.shape)).round() / 8 + masks  # exact in float32


def test_pixel_average_precision_is_that_of_all_pixels_together(ranked_precision):
    masks, maps = pixels()
    expected = ranked_precision(masks.ravel(), maps.ravel())
    assert anomaly_map_average_precision_score(masks, maps) == pytest.approx(expected)
    order = RNG.permutation(3)
    assert anomaly_map_average_precision_score(masks[order], maps[order]) == pytest.approx(expected)
    for other in (np.exp(maps), 5 * maps - 3, maps.astype(np.float32)):
        assert anomaly_map_average_precision_score(masks, other) == pytest.approx(
            expected, abs=1e-6
        )
    assert anomaly_map_average_precision_score(masks.astype(np.uint8), maps) == pytest.approx(
        expected
    )


def test_pixel_bounds():
    masks, maps = pixels()
    assert anomaly_map_average_precision_score(masks, masks * 2.0) == 1
    chance = masks.mean()
    assert anomaly_map_average_precision_score(masks, 0 * maps) == pytest.approx(chance)
    assert anomaly_map_average_precision_score(masks, -1.0 * masks) == pytest.approx(chance)


def test_an_unseen_healthy_pixel_is_left_out(ranked_precision):
    masks, maps = pixels()
    hidden = RNG.random(masks.shape) < 0.3
    hidden &= ~masks
    partly = np.where(hidden, np.nan, maps)
    left = ranked_precision(masks[~hidden], maps[~hidden])
    assert anomaly_map_average_precision_score(masks, partly) == pytest.approx(left)
    partly[0, 2, 3] = np.nan  # beside an unseen lesion pixel, too
    maps[0, 2, 3] = maps.min() - 1
    missed = ranked_precision(masks[~hidden], maps[~hidden])
    assert anomaly_map_average_precision_score(masks, partly) == pytest.approx(missed)
    assert left != pytest.approx(ranked_precision(masks.ravel(), maps.ravel()))


def test_an_unseen_lesion_pixel_is_missed(ranked_precision):
    masks, maps = pixels()
    maps[0, 3, 4] = 9  # the surest hit of all
    maps[0, 2, 3] = maps.min() - 2  # another lesion pixel has the lowest value that was seen
    partly, last = maps.copy(), maps.copy()
    partly[0, 3, 4] = np.nan
    last[0, 3, 4] = maps.min() - 1
    score = anomaly_map_average_precision_score(masks, partly)
    assert score == pytest.approx(ranked_precision(masks.ravel(), last.ravel()))
    assert score < anomaly_map_average_precision_score(masks, maps)


def test_unseen_lesions_are_worth_what_chance_gives():
    masks, maps = pixels()
    blind = np.where(masks, np.nan, maps)
    assert anomaly_map_average_precision_score(masks, blind) == pytest.approx(masks.mean())


def test_unseen_ranks_last_at_any_scale_of_the_map():
    masks, maps = pixels()
    partly = np.where(masks & (maps > 1), np.nan, maps)
    expected = anomaly_map_average_precision_score(masks, partly)
    large = (2.0**30 * partly).astype(np.float32)  # 1 less is the same number in float32
    assert anomaly_map_average_precision_score(masks, large) == pytest.approx(expected)


def test_a_map_that_saw_nothing_is_not_perfect():
    masks, maps = pixels()
    try:
        score = anomaly_map_average_precision_score(masks, np.full_like(maps, np.nan))
    except InvalidPairsError:
        return  # a refusal is as good
    assert score <= masks.mean()


def test_pixel_inputs_that_would_mislead_are_refused():
    masks, maps = pixels()
    infinite = maps.copy()
    infinite[0, 0, 0] = np.inf
    with pytest.raises(InvalidPairsError, match="infinity"):
        anomaly_map_average_precision_score(masks, infinite)
    with pytest.raises(InvalidPairsError, match="no lesion pixel"):
        anomaly_map_average_precision_score(masks & False, maps)
    with pytest.raises(InvalidPairsError, match=r"expected \(3, 8, 8\)"):
        anomaly_map_average_precision_score(masks, maps[:, :, 1:])
    with pytest.raises(InvalidPairsError, match="values beside 0 and 1"):
        anomaly_map_average_precision_score(np.where(masks, -1, 1), maps)


@pytest.mark.parametrize("unseen", [0, 0.3])
@pytest.mark.parametrize("seed", range(4))
def test_scikit_learn_gives_the_same_of_all_pixels(seed, unseen):
    masks, maps = map_case(seed, unseen=unseen)
    used = masks | ~np.isnan(maps)
    positive, heat = masks[used], np.nan_to_num(maps, nan=-99)[used]
    expected = average_precision_score(positive, heat)
    assert anomaly_map_average_precision_score(masks, maps) == pytest.approx(expected)
    assert anomaly_map_roc_auc_score(masks, maps) == pytest.approx(roc_auc_score(positive, heat))


def test_pixel_roc_auc_is_how_often_a_lesion_pixel_outranks_a_healthy_one():
    masks, maps = pixels()
    hot, cold = maps[masks][:, None], maps[~masks][None]
    above = ((hot > cold) + 0.5 * (hot == cold)).mean()
    assert anomaly_map_roc_auc_score(masks, maps) == pytest.approx(above)
    assert anomaly_map_roc_auc_score(masks, -maps) == pytest.approx(1 - above)
    assert anomaly_map_roc_auc_score(masks, 0 * maps) == 0.5
    assert anomaly_map_roc_auc_score(masks, np.where(masks, np.nan, maps)) == 0
