"""What every loader gives are Pairs that know their patients, pixel size and units."""

from __future__ import annotations

import os
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from on_disk import reads_from
from sklearn.model_selection import GridSearchCV

from ctmri_detect import AtlasDetector, MapScoring, Pairs
from ctmri_detect.datasets import check_pairing, load_pairs, load_volume_pairs
from ctmri_detect.evaluation import decision_roc_auc_scorer
from ctmri_detect.exceptions import DataLoadingError, InvalidPairsError
from ctmri_detect.model_selection import NormalOnlyGroupKFold
from ctmri_detect.preprocessing import make_preprocessor, open_pairs, transform_to
from ctmri_detect.synthesis import inject_anomalies

README = Path(__file__).parents[2] / "README.md"
KNOWN = pytest.mark.filterwarnings("error::ctmri_detect.exceptions.PatientsUnknownWarning")


@pytest.fixture(scope="module")
def phantom():
    pytest.importorskip("nilearn")
    from ctmri_detect.datasets import make_phantom_pairs

    return make_phantom_pairs(9, 4, size=64, anomalous_fraction=0.3, random_state=0)


@pytest.fixture
def folder(tmp_path):
    """Three pairs of 12 x 10 pixels and two patients, with labels."""
    for plane in ("CT", "MRI"):
        (tmp_path / plane).mkdir()
        for k, file in enumerate(("p1_2", "p1_10", "p2_1")):
            values = np.random.default_rng(k).integers(0, 255, (12, 10)).astype(np.uint8)
            np.save(tmp_path / plane / f"{file}.npy", values)
    (tmp_path / "some.csv").write_text("file,lesion,spacing\np1_2,0,0.5\np1_10,1,0.8\np2_1,0,\n")
    (tmp_path / "all.csv").write_text("file,lesion,spacing\np1_2,0,0.5\np1_10,1,0.8\np2_1,0,1\n")
    (tmp_path / "zero.csv").write_text("file,lesion,spacing\np1_2,0,0.5\np1_10,1,0\np2_1,0,1\n")
    return tmp_path


def test_slices_know_patients_units_and_the_size_of_their_own_pixels(folder):
    found = load_pairs(folder, patient=r"^(p\d+)_", labels="all.csv", size=(6, 20))
    assert isinstance(found.data, Pairs)
    assert found.data.groups.tolist() == found.groups.tolist() == ["p1", "p1", "p2"]
    assert_allclose(found.frame["spacing"], [0.5, 0.8, 1])  # of the files: 12 x 10
    assert_allclose(found.data.spacing, [[1, 0.25], [1.6, 0.4], [2, 0.5]])
    assert found.data.ct_units == found.ct_units == "uint8"
    assert found.orientation is None  # image files don't tell the patient's left
    assert found.data.modalities == ("CT", "MRI")
    assert found.data.frame is None
    assert load_pairs(folder, labels="some.csv").data.spacing is None
    assert load_pairs(folder).data.groups is None
    with pytest.raises(DataLoadingError, match="'spacing' holds '0'; expected numbers above 0"):
        load_pairs(folder, labels="zero.csv")


def test_a_cache_stays_on_disk_through_choices_and_pickles(folder, tmp_path):
    path = tmp_path / "pairs.npy"
    found = load_pairs(folder, patient=r"^(p\d+)_", size=256, cache=path)
    assert reads_from(found.data, path)
    assert len(pickle.dumps(found.data)) < 3000  # of 1.5 MB
    assert_array_equal(pickle.loads(pickle.dumps(found.data[[2, 0]])).groups, ["p2", "p1"])


@pytest.fixture
def volumes(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    ct = np.full((64, 64, 8), -1000, dtype=np.int16)
    ct[8:56, 8:56] = 35
    for case in ("1BA001", "1BA002"):
        (tmp_path / case).mkdir()
        for file, values in (("ct", ct), ("mr", ct + 1000)):
            image = nibabel.Nifti1Image(values, np.diag([1, 1, 2.5, 1]))
            nibabel.save(image, tmp_path / case / f"{file}.nii.gz")
    return tmp_path


@pytest.mark.parametrize(
    ("distance", "z_mm"), [(None, 2.5 * np.arange(8)), (5, [1.25, 6.25, 11.25, 16.25])]
)
def test_slices_of_volumes_know_their_scan_and_their_height(volumes, distance, z_mm):
    found = load_volume_pairs(volumes, size=32, slice_spacing=distance)
    assert isinstance(found.data, Pairs)
    assert found.data.groups.tolist() == found.groups.tolist()
    assert_allclose(found.data.spacing, 2)
    assert found.data.ct_units == "hu"
    frame = found.data.frame
    assert list(frame) == ["volume", "z_mm", "grid"]
    assert_allclose(frame["z_mm"], np.tile(z_mm, 2))
    names = ["1BA001/ct.nii.gz", "1BA002/ct.nii.gz"]
    assert frame["volume"].tolist() == np.repeat(names, len(z_mm)).tolist()
    assert "grid" not in found.frame


def test_a_phantom_knows_all_of_itself(phantom):
    X = phantom.data
    assert isinstance(X, Pairs)
    assert_array_equal(X.groups, phantom.groups)
    assert_allclose(X.spacing, np.tile(phantom.frame[["spacing"]], 2))
    assert X.ct_units == "hu"
    assert_array_equal(X.frame["z_mm"], phantom.frame["slice"])
    assert_array_equal(X.frame["volume"], phantom.groups)


def test_what_a_loader_knows_goes_through_the_steps_to_disk_and_back(phantom, tmp_path):
    transform_to(make_preprocessor("hu", size=32), phantom.data, tmp_path / "a.npy")
    found = open_pairs(tmp_path / "a.npy")
    assert_array_equal(found.groups, phantom.groups)
    assert_allclose(found.frame["z_mm"], phantom.frame["slice"], atol=1e-9)
    assert found.ct_units is None
    assert (found.spacing > phantom.data.spacing).all()


# what users do -------------------------------------------------------------------------------


@KNOWN
@pytest.mark.filterwarnings("ignore::ctmri_detect.exceptions.CtmriDetectWarning")
def test_the_ten_lines_of_the_readme_work_as_written(phantom, tmp_path, monkeypatch):
    (lines,) = re.findall(r"## Ten lines\n\n```python\n(.*?)```", README.read_text("utf-8"), re.S)
    normal, odd = (np.flatnonzero(phantom.target == label) for label in (1, -1))
    folders = [("pairs", normal), ("new-pairs", odd[:3])]
    for folder, rows in folders:
        for plane, name in enumerate(("CT", "MRI")):
            (tmp_path / folder / name).mkdir(parents=True)
            for row in rows:
                file = f"p{phantom.groups[row][-1]}_{row}.npy"
                np.save(tmp_path / folder / name / file, phantom.data[int(row)][plane])
    monkeypatch.chdir(tmp_path)
    found: dict = {}
    exec(lines, found)
    assert set(found["data"].groups) == {f"p{i}" for i in range(9)}
    assert len(found["model"][-1].fingerprints_.patients) == 9
    assert found["scores"].shape == (3,)
    assert found["heat"].shape == (3, 64, 64)
    assert sorted(os.listdir(tmp_path)) == ["new-pairs", "pairs"]


@KNOWN
def test_a_plain_search_splits_no_patient_in_its_folds_and_refits_with_patients(phantom):
    rows = np.random.default_rng(0).permutation(len(phantom.target))
    X, y = make_preprocessor("hu", size=32).fit_transform(phantom.data[rows]), phantom.target[rows]
    groups = phantom.groups[rows]
    scoring = MapScoring(false_positive_rate=0.3)
    search = GridSearchCV(
        AtlasDetector(map_scoring=scoring), {"map_scoring__clip": [3.0, 6.0]},
        cv=NormalOnlyGroupKFold(3), scoring=decision_roc_auc_scorer, error_score="raise",
    ).fit(X, y)  # fmt: skip
    bare, by_hand = np.asarray(X), []
    for train, test in NormalOnlyGroupKFold(3).split(bare, y, groups):
        assert not set(groups[train]) & set(groups[test])
        part = AtlasDetector(map_scoring=MapScoring(clip=3.0, false_positive_rate=0.3))
        part.fit(bare[train], y[train], groups=groups[train])
        by_hand.append(decision_roc_auc_scorer(part, bare[test], y[test]))
    found = [search.cv_results_[f"split{k}_test_score"][0] for k in range(3)]
    assert found == by_hand
    best = MapScoring(clip=search.best_params_["map_scoring__clip"], false_positive_rate=0.3)
    whole = AtlasDetector(map_scoring=best).fit(bare, y, groups=groups)
    assert search.best_estimator_.offset_ == whole.offset_


def test_partners_are_sought_in_other_patients_without_a_word(phantom):
    bare = np.asarray(phantom.data)
    known, named, unknown = (
        check_pairing(X, groups=groups).pairs["nmi_others"].to_numpy()
        for X, groups in ((phantom.data, None), (bare, phantom.groups), (bare, None))
    )
    assert_array_equal(known, named)
    assert not np.array_equal(known, unknown)
    with pytest.raises(InvalidPairsError, match="disagree about the patients"):
        check_pairing(phantom.data, groups=np.arange(len(bare)))


def test_injection_takes_what_pairs_know_and_gives_it_back(phantom):
    rows = np.flatnonzero(phantom.target == 1)[:8]
    X, mm = phantom.data[rows], float(phantom.frame["spacing"][0])
    kinds = ["haematoma", "swapped_slice"]
    made, masks, frame = inject_anomalies(X, kinds, random_state=0, on_failure="skip")
    expected, same_masks, same_frame = inject_anomalies(
        np.asarray(X), kinds, random_state=0, on_failure="skip",
        ct_units="hu", spacing=mm, groups=phantom.groups[rows],
    )  # fmt: skip
    assert type(expected) is np.ndarray
    assert isinstance(made, Pairs)
    assert_array_equal(np.asarray(made), expected)
    assert_array_equal(masks, same_masks)
    assert frame.equals(same_frame)
    assert_array_equal(made.groups, X.groups)
    assert_array_equal(made.spacing, X.spacing)
    assert made.ct_units == "hu"
    assert made.frame.equals(X.frame)
    with pytest.raises(InvalidPairsError, match="ct_units is 'uint8', but the CT of X are in 'hu'"):
        inject_anomalies(X, ct_units="uint8")
