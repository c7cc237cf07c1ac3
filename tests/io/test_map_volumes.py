"""Maps of volumes, read back by nibabel and SimpleITK: a lesion lies where it lay in the CT."""

from __future__ import annotations

import warnings
from itertools import permutations, product

import dicom_heads
import numpy as np
import pytest

from ctmri_detect import Pairs
from ctmri_detect.datasets import load_volume_pairs, make_phantom_pairs
from ctmri_detect.exceptions import DataLoadingError, InvalidPairsError
from ctmri_detect.io import MapWriter, write_maps

nib = pytest.importorskip("nibabel")
sitk = pytest.importorskip("SimpleITK")

BALL = np.array([12.0, 16.0, 6.0])  # mm towards the patient's right, front and top
LARGE = np.diag([-1, -1, 1]) @ dicom_heads.BALL  # that of the DICOM series
HALF = np.array([32.0, 40.0, 24.0])  # half the field of view, mm
CODES = ["".join(c) for p in permutations(["RL", "AP", "SI"]) for c in product(*p)]
TURN = np.array([[0.98, -0.15, 0.1], [0.17, 0.96, -0.2], [-0.07, 0.22, 0.97]])


def rotation():
    """A rotation about all three axes."""
    u, _, v = np.linalg.svd(TURN)
    return u @ v


def grid(codes="RAS", spacing=(2.0, 2.0, 4.0), turn=None, tilt=0.0):
    """Shape and affine of a field of view about the origin; `tilt`: mm to the front a mm up."""
    direction = np.zeros((3, 3))
    for axis, code in enumerate(codes):
        direction["RLAPSI".index(code) // 2, axis] = 1 if code in "RAS" else -1
    spacing = np.abs(direction.T) @ spacing  # from the world's axes to those of the file
    shape = tuple(np.round(2 * np.abs(direction.T) @ HALF / spacing).astype(int))
    affine = np.eye(4)
    shear = np.array([[1, 0, 0], [0, 1, tilt], [0, 0, 1]])
    affine[:3, :3] = (np.eye(3) if turn is None else turn) @ shear @ direction * spacing
    affine[:3, 3] = -affine[:3, :3] @ (np.array(shape) - 1) / 2
    return shape, affine


def sample(shape, affine, air=-1000, head=35, ball=90):
    """A box-like head with a ball, at the voxels of a grid."""
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    points = index @ affine[:3, :3].T + affine[:3, 3]
    values = np.where(np.linalg.norm(points / [30, 38, 30], axis=-1) < 1, head, air)
    return np.where(np.linalg.norm(points - BALL, axis=-1) < 9, ball, values).astype(np.int16)


def case(folder, **ct):
    """A patient's CT on that grid and an MRI on a plain one; the CT's file."""
    (folder / "p1").mkdir(parents=True)
    for name, (shape, affine), values in (("ct", grid(**ct), {}), ("mr", grid(), {"air": 0})):
        image = nib.Nifti1Image(sample(shape, affine, **values), affine)
        image.set_sform(affine, 1)
        nib.save(image, folder / "p1" / f"{name}.nii.gz")
    return folder / "p1" / "ct.nii.gz"


def maps_of(pairs):
    """What a detector that finds the ball and nothing else would give."""
    ct = np.asarray(pairs.data)[:, 0]
    return np.where(np.isnan(ct), np.nan, np.clip((ct - 40) / 10, 0, 5))


def centre(values, affine):
    """The centre of what is bright, in mm towards right, front and top."""
    place = np.argwhere(values > 0)
    weight = values[values > 0]
    return affine[:3, :3] @ (weight @ place / weight.sum()) + affine[:3, 3]


def by_nibabel(path, floor=0.0):
    image = nib.load(path)
    return centre(np.nan_to_num(image.get_fdata()) - floor, image.affine)


def by_itk(path, floor=0.0):
    image = sitk.ReadImage(str(path))
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    values = np.nan_to_num(sitk.GetArrayFromImage(image).transpose()) - floor
    return np.diag([-1, -1, 1]) @ centre(values, affine)


def check_place(path, floor=0.0, ball=BALL):
    """The ball lies in its place to half a voxel, read by two other programs."""
    steps = nib.load(path).affine[:3, :3]
    for found in (by_nibabel(path, floor), by_itk(path, floor)):
        assert np.abs(np.linalg.inv(steps) @ (found - ball)).max() < 0.5


def same_grid(one, other):
    """Whether ITK sees two images on one grid."""
    for what in ("Size", "Origin", "Spacing", "Direction"):
        a, b = (getattr(image, f"Get{what}")() for image in (one, other))
        np.testing.assert_allclose(a, b, atol=1e-4, err_msg=what)


@pytest.mark.parametrize(
    ("codes", "turn"), [*((codes, rotation()) for codes in CODES), ("RAS", None), ("PIR", None)]
)
def test_a_lesion_lies_where_it_lay(tmp_path, codes, turn):
    ct = case(tmp_path / "set", codes=codes, turn=turn)
    pairs = load_volume_pairs(tmp_path / "set", skip_empty=False)
    (file,) = write_maps(maps_of(pairs), pairs.data, tmp_path)
    assert (file.path.name, file.kind, file.note) == ("p1_anomaly.nii.gz", "anomaly", "")
    np.testing.assert_allclose(nib.load(file.path).affine, nib.load(ct).affine, atol=1e-4)
    same_grid(sitk.ReadImage(str(file.path)), sitk.ReadImage(str(ct)))
    values = sample(*grid(codes=codes, turn=turn))
    true = np.clip((values - 40) / 10, 0, 5)
    np.testing.assert_allclose(nib.load(file.path).get_fdata(), true, atol=1e-3)  # voxel by voxel
    check_place(file.path)


@pytest.mark.parametrize("spacing", [None, 2.0, 8.0, 10.0])
@pytest.mark.parametrize("size", [None, 29, (50, 64)])
def test_however_the_slices_were_cut(tmp_path, spacing, size):
    ct = case(tmp_path / "set", codes="LIP", turn=rotation())
    pairs = load_volume_pairs(tmp_path / "set", slice_spacing=spacing, size=size, skip_empty=False)
    (file,) = write_maps(maps_of(pairs), pairs.data, tmp_path)
    same_grid(sitk.ReadImage(str(file.path)), sitk.ReadImage(str(ct)))
    check_place(file.path)


def test_what_was_not_observed(tmp_path):
    case(tmp_path / "set")
    pairs = load_volume_pairs(tmp_path / "set", skip_empty=False)
    maps = maps_of(pairs)
    maps[:, :, :7] = np.nan  # on the patient's right, which is on the left of each image
    some = [3, 5, 6]
    (file,) = write_maps(maps[some], pairs.data[some], tmp_path, outside=np.nan)
    seen = np.isfinite(nib.load(file.path).get_fdata())
    assert file.samples == (0, 1, 2)
    assert np.flatnonzero(seen.any(axis=(0, 1))).tolist() == some
    assert not seen[-7:].any()
    assert seen[:-7, :, some].all()
    (file,) = write_maps(maps, pairs.data, tmp_path, outside=0)
    assert not nib.load(file.path).get_fdata()[-7:].any()


def test_signed_maps_of_both_planes(tmp_path):
    case(tmp_path / "set")
    pairs = load_volume_pairs(tmp_path / "set", skip_empty=False)
    anomaly = maps_of(pairs)
    z_maps = np.stack([-anomaly, 2 * anomaly], axis=1)
    files = write_maps(anomaly, pairs.data, tmp_path, z_maps=z_maps)
    assert [file.path.name for file in files] == [
        f"p1_{kind}.nii.gz" for kind in ("anomaly", "z_ct", "z_mri")
    ]
    first, ct, mri = (nib.load(file.path).get_fdata() for file in files)
    np.testing.assert_allclose(ct, -first, atol=1e-3)
    np.testing.assert_allclose(mri, 2 * first, atol=1e-3)


@pytest.mark.parametrize("codes", ["RAS", "LPI", "SPL", "AIR"])
def test_a_tilted_ct_lies_beside_its_map(tmp_path, codes):
    case(tmp_path / "set", codes=codes, tilt=0.35)
    pairs = load_volume_pairs(tmp_path / "set", skip_empty=False)
    ct, anomaly = reversed(write_maps(maps_of(pairs), pairs.data, tmp_path))
    assert (ct.path.name, ct.kind, anomaly.kind) == ("p1_ct.nii.gz", "ct", "anomaly")
    assert "tilted gantry" in anomaly.note
    same_grid(sitk.ReadImage(str(anomaly.path)), sitk.ReadImage(str(ct.path)))
    direction = np.array(sitk.ReadImage(str(ct.path)).GetDirection()).reshape(3, 3)
    np.testing.assert_allclose(direction @ direction.T, np.eye(3), atol=1e-5)
    assert nib.aff2axcodes(nib.load(ct.path).affine) == tuple(codes)
    for path, floor in ((anomaly.path, 0), (ct.path, 40)):
        check_place(path, floor)
    assert nib.load(ct.path).get_fdata().min() == -1024  # outside of the slices


ODD = ("T1 (gd)", "β/2", "t1_gd", "../PET", "CT", "a.b", "T1-w", "FLAIR")


def planes_of(pairs, names):
    """The same slices with these planes; a plane that is no CT is the CT with 1000 added."""
    ct = np.asarray(pairs.data)[:, :1]
    planes = [ct if name == "CT" else ct + 1000 for name in names]
    known = {"groups": pairs.data.groups, "spacing": pairs.data.spacing, "frame": pairs.data.frame}
    return Pairs(np.concatenate(planes, axis=1), modalities=names, ct_units="hu", **known)


@pytest.mark.parametrize("n", [1, 3, 8])
def test_maps_of_any_planes_have_their_names(tmp_path, n):
    case(tmp_path / "set")
    pairs = load_volume_pairs(tmp_path / "set", skip_empty=False)
    X, anomaly = planes_of(pairs, ODD[:n]), maps_of(pairs)
    z_maps = anomaly[:, None] * np.arange(1, n + 1)[:, None, None]
    files = write_maps(anomaly, X, tmp_path / "maps", z_maps=z_maps)
    kinds = ["z_t1_gd", "z_β_2", "z_t1_gd_2", "z_pet", "z_ct", "z_a.b", "z_t1-w", "z_flair"]
    assert [file.path.name for file in files[1:]] == [f"p1_{kind}.nii.gz" for kind in kinds[:n]]
    for i, file in enumerate(files[1:], 1):
        found = nib.load(file.path).get_fdata()
        np.testing.assert_allclose(found, i * nib.load(files[0].path).get_fdata(), atol=1e-3 * i)


def test_without_a_ct_maps_lie_on_the_grid_of_the_first_modality(tmp_path):
    case(tmp_path / "set", tilt=0.35)
    pairs = load_volume_pairs(tmp_path / "set", skip_empty=False)
    X = planes_of(pairs, ("T1", "FLAIR"))
    image, anomaly = reversed(write_maps(maps_of(pairs), X, tmp_path))
    assert (image.path.name, image.kind) == ("p1_image.nii.gz", "image")
    assert "the T1's own grid" in anomaly.note
    assert "open it over the T1" in anomaly.note
    check_place(image.path, 1040, ball=BALL)
    last = planes_of(pairs, ("T1", "CT"))
    ct, anomaly = reversed(write_maps(maps_of(pairs), last, tmp_path))
    assert ct.path.name == "p1_ct.nii.gz"
    assert nib.load(ct.path).get_fdata().min() == -1024


def test_a_grid_that_is_nearly_straight_is_the_ct_s_own(tmp_path):
    ct = case(tmp_path / "set", tilt=0.004)  # 0.2 mm from the lowest to the highest slice
    pairs = load_volume_pairs(tmp_path / "set", skip_empty=False)
    (file,) = write_maps(maps_of(pairs), pairs.data, tmp_path)
    np.testing.assert_allclose(nib.load(file.path).affine, nib.load(ct).affine, atol=0.15)


OBLIQUE = (rotation()[:, 0].tolist(), rotation()[:, 1].tolist())


@pytest.mark.parametrize("axes", [dicom_heads.AXIAL, OBLIQUE], ids=["straight", "oblique"])
def test_a_dicom_series(tmp_path, axes):
    dicom_heads.pair(tmp_path / "set", ct={"axes": axes})
    pairs = dicom_heads.load(tmp_path / "set", skip_empty=False)
    (file,) = write_maps(maps_of(pairs), pairs.data, tmp_path)
    assert "MRN" not in file.path.name
    reader = sitk.ImageSeriesReader()
    series = tmp_path / "set" / "MRN12345" / "ct"
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(series)))
    same_grid(sitk.ReadImage(str(file.path)), reader.Execute())
    check_place(file.path, ball=LARGE)


FINE_BELOW = [*np.arange(-30, 0, 2.5), *np.arange(0, 35, 5.0)]  # 2.5 mm, and 5 mm above


@pytest.mark.parametrize(
    ("ct", "why", "slices"),
    [
        ({"shear": 1.5}, "tilted gantry", 12),
        ({"heights": FINE_BELOW}, "unevenly spaced", 26),
        ({"heights": FINE_BELOW, "axes": OBLIQUE}, "unevenly spaced", 26),
        ({"heights": FINE_BELOW, "shear": 1.5}, "tilted gantry", 26),
    ],
    ids=["tilted", "uneven", "uneven_oblique", "tilted_uneven"],
)
def test_a_dicom_series_that_fits_no_grid(tmp_path, ct, why, slices):
    dicom_heads.pair(tmp_path / "set", ct=ct)
    pairs = dicom_heads.load(tmp_path / "set", skip_empty=False)
    anomaly, ct_file = write_maps(maps_of(pairs), pairs.data, tmp_path)
    assert why in anomaly.note == ct_file.note
    same_grid(sitk.ReadImage(str(anomaly.path)), sitk.ReadImage(str(ct_file.path)))
    assert nib.load(anomaly.path).shape[2] == slices  # as thin as the thinnest
    for path, floor in ((anomaly.path, 0), (ct_file.path, 40)):
        check_place(path, floor, LARGE)


def test_nothing_is_written_into_a_gap(tmp_path):
    heights = [h for h in np.arange(-30, 30, 5.0) if h not in (-10, -5)]
    dicom_heads.pair(tmp_path / "set", ct={"heights": heights})
    pairs = dicom_heads.load(tmp_path / "set", skip_empty=False, gaps="keep")
    anomaly, ct = write_maps(maps_of(pairs), pairs.data, tmp_path)
    seen = np.isfinite(nib.load(anomaly.path).get_fdata()).any(axis=(0, 1))
    assert np.flatnonzero(~seen).tolist() == [4, 5]
    assert (nib.load(ct.path).get_fdata()[..., 4:6] == -1024).all()
    check_place(anomaly.path, ball=LARGE)


def test_maps_as_they_come(tmp_path):
    case(tmp_path / "set")
    case(tmp_path / "set" / "other")
    pairs = load_volume_pairs(tmp_path / "set", skip_empty=False)
    maps, n = maps_of(pairs), len(pairs.data)
    rows = np.random.default_rng(0).permutation(n)
    with MapWriter(pairs.data, tmp_path / "a") as writer:
        for part in np.array_split(rows, 5):
            writer.add(part, maps[part])
        assert len(writer.written) == 2  # each when its last slice came
    write_maps(maps, pairs.data, tmp_path / "b")
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == ["p1_2_anomaly.nii.gz", "p1_anomaly.nii.gz"]
    for name in names:  # and the same bytes
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_sample_comes_once(tmp_path):
    case(tmp_path / "set")
    pairs = load_volume_pairs(tmp_path / "set", skip_empty=False)
    with MapWriter(pairs.data, tmp_path) as writer:
        writer.add(range(12), maps_of(pairs))
        with pytest.raises(ValueError, match="Maps of sample 3 were added before"):
            writer.add([3], maps_of(pairs)[:1])
        with pytest.raises(
            ValueError, match="samples are 12 to 12; expected rows of X, which has 12"
        ):
            writer.add([12], maps_of(pairs)[:1])


def test_an_error_leaves_no_half_of_a_map(tmp_path):
    case(tmp_path / "set")
    pairs = load_volume_pairs(tmp_path / "set", skip_empty=False)

    def stopped():
        with MapWriter(pairs.data, tmp_path / "a") as writer:
            writer.add([0, 1], maps_of(pairs)[:2])
            writer.add([2, 3], np.zeros((2, 3, 3)))

    with pytest.raises(ValueError, match="shape"):
        stopped()
    assert list((tmp_path / "a").iterdir()) == []


def test_the_place_is_kept_by_indexing_and_on_the_disk(tmp_path):
    from ctmri_detect.preprocessing import CTWindow, open_pairs, transform_to

    case(tmp_path / "set")
    pairs = load_volume_pairs(tmp_path / "set", skip_empty=False)
    transform_to(CTWindow(), pairs.data[::-1], tmp_path / "a.npy")
    again = open_pairs(tmp_path / "a.npy")
    (file,) = write_maps(maps_of(pairs)[::-1], again, tmp_path)
    check_place(file.path)


def test_pairs_that_know_no_place(tmp_path):
    phantom = make_phantom_pairs(1, 2, size=64)
    maps = np.zeros((2, 64, 64))
    with pytest.raises(InvalidPairsError, match=r"has no places.*form='npy'"):
        write_maps(maps, phantom.data, tmp_path)
    case(tmp_path / "set")
    pairs = load_volume_pairs(tmp_path / "set", skip_empty=False)
    with pytest.raises(ValueError, match=r"shape \(12, 7, 7\); expected \(12, 40, 32\)"):
        write_maps(np.zeros((12, 7, 7)), pairs.data, tmp_path)
    lost = pairs.data.frame.assign(grid=[None, *pairs.data.frame["grid"][1:]])
    with pytest.raises(InvalidPairsError, match=r"1 samples have no place.*sample 0"):
        write_maps(maps_of(pairs), pairs.data.replace(frame=lost), tmp_path)
    for text in ("", "[1, 2]", '[[9, 0, 4], [[1,0,0,0],[0,1,0,0],[0,0,1,0]], "RAS", 1, null]'):
        wrong = pairs.data.replace(frame=pairs.data.frame.assign(grid=text))
        with pytest.raises(DataLoadingError, match="Load the pairs again"):
            write_maps(maps_of(pairs), wrong, tmp_path)


def test_a_name_that_is_no_file(tmp_path):
    case(tmp_path / "set")
    pairs = load_volume_pairs(tmp_path / "set", skip_empty=False)
    data: Pairs = pairs.data.replace(groups=["../../p:1"] * len(pairs.data))
    (file,) = write_maps(maps_of(pairs), data, tmp_path / "maps")
    assert file.path == tmp_path / "maps" / "p_1_anomaly.nii.gz"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert file.path.is_file()
