"""Loading pairs from a folder: what is paired, what is skipped, what is refused."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from on_disk import reads_from
from real_data import DATA
from skimage import io

from ctmri_detect.datasets.folder import load_pairs
from ctmri_detect.exceptions import (
    CtmriDetectWarning,
    DataLoadingError,
    MixedDataWarning,
    SkippedFilesWarning,
    UnitsWarning,
    UnpairedDataWarning,
)


def _slice(seed, shape=(12, 10), dtype=np.uint8):
    return np.random.default_rng(seed).integers(0, 255, shape).astype(dtype)


def _write(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, image)
    else:
        io.imsave(path, image, check_contrast=False)


@pytest.fixture
def folder(tmp_path):
    """Three pairs of two patients, 8-bit."""
    for i, name in enumerate(["p1_s2", "p1_s10", "p2_s1"]):
        _write(tmp_path / "CT" / f"{name}.png", _slice(i))
        _write(tmp_path / "MRI" / f"{name}.png", _slice(10 + i))
    return tmp_path


def _head(air=-1000):
    """A CT in HU, 12 x 10: air, a skull of 1000 HU, brain."""
    ct = np.full((12, 10), air)
    ct[1:-1, 1:-1] = 1000
    ct[2:-2, 2:-2] = np.random.default_rng(0).integers(20, 45, (8, 6))
    return ct


def _replace_ct(folder, suffix, images):
    for file in (folder / "CT").iterdir():
        file.unlink()
    for name, image in zip(("p1_s2", "p1_s10", "p2_s1"), images, strict=True):
        _write(folder / "CT" / f"{name}{suffix}", image)


def _labels(folder, **columns):
    files = ["p2_s1.png", "p1_s10.png", "p1_s2.png"]
    pd.DataFrame({"file": files, **columns}).to_csv(folder / "labels.csv", index=False)
    return folder / "labels.csv"


def test_plain_folder(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pairs = load_pairs(folder)
    assert pairs.data.shape == (3, 2, 12, 10)
    assert pairs.data.dtype == np.float32
    assert (pairs.target, pairs.masks, pairs.groups, pairs.skipped) == (None, None, None, [])
    assert pairs.paired is None  # names prove nothing
    assert pairs.ct_units == "uint8"
    assert list(pairs.frame) == ["ct", "mri", "patient", "slice", "spacing", "sequence", "kind"]
    assert pairs.frame["slice"].tolist() == [2, 10, 1]  # natural order of the names
    np.testing.assert_array_equal(pairs.data[1], [_slice(1), _slice(11)])
    assert pairs.frame["mri"][2] == "MRI/p2_s1.png"
    assert str(folder.parent) not in str(dict(pairs))


def test_folder_names_in_any_case_and_other_endings(folder):
    (folder / "CT").rename(folder / "ct")
    (folder / "MRI").rename(folder / "Mri")
    image = np.full((12, 10), 60, dtype=np.uint8)
    image[:6] = 200
    (folder / "Mri" / "p2_s1.png").unlink()
    io.imsave(folder / "Mri" / "p2_s1.jpg", image, check_contrast=False)
    pairs = load_pairs(folder)
    assert len(pairs.data) == 3
    assert np.abs(pairs.data[2, 1] - image).max() < 15


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [(r"(p\d)_", ["p1", "p1", "p2"]), (r"p\d", ["p1", "p1", "p2"])],
)
def test_patient_from_the_name(folder, pattern, expected):
    pairs = load_pairs(folder, patient=pattern)
    assert pairs.groups.tolist() == expected
    assert pairs.frame["patient"].tolist() == expected


def test_patient_and_lesion_from_the_labels(folder):
    labels = _labels(folder, who=["b", "a", "a"], lesion=[0, 1, 0], sequence="t2", slice=[7, 8, 9])
    pairs = load_pairs(folder, patient="who", labels=labels)
    assert pairs.groups.tolist() == ["a", "a", "b"]
    assert pairs.target.tolist() == [1, -1, 1]
    assert pairs.frame["sequence"].tolist() == ["t2"] * 3
    assert pairs.frame["slice"].tolist() == [9, 8, 7]
    assert load_pairs(folder, labels="labels.csv").groups is None


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("lesion", [0, 1, 0]),
        ("lesion", [False, True, False]),
        ("target", [1, -1, 1]),
        ("label", ["+1", "-1", "1"]),
    ],
)
def test_label_codings(folder, column, values):
    pairs = load_pairs(folder, labels=_labels(folder, **{column: values}))
    assert pairs.target.tolist() == [1, -1, 1]
    assert pairs.target.dtype == np.int64


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("target", [0, 1, 0], "mirrors an AUROC.*name the column 'lesion'"),
        ("label", [0, 0, 0], r"expected \+1"),
        ("label", ["sick", "well", "well"], r"well, sick.*expected \+1"),
        ("lesion", [1, -1, 1], "'lesion' holds 1, -1; expected"),
        ("lesion", [1, None, 0], "expected 1, true or yes"),
    ],
)
def test_other_codings_are_refused(folder, column, values, message):
    with pytest.raises(DataLoadingError, match=message):
        load_pairs(folder, labels=_labels(folder, **{column: values}))


def test_labels_file_must_fit(folder):
    labels = _labels(folder, lesion=0)
    pd.read_csv(labels).iloc[:2].to_csv(labels, index=False)
    with pytest.warns(SkippedFilesWarning):
        pairs = load_pairs(folder, labels=labels)
    assert pairs.skipped == [("CT/p1_s2.png", "no row in the labels file")]
    assert pairs.target.tolist() == [1, 1]
    with pytest.raises(DataLoadingError, match="can't be read"):
        load_pairs(folder, labels=folder / "none.csv")
    labels.write_text("name,lesion\na,1\n")
    with pytest.raises(DataLoadingError, match=r"\['name', 'lesion'\].*'file'"):
        load_pairs(folder, labels=labels)
    labels.write_text("file,lesion\nCT/p1_s2.png,1\np1_s2,0\n")
    with pytest.raises(DataLoadingError, match="more than once"):
        load_pairs(folder, labels=labels)


def test_bad_files_are_skipped_with_a_reason_and_the_rest_loaded(folder):
    good = _slice(3)
    bad = {
        "text": b"not an image",
        "cut": (folder / "CT" / "p1_s2.png").read_bytes()[:60],
        "empty": b"",
    }
    for name, content in bad.items():
        (folder / "CT" / f"{name}.png").write_bytes(content)
        _write(folder / "MRI" / f"{name}.png", good)
    _write(folder / "CT" / "alone.png", good)
    _write(folder / "CT" / "wide.png", _slice(4, (12, 11)))
    _write(folder / "MRI" / "wide.png", good)
    _write(folder / "CT" / "flat.png", np.full((12, 10), 3, np.uint8))
    _write(folder / "MRI" / "flat.png", good)
    for name, image in {
        "nan": np.full((12, 10), np.nan),
        "inf": np.where(good > 100, np.inf, 1.0),
        "volume": np.random.default_rng(0).normal(size=(12, 10, 5)),
        "objects": np.array([{}, 1], dtype=object),
    }.items():
        _write(folder / "CT" / f"{name}.npy", image)
        _write(folder / "MRI" / f"{name}.png", good)
    (folder / "CT" / "notes.txt").write_text("x")
    (folder / "CT" / ".hidden").write_text("x")
    with pytest.warns(SkippedFilesWarning, match="11 files"):
        pairs = load_pairs(folder)
    reasons = dict(pairs.skipped)
    assert len(pairs.data) == 3
    for file, reason in {
        "CT/text.png": "unreadable",
        "CT/cut.png": "unreadable",
        "CT/empty.png": "unreadable",
        "CT/alone.png": "no MRI of this name",
        "CT/wide.png": "CT is 12x11, MRI is 12x10",
        "CT/flat.png": "constant",
        "CT/nan.npy": "nothing observed",
        "CT/inf.npy": "infinite",
        "CT/volume.npy": "expected one slice",
        "CT/objects.npy": "refused: it holds pickled Python objects",
        "CT/notes.txt": "not an image type",
    }.items():
        assert reason in reasons.pop(file)
    assert not reasons


def test_colour_becomes_grey_and_alpha_is_dropped(folder):
    grey = _slice(0)
    alpha = _slice(5)
    _write(folder / "CT" / "p1_s2.png", np.dstack([grey] * 3))
    _write(folder / "MRI" / "p1_s2.png", np.dstack([_slice(10)] * 3 + [alpha]))
    pairs = load_pairs(folder)
    np.testing.assert_array_equal(pairs.data[0], [grey, _slice(10)])


@pytest.mark.parametrize(
    ("suffix", "dtype"), [(".tif", np.int16), (".npy", np.float32), (".png", np.uint16)]
)
def test_deeper_ct_counts_as_hu_and_keeps_its_values(folder, suffix, dtype):
    ct = _head(0 if dtype is np.uint16 else -1000).astype(dtype)
    _replace_ct(folder, suffix, [ct] * 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pairs = load_pairs(folder)
    assert pairs.ct_units == "hu"
    np.testing.assert_array_equal(pairs.data[1, 0], ct.astype(np.float32))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda hu: (hu + 1024).astype(np.uint16), r"looks like HU \+ 1024"),
        (lambda hu: ((hu + 1000) / 2000).astype(np.float32), "run from 0 to 1"),
        (lambda hu: (2.4 * (hu + 1000)).astype(np.float32), "air is near -1000 and brain near 35"),
    ],
)
def test_a_ct_that_cannot_be_in_hu_is_warned_of(folder, change, reason):
    _replace_ct(folder, ".npy", [change(_head())] * 3)
    with pytest.warns(UnitsWarning, match=rf"3 neither of 3.*None\. CT/p1_s2\.npy: .*{reason}"):
        pairs = load_pairs(folder)
    assert pairs.ct_units is None


def test_one_odd_slice_does_not_take_the_units_of_the_others(folder):
    _replace_ct(folder, ".npy", [np.where(_head() > -1000, 1000, -1000), _head(), _head()])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_pairs(folder).ct_units == "hu"  # the first one is bone throughout


def test_a_window_in_floats_is_a_window(folder):
    window = np.clip((_head() + 40) * 255 / 160, 0, 255).astype(np.float32)
    _replace_ct(folder, ".npy", [window] * 3)
    assert load_pairs(folder).ct_units == "uint8"


def test_gaps_stay_gaps(folder):
    ct = _slice(0, dtype=np.float32)
    ct[0, 0] = np.nan
    (folder / "CT" / "p1_s2.png").unlink()
    _write(folder / "CT" / "p1_s2.npy", ct)
    with pytest.warns(MixedDataWarning, match=r"CT files mix scalings: 2 .*CT/p1_s10.*CT/p1_s2"):
        pairs = load_pairs(folder)
    assert pairs.ct_units is None
    assert np.isnan(pairs.data[0, 0]).sum() == 1
    with pytest.warns(MixedDataWarning):
        assert np.isnan(load_pairs(folder, size=(24, 20)).data[0, 0]).sum() < 10


def test_values_from_0_to_1_beside_others_are_mixed_scalings(folder):
    for name, top in (("p1_s2", 1.0), ("p1_s10", 1.0), ("p2_s1", 900.0)):
        (folder / "MRI" / f"{name}.png").unlink()
        _write(folder / "MRI" / f"{name}.npy", top * _slice(7) / np.float32(255))
    mixed = r"MRI files mix scalings: 1 with more bits or floats \(such as MRI/p2_s1.npy\), 2 with "
    with pytest.warns(MixedDataWarning, match=mixed + "values from 0 to 1"):
        load_pairs(folder)


def test_sizes_that_differ_need_size(folder):
    for plane in ("CT", "MRI"):
        _write(folder / plane / "p2_s1.png", _slice(1, (30, 20)))
    with pytest.raises(ValueError, match=r"12x10 \(2 pairs, such as CT/p1_s2.png\).*30x20.*size="):
        load_pairs(folder)
    assert load_pairs(folder, size=16).data.shape == (3, 2, 16, 16)
    resized = load_pairs(folder, size=(6, 5)).data
    assert resized.shape == (3, 2, 6, 5)
    assert resized[0, 0].mean() == pytest.approx(_slice(0).mean(), abs=0.01)  # area average


@pytest.mark.parametrize("size", [0, -4, 2.5, (8,), "big"])
def test_bad_size(folder, size):
    with pytest.raises(ValueError, match=r"size is .*expected"):
        load_pairs(folder, size=size)


def test_folders_that_cannot_be_used(folder, tmp_path):
    with pytest.raises(DataLoadingError, match="is no folder; expected a folder with CT/"):
        load_pairs(tmp_path / "nowhere")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataLoadingError, match="nothing"):
        load_pairs(empty)
    (empty / "CT").mkdir()
    with pytest.raises(DataLoadingError, match=r"empty holds no images \(it has CT\)"):
        load_pairs(empty)
    (empty / "MRI").mkdir()
    (empty / "CT" / "a.png").write_text("x")
    with pytest.raises(DataLoadingError, match=r"No pair is left.*a\.png: no MRI"):
        load_pairs(empty)


def test_patient_that_cannot_be_found(folder):
    with pytest.raises(DataLoadingError, match="matches nothing in 3 of 3"):
        load_pairs(folder, patient="case")
    with pytest.raises(ValueError, match="regular expression"):
        load_pairs(folder, patient="(")
    labels = _labels(folder, who=["a", None, "a"])
    with pytest.raises(DataLoadingError, match=r"no patient for p1_s10\.png"):
        load_pairs(folder, patient="who", labels=labels)


def test_labels_by_path_or_by_name_where_it_is_unique(tmp_path):
    for split in ("train", "test"):
        for name in ("1.png", "2.png"):
            for i, plane in enumerate(("CT", "MRI")):
                _write(tmp_path / "set" / split / plane / name, _slice(i))
    _write(tmp_path / "set" / "test" / "CT" / "007.png", _slice(5))
    _write(tmp_path / "set" / "test" / "MRI" / "007.png", _slice(6))
    table = tmp_path / "labels.csv"
    rows = ["set/train/CT/1.png,1", "train/CT/2.png,0", "test\\MRI\\1,0", "007,1"]
    rows += ["/mnt/x/set/test/CT/2.tif,1", "elsewhere/1.png,1"]
    table.write_text("\n".join(["file,lesion", *rows]))
    with pytest.warns(SkippedFilesWarning, match="1 of its 6 rows fit no pair"):
        pairs = load_pairs(tmp_path, labels=table)
    found = dict(zip(pairs.frame["ct"], pairs.target.tolist(), strict=True))
    assert found == {
        "set/train/CT/1.png": -1, "set/train/CT/2.png": 1, "set/test/CT/1.png": 1,
        "set/test/CT/007.png": -1, "set/test/CT/2.png": -1,
    }  # fmt: skip
    table.write_text("file,lesion\n1.png,1\n")
    with pytest.raises(DataLoadingError, match=r"names '1.png', which fits 2 pairs.*relative"):
        load_pairs(tmp_path, labels=table)


def test_patient_numbers_in_the_labels_keep_their_zeros(folder):
    pairs = load_pairs(folder, patient="who", labels=_labels(folder, who=["007", "01", "01"]))
    assert pairs.groups.tolist() == ["01", "01", "007"]


def test_folders_of_patients_name_them(tmp_path):
    for patient in ("patient1", "patient2"):
        for plane in ("CT", "MRI"):
            _write(tmp_path / patient / plane / "1.png", _slice(1))
    assert load_pairs(tmp_path).groups.tolist() == ["patient1", "patient2"]


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_order_and_result_are_the_same_for_any_number_of_jobs(n_jobs, tmp_path):
    for i in range(40):
        _write(tmp_path / "CT" / f"{i}.png", _slice(i))
        _write(tmp_path / "MRI" / f"{i}.png", _slice(100 + i))
    (tmp_path / "CT" / "17.png").write_text("broken")
    with pytest.warns(SkippedFilesWarning, match="1 files"):
        pairs = load_pairs(tmp_path, n_jobs=n_jobs)
    assert [file for file, _ in pairs.skipped] == ["CT/17.png"]
    expected = [[_slice(i), _slice(100 + i)] for i in range(40) if i != 17]
    np.testing.assert_array_equal(pairs.data, expected)
    assert pairs.frame["slice"].tolist() == [i for i in range(40) if i != 17]


def test_a_cache_holds_the_same_pairs_on_disk(folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("cache") / "out" / "pairs.npy"
    with pytest.raises(FileNotFoundError):
        load_pairs(folder, cache=path)
    path.parent.mkdir()
    cached = load_pairs(folder, cache=path)
    assert reads_from(cached.data, path)
    np.testing.assert_array_equal(cached.data, load_pairs(folder).data)
    np.testing.assert_array_equal(np.load(path), cached.data)
    with pytest.raises(FileExistsError):
        load_pairs(folder, cache=path)
    for plane in ("CT", "MRI"):
        _write(folder / plane / "wide.png", _slice(1, (30, 20)))
    other = path.with_name("other.npy")
    with pytest.raises(ValueError, match="differ in size"):
        load_pairs(folder, cache=other)
    assert [file.name for file in path.parent.iterdir()] == ["pairs.npy"]


def test_grids_of_one_form_are_a_pair_once_a_size_is_given(folder):
    _write(folder / "MRI" / "p1_s2.png", _slice(1, (24, 20)))
    _write(folder / "MRI" / "p1_s10.png", _slice(1, (24, 30)))
    with pytest.warns(SkippedFilesWarning, match="2 files"):
        load_pairs(folder)
    with pytest.warns(SkippedFilesWarning, match=r"1 files.*p1_s10.png: CT is 12x10, MRI is 24x30"):
        assert len(load_pairs(folder, size=12).data) == 2


def test_unpaired_layout_is_told(tmp_path):
    for i, name in enumerate(("trainA/ct1.png", "trainB/mri1.png", "testA/ct2.png")):
        _write(tmp_path / name, _slice(i))
    with pytest.warns(CtmriDetectWarning) as caught:
        pairs = load_pairs(tmp_path)
    assert {w.category for w in caught} == {SkippedFilesWarning, UnpairedDataWarning}
    assert any("check_pairing" in str(w.message) for w in caught)
    assert pairs.paired is None
    assert pairs.skipped == [("testA/ct2.png", "no MRI of this name")]


def test_sequences(folder):
    (folder / "MRI").rename(folder / "T2")
    assert load_pairs(folder).frame["sequence"].tolist() == ["t2"] * 3
    _write(folder / "FLAIR" / "p2_s1.png", _slice(9))
    with pytest.raises(DataLoadingError, match="sequence='flair' or sequence='t2'"):
        load_pairs(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # what was left out on purpose is not worth a warning
        assert load_pairs(folder, sequence="t2").skipped == []
    (folder / "T2" / "p2_s1.png").unlink()
    with pytest.warns(MixedDataWarning, match=r"sequences: t2 \(2\), flair \(1\)"):
        load_pairs(folder)


def test_expressions_tell_ct_from_mri(folder):
    (folder / "CT").rename(folder / "A")
    (folder / "MRI").rename(folder / "B")
    assert len(load_pairs(folder, ct="^A/", mri="^B/").data) == 3


@pytest.mark.parametrize("files", [("a/ct.nii.gz", "a/mr.nii.gz"), ("CT/1.dcm", "MR/1.dcm")])
def test_volumes_are_for_another_function(files, tmp_path):
    for file in files:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).touch()
    with pytest.raises(DataLoadingError, match="load_volume_pairs"):
        load_pairs(tmp_path)


def test_real_pairs():
    folder = DATA / "brain_pairs"
    if not folder.exists():
        pytest.skip("no real images at hand")
    pairs = load_pairs(folder, patient="patient", labels="labels.csv")
    assert pairs.data.shape == (95, 2, 256, 256)
    assert len(np.unique(pairs.groups)) == 5
    assert (pairs.target == -1).sum() == 27
    assert pairs.ct_units == "uint8"
