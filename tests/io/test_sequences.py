"""The MRI sequence that a series' description, a file or a folder names, and what is none."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from ctmri_detect.datasets import find_pairs, load_volume_pairs
from ctmri_detect.exceptions import DataLoadingError, SkippedFilesWarning

SIEMENS = {
    "t1_mprage_sag_p2_iso": "t1",
    "t1_mprage_sag HEADCOIL": "t1",  # "adc" stands in it
    "t1_mpr_ns_sag_p2_iso": "t1",
    "t1_se_tra": "t1",
    "t1_se_tra_KM": "t1ce",
    "t1_tse_cor_fs post KM": "t1ce",
    "t1_fl2d_tra": "t1",
    "t1_vibe_tra_dixon_W": "t1",
    "t1_tirm_tra_dark-fluid": "t1",
    "t1_mp2rage_sag_p3_UNI_Images": "t1",
    "t1_mp2rage_sag_p3_INV1": None,
    "t1_mp2rage_sag_p3_T1_Images": None,  # milliseconds
    "t2_tse_tra": "t2",
    "t2_tse_tra_320_p2": "t2",
    "t2_blade_tra": "t2",
    "t2_haste_cor": "t2",
    "t2_spc_sag_iso": "t2",
    "t2_spc_da-fl_sag_p2_iso": "flair",
    "t2_tirm_tra_dark-fluid_FS": "flair",
    "t2_tse_dark-fluid_tra_p2": "flair",
    "flair3D_spc_sag_p2": "flair",
    "t2_fl2d_tra_hemo": "swi",
    "t2_me2d_tra": "swi",
    "t2_swi3d_tra_p2": "swi",
    "SWI_Images": "swi",
    "Mag_Images": None,
    "Pha_Images": None,
    "mIP_Images(SW)": None,
    "SWI_mIP": None,
    "ep2d_diff_3scan_trace_p2_TRACEW": "dwi",
    "ep2d_diff_3scan_trace_p2_ADC": "adc",
    "resolve_3scan_trace_tra_192_TRACEW": "dwi",
    "ep2d_diff_mddw_20_p2_FA": None,
    "ep2d_perf_p2": None,
    "ep2d_bold_moco": None,
    "TOF_3D_multi-slab": None,
    "pd+t2_tse_tra": None,  # two echoes in one series
    "pd_tse_tra_fs": "pd",
    "tirm_tra": None,
    "localizer": None,
    "AAHead_Scout_64ch-head-coil": None,
}
GE = {
    "AX T2 FLAIR PROPELLER": "flair",
    "Ax T2 FLAIR FS": "flair",
    "Ax T1 FLAIR": "t1",
    "Sag T1 FLAIR +C": "t1ce",
    "AX T1 POST GAD": "t1ce",
    "AX T1 PRE GAD": "t1",
    "AX T1 W/O CONTRAST": "t1",
    "AX T1 W/WO": None,
    "AX T1 POST NO FS": "t1ce",
    "Ax T1 SE post-op": "t1",
    "Sag CUBE T2": "t2",
    "Sag CUBE FLAIR": "flair",
    "CUBE": None,
    "3D FSPGR": "t1",
    "Ax 3D BRAVO": "t1",
    "SAG BRAVO +C": "t1ce",
    "Ax T2 FRFSE": "t2",
    "OAx T2 PROPELLER": "t2",
    "T2 TRA different angle": "t2",
    "AX GRE T2 STAR": "swi",
    "Ax T2* GRE": "swi",
    "Ax T2 GRE": "swi",
    "AX GRE": None,
    "Ax SWAN": "swi",
    "FILT_PHA: Ax SWAN": None,
    "eDWI": "dwi",
    "AX DWI 1000b": "dwi",
    "Apparent Diffusion Coefficient (mm2/s)": "adc",
    "Exponential Apparent Diffusion Coefficient": None,
    "AX T2 DIFF": None,  # diffusion or difference
    "AX PD/T2 FSE": None,
    "AX PERFUSION T2*": None,
    "3-PLANE LOC T2 SSFSE": None,
    "Ax STIR": None,
    "FIESTA": None,
}
PHILIPS = {
    "T1W_TSE": "t1",
    "WIP sT1W_3D_TFE SENSE": "t1",
    "T1W_FFE": "t1",
    "sT1W_3D_TFE_Gd": "t1ce",
    "T1W_SE C+": "t1ce",
    "3D_TFE": None,
    "T2W_TSE": "t2",
    "T2W_TSE_MVXD": "t2",
    "T2 TSE POST1": "t2",
    "T2W_STIR": "t2",
    "3D_BrainVIEW_FLAIR": "flair",
    "T2W_FLAIR_SPIR": "flair",
    "3DFLAIR": "flair",
    "T2W_FFE": "swi",
    "T2_FFE_HEMO": "swi",
    "SWIp": "swi",
    "FFE": None,
    "PDW_TSE": "pd",
    "Proton Density": "pd",
    "DWI_SSh": "dwi",
    "DWI b1000": "dwi",
    "dADC map": "adc",
    "ADC": "adc",
    "eADC": None,
    "T1_map": None,
    "MPRAGE": "t1",
    "MP-RAGE": "t1",
    "Survey": None,
    "SCOUT1": None,
    "AXT2FLAIR": "flair",
    "AXT1POST": "t1ce",
    "VIBE": None,
    "": None,
}
DESCRIPTIONS = SIEMENS | GE | PHILIPS


def _series(folder, patient, modality, value, description, **tags):
    """Two slices that show a square of this value, as a scanner writes them."""
    pydicom = pytest.importorskip("pydicom")
    uid = pydicom.uid.generate_uid()
    for k in range(2):
        data = pydicom.dataset.Dataset()
        data.file_meta = pydicom.dataset.FileMetaDataset()
        data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        data.SOPClassUID = "1.2.840.10008.5.1.4.1.1." + ("2" if modality == "CT" else "4")
        data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = f"{uid[:50]}.{k}"
        data.PatientID, data.Modality, data.SeriesInstanceUID = patient, modality, uid
        data.SeriesNumber, data.SeriesDescription = 1, description
        data.ImageType, data.FrameOfReferenceUID = ["ORIGINAL", "PRIMARY"], "1.2.3"
        data.ImagePositionPatient = [0, 0, 5 * k]
        data.ImageOrientationPatient, data.PixelSpacing = [1, 0, 0, 0, 1, 0], [9, 9]
        data.Rows = data.Columns = 16
        data.SamplesPerPixel, data.PixelRepresentation = 1, 1
        data.BitsAllocated = data.BitsStored = 16
        data.HighBit, data.PhotometricInterpretation = 15, "MONOCHROME2"
        pixels = np.full((16, 16), -1000 if modality == "CT" else 0, dtype=np.int16)
        pixels[4:12, 4:12] = value
        data.PixelData = pixels.tobytes()
        for tag, content in tags.items():
            setattr(data, tag, content)
        path = folder / patient / f"{modality}{k}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        data.save_as(path, enforce_file_format=True)


def _sequences(folder):
    """The sequence by the value of the MRI."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pairs = load_volume_pairs(folder, skip_empty=False)
    values = np.nanmax(pairs.data[:, 1], axis=(1, 2)).astype(int)
    sequences = (name if isinstance(name, str) else None for name in pairs.frame["sequence"])
    return dict(zip(values.tolist(), sequences, strict=True))


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """What `load_volume_pairs` makes of each description."""
    folder = tmp_path_factory.mktemp("descriptions")
    for i, description in enumerate(DESCRIPTIONS):
        _series(folder, f"P{i}", "CT", 35, "CT")
        _series(folder, f"P{i}", "MR", i + 1, description)
    found = _sequences(folder)
    return {description: found[i + 1] for i, description in enumerate(DESCRIPTIONS)}


@pytest.mark.parametrize(("description", "sequence"), DESCRIPTIONS.items())
def test_sequences_of_descriptions(read, description, sequence):
    assert read[description] == sequence


def test_timing_counts_only_where_the_description_says_nothing(tmp_path):
    timing = {"ScanningSequence": "SE", "EchoTime": 12, "RepetitionTime": 500}
    for i, (description, _) in enumerate(cases := [("", "t1"), ("SCOUT", None), ("PD/T2", None)]):
        _series(tmp_path, f"P{i}", "CT", 35, "CT")
        _series(tmp_path, f"P{i}", "MR", i + 1, description, **timing)
    assert _sequences(tmp_path) == {i + 1: expected for i, (_, expected) in enumerate(cases)}


def test_the_sequence_is_asked_for_in_any_spelling(tmp_path):
    for number, description in enumerate(("t2_tse", "t1_se"), 1):
        _series(tmp_path, "P", "MR", number, description, SeriesNumber=number)
        for path in (tmp_path / "P").glob("MR?.dcm"):
            path.rename(path.with_stem(f"{path.stem}_{number}"))
    _series(tmp_path, "P", "CT", 35, "CT")
    with pytest.warns(SkippedFilesWarning, match="not chosen"):
        pairs = load_volume_pairs(tmp_path, sequence="T2w", skip_empty=False)
    assert (set(pairs.frame["sequence"]), float(pairs.data[:, 1].max())) == ({"t2"}, 1)
    with pytest.raises(ValueError, match="sequence is 'x'; expected one of"):
        load_volume_pairs(tmp_path, sequence="x")


@pytest.mark.parametrize(
    ("file", "sequence"),
    [
        ("MRI/p1_T2W_FFE_3.png", "swi"),
        ("MRI/p1_t2star_3.png", "swi"),
        ("MRI/p1_T1_FLAIR_3.png", "t1"),
        ("MRI/p1_t2flair_3.png", "flair"),
        ("MRI/p1_T1post_3.png", "t1ce"),
        ("MRI/p1_t1_map_3.png", None),
        ("MRI/anna_swan_3.png", None),  # a word of scanners is a person here
        ("T2_FFE/3.png", "swi"),
        ("T1+C/3.png", "t1ce"),
        ("MRI/p1_T1_T2_3.png", None),
    ],
)
def test_sequences_of_names(file, sequence, tmp_path):
    for name in (file, "CT/3.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = find_pairs(tmp_path)
    assert found.set_index("mri").loc[file, "sequence"] == sequence


def test_several_sequences_of_one_ct_are_told_apart(tmp_path):
    for name in ("CT/p1.png", "MRI/p1_T1.png", "MRI/p1_T1_FLAIR_post.png", "MRI/p1_T2W_FFE.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(DataLoadingError, match="found: swi, t1, t1ce"):
        find_pairs(tmp_path, sequence="flair")
