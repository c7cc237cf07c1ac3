"""Are plane 0 and plane 1 CT and MRI, in this order."""

from __future__ import annotations

import contextlib
import warnings

import cv2
import numpy as np
import pytest
from real_data import DATA

from ctmri_detect import Pairs
from ctmri_detect.cli import main
from ctmri_detect.datasets import check_modalities, load_pairs, load_volume_pairs
from ctmri_detect.exceptions import ModalitiesExchangedWarning
from ctmri_detect.inspection import describe_pairs
from ctmri_detect.preprocessing import BrainMask, make_preprocessor, transform_to

SEQUENCES = ("t1", "t2", "flair", "pd")


@pytest.fixture(scope="module")
def phantoms():
    pytest.importorskip("nilearn")
    from ctmri_detect.datasets import make_phantom_pairs

    return {
        name: np.asarray(
            make_phantom_pairs(3, 5, size=128, sequence=name, random_state=110 + i).data
        )
        for i, name in enumerate(SEQUENCES)
    }


def windowed(X, low=0, high=80):
    """As exported: an 8-bit window of the CT, and an MRI of 8 bits."""
    ct = np.clip((X[:, :1] - low) / (high - low), 0, 1)
    top = np.percentile(X[:, 1:], 99.5, axis=(1, 2, 3), keepdims=True)
    return np.concatenate([ct, np.clip(X[:, 1:] / top, 0, 1)], axis=1) * 255


FORMS = {
    "hu": lambda X: X,
    "brain window": windowed,
    "wide window": lambda X: windowed(X, -110, 190),
    "bone window": lambda X: windowed(X, -500, 1500),
}


@pytest.mark.parametrize("form", list(FORMS))
@pytest.mark.parametrize("sequence", SEQUENCES)
def test_the_order_of_raw_planes_is_told(phantoms, sequence, form):
    X = FORMS[form](phantoms[sequence])
    right, wrong = check_modalities(X), check_modalities(X[:, ::-1])
    assert (right.exchanged, wrong.exchanged) == (False, True)
    assert (right.n_looked, right.n_exchanged) == (15, 0)
    assert (wrong.n_exchanged, wrong.n_right) == (right.n_right, 0)


def without_skull(X, fill):
    masked = BrainMask().fit_transform(X)
    return np.where(np.isnan(masked), fill, masked)


@pytest.mark.parametrize("sequence", SEQUENCES)
@pytest.mark.parametrize("fill", [np.nan, 0])
def test_without_a_skull_there_is_no_verdict(phantoms, sequence, fill):
    X = without_skull(phantoms[sequence], fill)
    for one in (X, X[:, ::-1]):
        assert check_modalities(one).exchanged is None
    prepared = make_preprocessor("hu", size=96).fit_transform(phantoms[sequence])
    assert check_modalities(prepared).exchanged is None


@pytest.mark.parametrize("plane", [0, 1])
def test_two_planes_of_one_modality_give_no_verdict(phantoms, plane):
    X = np.concatenate([phantoms[name] for name in SEQUENCES])
    X = np.stack([X[:, plane], np.roll(X[:, plane], 15, axis=0)], axis=1)
    assert check_modalities(X).exchanged is None


def test_too_little_to_see_gives_no_verdict(phantoms):
    X = phantoms["t1"]
    noise = np.random.default_rng(0).normal(size=(8, 2, 64, 64))
    for one in (X[:2, ::-1], noise, np.zeros((8, 2, 64, 64)), np.full((8, 2, 8, 8), 3.0)):
        assert check_modalities(one).exchanged is None
    lacking = X[:, ::-1].copy()
    lacking[:, 0] = np.nan
    found = check_modalities(lacking)
    assert (found.exchanged, found.n_looked) == (None, 0)


def test_a_few_exchanged_pairs_do_not_decide(phantoms):
    X = phantoms["t1"].copy()
    X[:2] = X[:2, ::-1]
    assert check_modalities(X).exchanged is False
    X[:7] = phantoms["t1"][:7, ::-1]  # half of them
    assert check_modalities(X).exchanged is None


def said(call, *arguments, **named):
    """Whether a call warns of exchanged planes."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(*arguments, **named)
    return [one for one in caught if one.category is ModalitiesExchangedWarning]


def write_slices(folder, X, modalities=("CT", "MRI")):
    for plane, name in enumerate(modalities):
        (folder / name).mkdir(parents=True)
        for i, image in enumerate(X[:, plane]):
            cv2.imwrite(str(folder / name / f"p{i // 5}_{i % 5}.png"), image.astype(np.uint8))
    return folder


@pytest.mark.parametrize("exchanged", [False, True])
def test_a_folder_of_slices_says_it_and_inspect_does(phantoms, exchanged, tmp_path):
    order = ("MRI", "CT") if exchanged else ("CT", "MRI")
    folder = write_slices(tmp_path / "pairs", windowed(phantoms["t2"]), order)
    caught = said(load_pairs, folder)
    assert len(caught) == exchanged
    assert all(one.filename == __file__ for one in caught)
    found = describe_pairs(folder)
    assert found.pairing.exchanged is exchanged
    assert found.summary["pairing"]["exchanged"] is exchanged
    errors = [text for severity, text in found.findings if severity == "error"]
    assert any("exchanged" in text for text in errors) is exchanged


@pytest.mark.parametrize("exchanged", [False, True])
@pytest.mark.filterwarnings("ignore::ctmri_detect.exceptions.MixedDataWarning")
def test_a_folder_of_volumes_says_it(phantoms, exchanged, tmp_path):
    nib = pytest.importorskip("nibabel")
    for i in range(3):
        (tmp_path / f"1BA00{i}").mkdir()
        for plane, name in enumerate(("mr", "ct") if exchanged else ("ct", "mr")):
            stack = phantoms["t1"][5 * i : 5 * i + 5, plane]
            image = nib.Nifti1Image(stack.T[:, ::-1], np.diag([-2.0, 2.0, 15.0, 1.0]))
            nib.save(image, tmp_path / f"1BA00{i}" / f"{name}.nii.gz")
    assert len(said(load_volume_pairs, tmp_path)) == exchanged


@pytest.mark.parametrize("exchanged", [False, True])
def test_the_command_warns_once_at_fit_and_at_score(phantoms, exchanged, tmp_path, capsys):
    pytest.importorskip("skops")
    X = windowed(phantoms["t1"])
    right = write_slices(tmp_path / "right", X)
    wrong = write_slices(tmp_path / "wrong", X, ("MRI", "CT"))
    model, folder = tmp_path / "model.ctmri", wrong if exchanged else right
    for arguments in (
        ["fit", folder, "--detector", "atlas", "--size", "48", "--out", model],
        ["score", model, folder, "--top", "0", "--out", tmp_path / "scores"],
    ):
        main([str(each) for each in (*arguments, "--patient", r"^(p\d+)_")])
        assert capsys.readouterr().err.count("seem to be exchanged") == exchanged
        if exchanged:  # there may be no model of such a folder
            main(["fit", str(right), "--detector", "atlas", "--size", "48", "--out", str(model)])
            capsys.readouterr()


def test_arrays_are_told_where_they_are_masked_and_once_a_call(phantoms, tmp_path):
    X = windowed(phantoms["flair"]).astype(np.float32)
    pipe = make_preprocessor("uint8", size=64)
    assert not said(pipe.fit_transform, X)
    wrong = X[:, ::-1].copy()
    calls = {
        "fit_transform": lambda: pipe.fit_transform(wrong),
        "transform": lambda: pipe.transform(wrong),
        "Pairs": lambda: BrainMask("uint8").transform(Pairs(wrong, ct_units="uint8")),
        "transform_to": lambda: transform_to(pipe, wrong, tmp_path / "x.npy", batch_size=5),
    }
    for name, call in calls.items():
        caught = said(lambda call=call: _tried(call))
        assert len(caught) == 1, name
    assert not said(lambda: _tried(lambda: BrainMask(source="observed").transform(wrong)))


def _tried(call):
    """An MRI in the place of the CT may show no brain, which is an error of its own."""
    with contextlib.suppress(ValueError):
        call()


# real images --------------------------------------------------------------------------------


def _images(folder):
    images = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in sorted(folder.iterdir())]
    return np.stack(
        [cv2.resize(i, (256, 256), interpolation=cv2.INTER_AREA) for i in images]
    ).astype(np.float32)


@pytest.mark.skipif(not (DATA / "brain_pairs").is_dir(), reason="real images are not here")
def test_real_pairs_are_told_for_each_patient():
    files = sorted(path.name for path in (DATA / "brain_pairs" / "CT").iterdir())
    X = np.stack([_images(DATA / "brain_pairs" / name) for name in ("CT", "MRI")], axis=1)
    found = check_modalities(X)
    assert found.exchanged is False
    assert found.n_right > 0.5 * found.n_looked
    assert check_modalities(X[:, ::-1]).exchanged is True
    patients = np.array([name.split("_")[0] for name in files])
    for patient in np.unique(patients):
        assert check_modalities(X[patients == patient]).exchanged in (False, None)


@pytest.mark.skipif(not (DATA / "kaggle_layout").is_dir(), reason="real images are not here")
def test_real_ct_and_mri_of_strangers_are_told():
    images = DATA / "kaggle_layout" / "Dataset" / "images"
    ct = np.concatenate([_images(images / f"{split}A") for split in ("train", "test")])
    mri = np.concatenate([_images(images / f"{split}B") for split in ("train", "test")])
    n = min(len(ct), len(mri))
    X = np.stack([ct[:n], mri[:n]], axis=1)
    for start in range(0, n - 11, 12):  # small sets, too
        part = X[start : start + 12]
        assert check_modalities(part).exchanged is not True
        assert check_modalities(part[:, ::-1]).exchanged is not False
    assert check_modalities(X).exchanged is False
    assert check_modalities(X[:, ::-1]).exchanged is True
