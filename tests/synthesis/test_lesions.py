"""Laws of synthetic lesions, on a toy head of concentric shells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from toy_head import toy_scene

from ctmri_detect.exceptions import InjectionError
from ctmri_detect.synthesis.kinds import DEFAULT_KINDS, LESION_KINDS, SEVERITIES
from ctmri_detect.synthesis.lesions import draw_lesion, lesion_layers
from ctmri_detect.synthesis.outlines import territories

LAYERS = [k for k, v in LESION_KINDS.items() if v.shape in ("crescent", "lens")]
INFARCTS = [k for k, v in LESION_KINDS.items() if v.shape == "territory"]


@pytest.fixture(scope="module")
def scene():
    return toy_scene()


def field_of(kind, severity, scene, seed):
    lesion = draw_lesion(kind, severity, scene, np.random.default_rng(seed))
    return lesion, lesion_layers(lesion, scene)[-1].field


@pytest.mark.parametrize("kind", LESION_KINDS)
@pytest.mark.parametrize("severity", SEVERITIES)
def test_field_is_a_fraction_with_a_core_inside_the_skull(kind, severity, scene):
    for seed in range(4):
        _, field = field_of(kind, severity, scene, seed)
        assert field.min() >= 0
        assert field.max() <= 1 + 1e-6
        assert (field > 0.5).any()
        assert field[scene.depth > 0.6].max() == 0


@pytest.mark.parametrize("kind", [k for k in LESION_KINDS if k not in LAYERS])
def test_intra_axial_lesions_leave_the_ventricle_alone(kind, scene):
    ventricle = (scene.fractions["csf"] > 0) & (scene.depth < -30)
    for seed in range(6):
        assert field_of(kind, "severe", scene, seed)[1][ventricle].max() == 0


@pytest.mark.parametrize("kind", LAYERS)
def test_blood_outside_the_brain_touches_the_skull_and_is_thin(kind, scene):
    for seed in range(6):
        lesion, field = field_of(kind, "moderate", scene, seed)
        depth = scene.depth[field > 0.5]
        assert depth.max() > -2
        assert depth.min() > -lesion.radius[1] - 2


def test_a_lens_is_shorter_and_thicker_than_a_crescent(scene):
    ratio = {}
    for kind in ("epidural", "subdural"):
        lesion, _ = field_of(kind, "moderate", scene, 3)
        ratio[kind] = lesion.radius[0] / lesion.radius[1]
    assert ratio["epidural"] < 0.5 * ratio["subdural"]


def test_subarachnoid_blood_lies_in_the_fluid_outside_the_brain(scene):
    for seed in range(6):
        _, field = field_of("subarachnoid", "moderate", scene, seed)
        assert scene.fluid(deep=False)[field > 0.5].min() > 0.5


@pytest.mark.parametrize("kind", INFARCTS)
def test_an_infarct_stays_in_one_territory_of_one_hemisphere(kind, scene):
    supplied = territories(scene.depth)
    for seed in range(10):
        _, field = field_of(kind, "severe", scene, seed)
        assert len(set(supplied[field > 0].tolist())) == 1


def test_territories_are_six_and_mirror_each_other(scene):
    supplied = territories(scene.depth)
    assert set(np.unique(supplied)) == {-3, -2, -1, 1, 2, 3}
    np.testing.assert_array_equal(supplied, -supplied[:, ::-1])
    front, back = supplied[:70, 40:120], supplied[-30:, 40:120]
    assert 3 not in np.abs(front)
    assert set(np.abs(back).ravel()) == {3}
    areas = np.bincount(np.abs(supplied[scene.depth < 0]))
    assert areas[2] > max(areas[1], areas[3])  # the middle artery supplies the largest part


@pytest.mark.parametrize("kind", LESION_KINDS)
def test_area_grows_with_severity(kind, scene):
    areas = [
        np.mean([(field_of(kind, severity, scene, seed)[1] > 0.5).sum() for seed in range(12)])
        for severity in SEVERITIES
    ]
    assert areas[0] < areas[1] < areas[2]


@pytest.mark.parametrize("severity", SEVERITIES)
def test_diameter_and_strength_are_the_published_ones(severity, scene):
    level = SEVERITIES[severity]
    for seed in range(10):
        lesion, _ = field_of("infarct_subacute", severity, scene, seed)
        diameter = 2 * np.sqrt(lesion.radius[0] * lesion.radius[1])
        assert level.diameter[0] <= diameter <= level.diameter[1]
        assert level.strength[0] <= lesion.strength <= level.strength[1]


@pytest.mark.parametrize("kind", LESION_KINDS)
def test_tissue_stays_in_the_range_of_its_kind(kind, scene):
    spec = LESION_KINDS[kind]
    for seed in range(10):
        lesion, _ = field_of(kind, "moderate", scene, seed)
        for value, (low, high) in zip(
            lesion.tissue, (spec.hu, spec.t1, spec.t2, spec.pd), strict=True
        ):
            assert low <= value <= high


def test_same_seed_same_lesion_and_other_seed_other_lesion(scene):
    first, again, other = (field_of("tumour", "moderate", scene, s)[1] for s in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_applying_changes_neither_the_lesion_nor_the_head(scene):
    fractions = {name: layer.copy() for name, layer in scene.fractions.items()}
    field_of("tumour", "severe", scene, 1)
    for name, layer in scene.fractions.items():
        np.testing.assert_array_equal(layer, fractions[name])


def test_oedema_surrounds_a_tumour(scene):
    lesion = draw_lesion("tumour", "severe", scene, np.random.default_rng(2))
    halo, core = lesion_layers(lesion, scene)
    assert (halo.field > 0.3).sum() > (core.field > 0.5).sum()


def test_a_smaller_section_of_a_lesion_lies_within_the_larger(scene):
    lesion = draw_lesion("haematoma", "severe", scene, np.random.default_rng(2))
    whole, part = (lesion_layers(lesion, scene, scale)[-1].field > 0.5 for scale in (1.0, 0.5))
    assert 0 < part.sum() < whole.sum()
    assert not (part & ~whole).any()


def test_a_slice_without_the_tissue_is_refused(scene):
    nothing = replace(scene, fractions={k: 0 * v for k, v in scene.fractions.items()})
    with pytest.raises(InjectionError, match="oedema"):
        draw_lesion("oedema", "mild", nothing, np.random.default_rng(0))


def test_the_default_kinds_are_lesions():
    assert set(DEFAULT_KINDS) <= set(LESION_KINDS)
