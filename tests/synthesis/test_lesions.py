"""Laws of synthetic lesions, on a toy head of concentric shells."""

from __future__ import annotations

import numpy as np
import pytest

from ctmri_detect.synthesis.kinds import LESION_KINDS, SEVERITIES
from ctmri_detect.synthesis.lesions import draw_lesion, lesion_layers
from ctmri_detect.synthesis.tissues import TISSUES

SPACING = 1.0
SIZE = 160


@pytest.fixture(scope="module")
def head():
    """White core, grey ribbon, a fluid rim, bone, air; a round ventricle in the middle."""
    offset = (np.arange(SIZE) - (SIZE - 1) / 2) * SPACING
    x, y = np.meshgrid(offset, offset)
    radius = np.hypot(x, y)
    fractions = {name: np.zeros((SIZE, SIZE), np.float32) for name in TISSUES}
    for name, low, high in (
        ("csf", -1, 8),
        ("wm", 8, 45),
        ("gm", 45, 57),
        ("csf", 57, 60),
        ("bone", 60, 68),
        ("air", 68, 999),
    ):
        fractions[name][(radius >= low) & (radius < high)] = 1.0
    return fractions, (radius - 60).astype(np.float32)


def field_of(kind, severity, head, seed):
    lesion = draw_lesion(kind, severity, *head, SPACING, np.random.default_rng(seed))
    return lesion, lesion_layers(lesion, *head, SPACING)[-1][0]


@pytest.mark.parametrize("kind", LESION_KINDS)
@pytest.mark.parametrize("severity", SEVERITIES)
def test_field_is_a_fraction_with_a_core_inside_the_skull(kind, severity, head):
    for seed in range(4):
        _, field = field_of(kind, severity, head, seed)
        assert field.min() >= 0
        assert field.max() <= 1 + 1e-6
        assert (field > 0.5).any()
        assert field[head[1] > 0.5].max() == 0


@pytest.mark.parametrize("kind", [k for k, v in LESION_KINDS.items() if v.site != "rim"])
def test_intra_axial_lesions_leave_the_ventricle_alone(kind, head):
    ventricle = (head[0]["csf"] > 0) & (head[1] < -30)
    for seed in range(6):
        assert field_of(kind, "severe", head, seed)[1][ventricle].max() == 0


def test_the_subdural_crescent_touches_the_skull_and_is_thin(head):
    for seed in range(6):
        lesion, field = field_of("subdural_isodense", "moderate", head, seed)
        depth = head[1][field > 0.5]
        assert depth.max() > -2
        assert depth.min() > -lesion.radius[1] - 2


@pytest.mark.parametrize("kind", LESION_KINDS)
def test_area_grows_with_severity(kind, head):
    areas = [
        np.mean([(field_of(kind, severity, head, seed)[1] > 0.5).sum() for seed in range(12)])
        for severity in SEVERITIES
    ]
    assert areas[0] < areas[1] < areas[2]


@pytest.mark.parametrize("severity", SEVERITIES)
def test_diameter_and_strength_are_the_published_ones(severity, head):
    level = SEVERITIES[severity]
    for seed in range(10):
        lesion, _ = field_of("infarct_subacute", severity, head, seed)
        diameter = 2 * np.sqrt(lesion.radius[0] * lesion.radius[1])
        assert level.diameter[0] <= diameter <= level.diameter[1]
        assert level.strength[0] <= lesion.strength <= level.strength[1]


@pytest.mark.parametrize("kind", LESION_KINDS)
def test_tissue_stays_in_the_range_of_its_kind(kind, head):
    spec = LESION_KINDS[kind]
    for seed in range(10):
        lesion, _ = field_of(kind, "moderate", head, seed)
        for value, (low, high) in zip(
            lesion.tissue, (spec.hu, spec.t1, spec.t2, spec.pd), strict=True
        ):
            assert low <= value <= high


def test_same_seed_same_lesion_and_other_seed_other_lesion(head):
    first, again, other = (field_of("tumour", "moderate", head, s)[1] for s in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_applying_changes_neither_the_lesion_nor_the_head(head):
    fractions = {name: layer.copy() for name, layer in head[0].items()}
    field_of("tumour", "severe", head, 1)
    for name, layer in head[0].items():
        np.testing.assert_array_equal(layer, fractions[name])


def test_oedema_surrounds_a_tumour(head):
    lesion = draw_lesion("tumour", "severe", *head, SPACING, np.random.default_rng(2))
    (halo, _, _), (core, _, _) = lesion_layers(lesion, *head, SPACING)
    assert (halo > 0.3).sum() > (core > 0.5).sum()
