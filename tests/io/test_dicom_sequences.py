"""Several MR series of a patient, chosen by sequence; a CT alone; what inspection says."""

from __future__ import annotations

import numpy as np
import pytest
from dicom_heads import load, reasons, series

from ctmri_detect.inspection import describe_pairs


def _mr(folder, patient, number, description, **more):
    series(folder / patient / f"mr{number}", "MR", patient, number=number,
           description=description, values=(0, 100 * number, 900), **more)  # fmt: skip


def test_series_of_several_sequences_are_a_plane_each(tmp_path):
    series(tmp_path / "a" / "ct", "CT", "a")
    _mr(tmp_path, "a", 4, "AX T1 SE")
    _mr(tmp_path, "a", 5, "AX T2 FLAIR")
    series(tmp_path / "b" / "ct", "CT", "b")
    _mr(tmp_path, "b", 5, "AX T2 FLAIR")
    _mr(tmp_path, "c", 5, "AX T2 FLAIR")
    series(tmp_path / "d" / "ct", "CT", "d")
    _mr(tmp_path, "d", 4, "AX T1 SE")
    _mr(tmp_path, "d", 6, "COR T1 SE")
    found = load(tmp_path, sequence=("t1", "flair"), size=32)
    assert found.data.modalities == ("CT", "T1", "FLAIR")
    planes = np.isfinite(np.asarray(found.data)[:, :, 16, 16])
    there = {who: planes[found.groups == who].all(axis=0).tolist() for who in set(found.groups)}
    assert sorted(there.values()) == [
        [False, False, True], [True, False, True], [True, True, True]
    ]  # fmt: skip
    assert [why for _, why in found.skipped if "several MRI series known to be t1" in why]
    assert found.frame["flair"].str.endswith("/flair").all()
    with pytest.raises(ValueError, match="expected one MRI with mri_series"):
        load(tmp_path, sequence=("t1", "flair"), mri_series=4)


def test_a_ct_series_alone(tmp_path):
    series(tmp_path / "ct", "CT", "a")
    assert "no MRI series" in reasons(tmp_path)
    found = load(tmp_path, modality="ct", skip_empty=False, size=32)
    assert (found.data.modalities, found.data.shape) == (("CT",), (12, 1, 32, 32))
    assert found.ct_units == "hu"
    seen = describe_pairs(tmp_path)
    assert seen.pairs["status"].tolist() == ["alone"]
    assert not any(severity == "error" for severity, _ in seen.findings)


def test_inspection_names_gaps(tmp_path):
    series(tmp_path / "ct", "CT", "a", change=lambda data, k: None if k == 5 else data)
    said = [text for severity, text in describe_pairs(tmp_path).findings if severity == "warning"]
    (gap,) = [text for text in said if "Slices are missing" in text]
    assert "patient 1, series 1" in gap
    assert "10.00 mm between slices 4 and 5" in gap
