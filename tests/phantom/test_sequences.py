"""Several MRI sequences of one head: the same tissues, and noise of their own."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest

pytest.importorskip("nilearn")

from ctmri_detect.phantom import make_phantom_pairs, make_phantom_volumes

ALL = ("t1", "t2", "flair")
ARGUMENTS = {"size": 96, "severity": "severe", "random_state": 5}
KINDS = ["oedema", "haematoma", "tumour", "shifted_region", "infarct_chronic", "contradiction"]


def make(sequence, **others):
    return make_phantom_pairs(2, 4, sequence=sequence, **{**ARGUMENTS, "kinds": KINDS, **others})


@pytest.fixture(scope="module")
def several():
    return make(ALL)


@pytest.fixture(scope="module")
def healthy():
    return make(ALL, anomalous_fraction=0)


def test_planes_are_ct_and_each_sequence_in_the_given_order(several):
    assert several.data.modalities == ("CT", "T1", "T2", "FLAIR")
    assert several.data.shape == (8, 4, 96, 96)
    assert set(several.frame["sequence"]) == {"t1+t2+flair"}
    turned = make(("flair", "t1"))
    assert turned.data.modalities == ("CT", "FLAIR", "T1")
    shifts = [f"{name}_shift_{axis}" for name in ("flair", "t1") for axis in "xy"]
    cnr = ["cnr_ct", "cnr_flair", "cnr_t1"]
    assert turned.frame.columns.tolist()[-7:] == [*cnr, *shifts]


def test_a_sequence_alone_is_the_first_plane_whatever_follows(several):
    """The first sequence has the random numbers of a phantom of that sequence alone."""
    for sequence in ("t1", ("t1",), ("t1", "t2")):
        alone = make(sequence)
        n = alone.data.shape[1]
        np.testing.assert_array_equal(alone.data, several.data[:, :n])
        np.testing.assert_array_equal(alone.masks, several.masks)
    pair, one = make("t1"), make(["t1"])
    assert (pair.data.modalities, one.data.modalities) == (("CT", "MRI"), ("CT", "T1"))
    np.testing.assert_array_equal(pair.frame["cnr_mri"], one.frame["cnr_t1"])
    assert (
        list(one.frame)
        == [  # the name of the sequence in place of "mri", and one column more
            name.replace("mri", "t1")
            for name in [*list(pair.frame)[:9], "artefact_plane", *list(pair.frame)[9:]]
        ]
    )


@pytest.mark.parametrize("plane", [2, 3])
def test_each_sequence_shows_the_tissues_of_that_head(healthy, plane):
    """Gain, bias and noise aside, a plane is the phantom of its sequence alone."""
    alone = make(ALL[plane - 1], anomalous_fraction=0)
    np.testing.assert_array_equal(alone.data[:, 0], healthy.data[:, 0])
    likeness = np.array(
        [
            [np.corrcoef(one.ravel(), other.ravel())[0, 1] for other in healthy.data[:, plane]]
            for one in alone.data[:, 1]
        ]
    )
    assert np.diag(likeness).min() > 0.97
    np.testing.assert_array_equal(likeness.argmax(axis=1), np.arange(8))


def test_each_sequence_has_noise_and_gain_of_its_own(healthy):
    frame, values = healthy.frame, np.asarray(healthy.data)
    corners = values[(frame["patient"] == "sub-000").to_numpy(), 1:, :12][..., np.r_[:12, -12:0]]
    noise = np.corrcoef(np.moveaxis(corners, 1, 0).reshape(3, -1))
    assert np.abs(noise[np.triu_indices(3, 1)]).max() < 0.12
    for axis in "xy":
        apart = frame[f"t2_shift_{axis}"] - frame[f"t1_shift_{axis}"]
        assert (apart != 0).all()
        assert apart.abs().max() < 2  # one session: nearer to one another than to the CT
    assert frame.groupby("patient")[[f"{name}_shift_x" for name in ALL]].nunique().max().max() == 1


def test_fluid_is_dark_in_t1_and_flair_and_bright_in_t2(healthy):
    values = np.asarray(healthy.data)
    ct, t1, t2, flair = np.moveaxis(values, 1, 0)
    for k in range(len(values)):
        inside = (ct[k] > -10) & (ct[k] < 70) & (t2[k] > 0.3 * np.median(t2[k][ct[k] > 25]))
        brain = inside & (ct[k] > 28)
        fluid = inside & (t2[k] > 2.2 * np.median(t2[k][brain]))
        assert fluid.sum() > 20
        for image in (t1[k], flair[k]):
            assert np.median(image[fluid]) < 0.6 * np.median(image[brain])


def test_a_lesion_has_the_sign_that_its_relaxation_times_give():
    frame = make(("t1", "t2", "flair", "pd"), kinds="oedema").frame
    sick = frame[frame["kind"] == "oedema"]
    assert (sick["cnr_ct"] < 0).all()
    assert (sick["cnr_t1"] < -1).all()
    assert (sick[["cnr_t2", "cnr_flair"]] > 1).all(axis=None)


def test_a_region_is_shifted_in_all_sequences_alike(several, healthy):
    rows = np.flatnonzero(several.frame["kind"] == "shifted_region")
    assert len(rows)
    for row in rows:
        changed = np.asarray(several.data[row]) != healthy.data[row]
        assert not changed[0].any()
        assert all(plane.any() for plane in changed[1:])


def test_same_seed_same_bits_on_any_number_of_processes(several):
    again = make(list(ALL), n_jobs=2)
    np.testing.assert_array_equal(again.data, several.data)
    assert again.frame.equals(several.frame)


def test_an_artefact_spoils_the_plane_that_the_frame_names(healthy):
    kinds = ["motion_ghosting", "noise_burst", "metal_streak", "wrap_around"]
    made = make(ALL, kinds=kinds, anomalous_fraction=1)
    changed = (np.asarray(made.data) != healthy.data).any(axis=(2, 3))
    names = np.array(made.data.modalities)
    assert [names[row].tolist() for row in changed] == [[p] for p in made.frame["artefact_plane"]]
    assert (made.frame["artefact_plane"] == "CT").equals(made.frame["kind"] == "metal_streak")
    assert made.frame["artefact_plane"].nunique() > 2
    assert healthy.frame["artefact_plane"].isna().all()


@pytest.mark.parametrize("kind", ["swapped_slice", "foreign_slice"])
def test_another_slice_takes_the_place_of_all_mri_planes(kind, healthy):
    made = make(ALL, kinds=kind, anomalous_fraction=1)
    same = [(np.asarray(made.data[:, p]) == healthy.data[:, p]).mean() for p in range(4)]
    assert same[0] == 1
    assert max(same[1:]) < 0.01
    likeness = [np.corrcoef(t1.ravel(), t2.ravel())[0, 1] for _, t1, t2, _ in made.data]
    expected = [np.corrcoef(t1.ravel(), t2.ravel())[0, 1] for _, t1, t2, _ in healthy.data]
    assert np.mean(likeness) > np.mean(expected) - 0.1  # of one and the same other head


def test_volumes_have_a_file_of_each_sequence(tmp_path):
    arguments = {**ARGUMENTS, "size": 64, "slice_spacing": 16.0, "kinds": "oedema"}
    frame = make_phantom_volumes(tmp_path / "several", 2, sequence=("t1", "flair"), **arguments)
    one = make_phantom_volumes(tmp_path / "one", 2, sequence="t1", **arguments)
    assert frame["flair"].tolist() == ["sub-000/flair.nii.gz", "sub-001/flair.nii.gz"]
    assert set(frame["sequence"]) == {"t1+flair"}
    assert {"cnr_ct", "cnr_t1", "cnr_flair"} <= set(frame)
    assert not {"mri", "cnr_mri"} & set(frame)
    for several, alone in zip(frame.itertuples(), one.itertuples(), strict=True):
        for here, there in (("ct", "ct"), ("t1", "mri"), ("lesion", "lesion")):
            new = nibabel.load(tmp_path / "several" / getattr(several, here))
            old = nibabel.load(tmp_path / "one" / getattr(alone, there))
            np.testing.assert_array_equal(new.dataobj, old.dataobj)
        flair = nibabel.load(tmp_path / "several" / several.flair)
        assert flair.shape == new.shape
    sick = frame["kind"] == "oedema"
    assert (frame.loc[sick, "cnr_t1"] < 0).all()
    assert (frame.loc[sick, "cnr_flair"] > 0).all()


@pytest.mark.parametrize(
    ("sequence", "message"),
    [
        ((), "sequence is empty; expected one or several of .*'flair'"),
        (("t1", "adc", "swi"), r"sequence has \['adc', 'swi'\]; expected .*'t1'.*'pd'"),
        (("t1", "t2", "t1"), "each sequence once"),
        ("adc", "sequence is 'adc'; expected one of"),
    ],
)
def test_sequences_are_known_and_come_once(sequence, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        make(sequence)
    with pytest.raises(ValueError, match=message):
        make_phantom_volumes(tmp_path / "none", 1, sequence=sequence)
    assert not (tmp_path / "none").exists()
