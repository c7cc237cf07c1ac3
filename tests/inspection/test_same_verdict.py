"""`inspect`, the loader and a fit say the same of one folder, in NIfTI and in DICOM."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest

from ctmri_detect import CrossModalDetector, Training
from ctmri_detect.datasets import load_volume_pairs
from ctmri_detect.exceptions import UnpairedDataWarning
from ctmri_detect.inspection import describe_pairs, write_inspection
from ctmri_detect.preprocessing import make_preprocessor

PATIENTS, SLICES, SIDE, STEP = 8, 6, 96, 5.0
MM = 250 / SIDE


@pytest.fixture(scope="module")
def heads():
    pytest.importorskip("nilearn")
    from ctmri_detect.datasets import make_phantom_pairs

    made = make_phantom_pairs(
        PATIENTS, SLICES, size=SIDE, slice_spacing=STEP, anomalous_fraction=0, random_state=112
    )
    return np.asarray(made.data).reshape(PATIENTS, SLICES, 2, SIDE, SIDE).swapaxes(1, 2)


def mirrored(mri):
    return mri[..., ::-1]


def slipped(mri):
    """Every MRI one slice further; the last one twice."""
    return mri[:, [*range(1, SLICES), SLICES - 1]]


def of_others(mri):
    return np.roll(mri, 1, axis=0)


def moved(mri):
    return np.roll(mri, 2, axis=-2)


CHANGES = {
    "good": (lambda mri: mri, True, ""),
    "moved": (moved, True, ""),
    "mirrored": (mirrored, False, "mirrored left to right"),
    "slipped": (slipped, False, "one slice off"),
    "other patients": (of_others, False, "do not seem to show the same heads"),
}


def write_nifti(folder, ct, mri):
    nib = pytest.importorskip("nibabel")
    for i, planes in enumerate(zip(ct, mri, strict=True)):
        (folder / f"1BA{i:03d}").mkdir(parents=True)
        for name, stack in zip(("ct", "mr"), planes, strict=True):
            stored = stack.transpose(2, 1, 0)[:, ::-1].astype(np.float32)  # rows from the front
            image = nib.Nifti1Image(stored, np.diag([-MM, MM, STEP, 1.0]))
            nib.save(image, folder / f"1BA{i:03d}" / f"{name}.nii.gz")


def write_series(folder, ct, mri):
    pydicom = pytest.importorskip("pydicom")
    from dicom_files import write_dicom

    for i in range(PATIENTS):
        space = pydicom.uid.generate_uid()
        for modality, stack in (("CT", ct[i]), ("MR", mri[i])):
            write_dicom(
                folder,
                f"Jensen{i}",
                modality,
                stack.round(),
                FrameOfReferenceUID=space,
                PixelSpacing=[MM, MM],
            )


def facts(found):
    return found.paired, found.mirrored, found.slip


def fitted(data):
    """What a fit on the prepared pairs warns of."""
    detector = CrossModalDetector(
        pixels_per_slice=16,
        training=Training(max_epochs=1, batch_size=2048),
        device="cpu",
        random_state=0,
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        detector.fit(make_preprocessor("hu", size=SIDE).fit_transform(data))
    return [str(one.message) for one in caught if one.category is UnpairedDataWarning]


@pytest.mark.parametrize("name", list(CHANGES))
def test_inspect_loader_and_fit_give_one_verdict(heads, name, tmp_path):
    pytest.importorskip("torch")
    change, paired, words = CHANGES[name]
    ct, mri = heads[:, 0], change(heads[:, 1])
    write_nifti(tmp_path / "nifti", ct, mri)
    write_series(tmp_path / "dicom", ct, mri)
    verdicts = []
    for kind in ("nifti", "dicom"):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            loaded = load_volume_pairs(tmp_path / kind)
        said = [str(one.message) for one in caught if one.category is UnpairedDataWarning]
        found = describe_pairs(tmp_path / kind)
        assert found.pairing.paired is loaded.paired is paired
        assert facts(found.pairing) == facts(loaded.pairing)
        assert found.pairing.n_compared == len(loaded.pairing.rows) == PATIENTS * SLICES
        errors = [text for severity, text in found.findings if severity == "error"]
        for texts in (errors, said):
            assert len(texts) == (not paired)
            assert all(words in text for text in texts)
        assert (found.pairing.why == "") is paired
        verdicts.append(facts(loaded.pairing))
    assert verdicts[0] == verdicts[1]
    texts = fitted(loaded.data)
    assert len(texts) == (not paired)
    assert all(words in text for text in texts)


def test_a_dicom_folder_is_inspected_as_volumes_are(heads, tmp_path):
    pytest.importorskip("jinja2")
    pytest.importorskip("matplotlib")
    write_nifti(tmp_path / "nifti", heads[:, 0].round(), heads[:, 1].round())
    write_series(tmp_path / "dicom", heads[:, 0], heads[:, 1])
    volumes, series = (describe_pairs(tmp_path / kind) for kind in ("nifti", "dicom"))
    for column in ("min", "max", "mean", "std", "median", "blank"):
        a, b = (
            found.files.sort_values(["modality", "mean"])[column].to_numpy(dtype=float)
            for found in (volumes, series)
        )
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
    assert series.modalities.loc["CT", "units"] == volumes.modalities.loc["CT", "units"] == "hu"
    assert series.summary["pairs"] == PATIENTS
    assert series.pairs["status"].eq("paired").all()
    assert set(series.intensities) == {"CT", "MRI"}
    assert series.pairing.exchanged is False
    assert series.pairing.shift_unit == "mm"
    np.testing.assert_allclose(
        np.sort(series.pairing.shift), np.sort(volumes.pairing.shift), atol=0.05
    )
    page = write_inspection(series, tmp_path / "dicom", tmp_path / "page.html").read_text()
    assert page.count("<img") > 8
    assert re.search(r"patient \d, series \d", page)
    assert "Jensen" not in page + series.files.to_csv() + series.pairs.to_csv() + repr(dict(series))


def test_images_with_text_burned_in_are_not_shown(heads, tmp_path):
    pytest.importorskip("jinja2")
    pytest.importorskip("matplotlib")
    from dicom_files import write_dicom

    for modality, plane in (("CT", 0), ("MR", 1)):
        stack = heads[0, plane].round()
        write_dicom(tmp_path, "Jensen", modality, stack, BurnedInAnnotation="YES")
    found = describe_pairs(tmp_path)
    page = write_inspection(found, tmp_path, tmp_path / "page.html").read_text()
    assert "Sample images" not in page
    assert any("burned into" in text for _, text in found.findings)
    assert found.modalities.loc["CT", "units"] == "hu"


def test_a_dicom_folder_without_pairs_says_so(heads, tmp_path):
    from dicom_files import write_dicom

    write_dicom(tmp_path, "Jensen", "CT", heads[0, 0].round())
    write_dicom(tmp_path, "Mueller", "MR", heads[1, 1].round())
    found = describe_pairs(tmp_path)
    assert found.pairing is None
    assert ("error", "There are CT and MRI, but by the headers no CT belongs to an MRI.") in (
        found.findings
    )
    with pytest.raises(ValueError, match="No pair"):
        load_volume_pairs(tmp_path)


def test_a_badly_registered_volume_is_shown_at_its_slice(heads, tmp_path):
    pytest.importorskip("jinja2")
    pytest.importorskip("matplotlib")
    mri = heads[:, 1].copy()
    mri[3] = np.roll(mri[3], 3, axis=-1)
    write_nifti(tmp_path / "nifti", heads[:, 0], mri)
    found = describe_pairs(tmp_path / "nifti")
    bad = found.pairing.pairs[found.pairing.pairs["bad"]]
    assert set(bad["ct"]) == {"1BA003/ct.nii.gz"}
    assert bad["place"].between(1, SLICES - 2).all()
    assert bad["shift_x"].to_numpy() == pytest.approx(3 * MM, abs=1.5)
    page = write_inspection(found, tmp_path / "nifti", tmp_path / "page.html").read_text()
    assert re.search(r"The MRI seems shifted [\d.]+ mm (up|down) and [78][\d.]* mm", page)
