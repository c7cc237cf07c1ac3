"""Laws of mass effect and of replaced tissue, on a toy head."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from scipy import ndimage
from toy_head import toy_scene

from ctmri_detect.synthesis.insertion import (
    Look,
    displacement,
    move,
    push_aside,
    replace_tissue,
)
from ctmri_detect.synthesis.kinds import LESION_KINDS, SEVERITIES
from ctmri_detect.synthesis.lesions import draw_lesion, lesion_layers
from ctmri_detect.synthesis.signals import make_protocol
from ctmri_detect.synthesis.tissues import TISSUES

PUSHING = [k for k, v in LESION_KINDS.items() if v.push]
STILL = [k for k, v in LESION_KINDS.items() if not v.push and v.shape != "shift"]


@pytest.fixture(scope="module")
def scene():
    return toy_scene()


@pytest.fixture(scope="module")
def images(scene):
    protocol = make_protocol("t2")
    layers = scene.fractions
    ct = np.sum([TISSUES[name].hu * layers[name] for name in TISSUES], axis=0)
    mri = np.sum([protocol.healthy[name] * layers[name] for name in TISSUES], axis=0)
    return ct.astype(np.float32), mri.astype(np.float32)


def lesion_of(kind, scene, seed, severity="severe"):
    return draw_lesion(kind, severity, scene, np.random.default_rng(seed))


@pytest.mark.parametrize("kind", STILL)
def test_kinds_without_mass_effect_move_nothing(kind, scene, images):
    assert displacement(lesion_of(kind, scene, 0), scene) is None
    same, moved = push_aside(lesion_of(kind, scene, 0), scene, images)
    assert same is scene
    assert moved[0] is images[0]


@pytest.mark.parametrize("kind", [*PUSHING, "shifted_region"])
@pytest.mark.parametrize("severity", SEVERITIES)
def test_displacement_is_one_to_one_and_leaves_the_skull(kind, severity, scene):
    for seed in range(6):
        field = displacement(lesion_of(kind, scene, seed, severity), scene)
        assert np.abs(field).max() > 0.3
        assert not field[:, scene.depth >= 0].any()
        down_x, right_x = np.gradient(field[0], scene.spacing)
        down_y, right_y = np.gradient(field[1], scene.spacing)
        folding = (1 + right_x) * (1 + down_y) - down_x * right_y
        assert folding.min() > 0


@pytest.mark.parametrize("kind", PUSHING)
def test_tissue_moves_away_from_the_lesion(kind, scene):
    """What lies just outside of the lesion comes from nearer to its middle."""
    for seed in range(6):
        lesion = lesion_of(kind, scene, seed)
        mask = lesion_layers(lesion, scene)[-1].field > 0.5
        distance, nearest = ndimage.distance_transform_edt(~mask, return_indices=True)
        field = displacement(lesion, scene)
        rows, columns = np.indices(mask.shape)
        towards = field[0] * (nearest[1] - columns) + field[1] * (nearest[0] - rows)
        beside = (distance > 1) & (distance < 6) & (np.hypot(*field) > 0.3)
        assert beside.sum() > 20
        assert (towards[beside] > 0).mean() > 0.9


def test_both_modalities_move_alike_and_a_shifted_region_moves_the_mri_alone(scene, images):
    ct, mri = images
    lesion = lesion_of("tumour", scene, 1)
    _, moved = push_aside(lesion, scene, [ct, ct, ct])
    np.testing.assert_array_equal(moved, [moved[0]] * 3)
    assert not np.array_equal(moved[0], ct)
    _, shifted = push_aside(lesion_of("shifted_region", scene, 1), scene, [ct, mri, mri])
    np.testing.assert_array_equal(shifted[0], ct)
    np.testing.assert_array_equal(shifted[1], shifted[2])
    assert not np.array_equal(shifted[1], mri)


def test_moving_leaves_every_pixel_without_displacement_to_the_bit():
    image = np.random.default_rng(0).normal(size=(40, 40)).astype(np.float32)
    field = np.zeros((2, 40, 40), np.float32)
    field[0, 10:20, 10:20] = 1.0
    moved = move(image, field, 1.0, cv2.INTER_LANCZOS4)
    still = (field == 0).all(axis=0)
    np.testing.assert_array_equal(moved[still], image[still])
    np.testing.assert_allclose(moved[10:20, 10:20], image[10:20, 11:21], atol=1e-5)


@pytest.mark.parametrize("kind", LESION_KINDS)
def test_tissue_is_replaced_within_the_mask_only_softly_beyond(kind, scene, images):
    look = Look(1.0, 0.0, (make_protocol("t2").signal,))
    lesion = lesion_of(kind, scene, 4)
    after_push, (ct, mri) = push_aside(lesion, scene, images)
    (new_ct, new_mri), mask = replace_tissue(lesion, after_push, [ct, mri], look)
    assert mask.any()
    assert (scene.depth[mask] < 1).all()
    far = ndimage.distance_transform_edt(~mask) > 2 * LESION_KINDS[kind].edge + 6
    np.testing.assert_array_equal(new_ct[far], ct[far])
    np.testing.assert_array_equal(new_mri[far], mri[far])


def test_a_complete_replacement_has_the_level_of_the_lesion_in_both_planes(scene, images):
    """At strength 1 the middle of an infarct has the HU and the signal of its tissue."""
    protocol = make_protocol("t2")
    lesion = replace(lesion_of("infarct_subacute", scene, 2), strength=1.0)
    look = Look(2.0, 10.0, (lambda tissue: 100 * protocol.signal(tissue),))
    ct, mri = (images[0] * 2 + 10, images[1] * 100)
    (new_ct, new_mri), mask = replace_tissue(lesion, scene, [ct, mri], look)
    middle = ndimage.distance_transform_edt(mask) > 0.6 * ndimage.distance_transform_edt(mask).max()
    np.testing.assert_allclose(new_ct[middle], 2 * lesion.tissue.hu + 10, rtol=0.02)
    np.testing.assert_allclose(new_mri[middle], 100 * protocol.signal(lesion.tissue), rtol=0.02)
