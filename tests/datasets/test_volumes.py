"""NIfTI volumes as pairs: places, sides, spacings, units, hostile files."""

from __future__ import annotations

import gzip
import re
import shutil
import tracemalloc
import warnings

import numpy as np
import pytest
from on_disk import reads_from
from real_data import DATA

from ctmri_detect.datasets.volumes import load_volume_pairs
from ctmri_detect.exceptions import (
    DataLoadingError,
    MixedDataWarning,
    SkippedFilesWarning,
    UnitsWarning,
)
from ctmri_detect.imageops.ct_values import ct_units_of
from ctmri_detect.io.volumes.volume import canonical
from ctmri_detect.io.volumes.volume_files import read_volume

nib = pytest.importorskip("nibabel")

BALL = np.array([24.0, 32.0, 8.0])  # mm towards the patient's right, front and top
BOX = np.array([64.0, 80.0, 40.0])  # half the field of view, mm


def _world(points, air, head, ball):
    """A head (an ellipsoid about the origin) with one ball, at points (..., 3)."""
    values = np.full(points.shape[:-1], air, dtype=np.float64)
    values[np.linalg.norm(points / [56, 72, 60], axis=-1) < 1] = head
    values[np.linalg.norm(points - BALL, axis=-1) < 9] = ball
    return values


def _grid(codes="RAS", spacing=(2.0, 2.0, 4.0), tilt=0.0):
    """Shape and affine of a field of view about the origin, with axes in these directions."""
    direction = np.zeros((3, 3))
    for axis, code in enumerate(codes):
        world = "RLAPSI".index(code) // 2
        direction[world, axis] = 1 if code in "RAS" else -1
    angle = np.deg2rad(tilt)
    turn = np.array(
        [[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]]
    )
    half = np.abs(direction.T) @ BOX
    shape = tuple(int(n) for n in np.round(2 * half / spacing))
    affine = np.eye(4)
    affine[:3, :3] = turn @ direction * spacing
    affine[:3, 3] = -affine[:3, :3] @ (np.array(shape) - 1) / 2
    return shape, affine


def _sample(grid, *values):
    shape, affine = grid
    index = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1)
    return _world(index @ affine[:3, :3].T + affine[:3, 3], *values)


def _save(path, values, affine, dtype=np.int16):
    path.parent.mkdir(exist_ok=True, parents=True)
    nib.save(nib.Nifti1Image(np.asarray(values).astype(dtype), affine), path)


def _ct(path, **grid):
    grid = _grid(**grid)
    _save(path, _sample(grid, -1000, 35, 90), grid[1])


def _mri(path, **grid):
    grid = _grid(**grid)
    _save(path, _sample(grid, 0, 300, 900), grid[1])


def _case(folder, name, ct=None, mri=None):
    _ct(folder / name / "ct.nii.gz", **(ct or {}))
    _mri(folder / name / "mr.nii.gz", **(mri or {}))


def _ball(pairs):
    """Slice, row and column of the ball in the CT and in the MRI."""
    found = []
    for plane, limit in ((0, 62), (1, 600)):
        found.append(np.argwhere(pairs.data[:, plane] > limit).mean(axis=0))
    return np.array(found)


@pytest.mark.parametrize("ct", ["RAS", "LPS", "LAS", "PSR", "IRA"])
@pytest.mark.parametrize(
    "mri", [{}, {"codes": "ASL", "spacing": (1.0, 1.0, 3.0)}, {"codes": "LPI", "tilt": 17.0}]
)
def test_a_point_lies_at_one_pixel_however_it_was_stored(tmp_path, ct, mri):
    spacing = [4.0 if code in "SI" else 2.0 for code in ct]
    _case(tmp_path, "p1", ct={"codes": ct, "spacing": spacing}, mri=mri)
    pairs = load_volume_pairs(tmp_path, skip_empty=False)
    assert pairs.data.shape == (20, 2, 80, 64)
    # front, and the patient's right: above and to the left of the middle
    assert pairs.orientation == "radiological"
    expected = [(BALL[2] + 40) / 4, (80 - BALL[1]) / 2, (64 - BALL[0]) / 2]
    np.testing.assert_allclose(_ball(pairs), [np.array(expected) - 0.5] * 2, atol=0.4)
    assert pairs.frame["spacing"].unique().tolist() == [2.0]


def test_an_oblique_ct_keeps_its_slices(tmp_path):
    _case(tmp_path, "p1", ct={"tilt": 20.0}, mri={"spacing": (1.5, 1.5, 1.5)})
    pairs = load_volume_pairs(tmp_path, skip_empty=False)
    _shape, affine = _grid(tilt=20.0)
    x, y, z = np.linalg.inv(affine)[:3] @ [*BALL, 1]
    np.testing.assert_allclose(_ball(pairs), [[z, 79 - y, 63 - x]] * 2, atol=0.4)


@pytest.mark.parametrize("spacing", [2.0, 4.0, 8.0, 10.0])
@pytest.mark.parametrize("size", [None, 48, (120, 160)])
def test_spacing_and_size_move_nothing(tmp_path, spacing, size):
    _case(tmp_path, "p1", mri={"spacing": (1.0, 1.0, 2.0)})
    pairs = load_volume_pairs(tmp_path, slice_spacing=spacing, size=size, skip_empty=False)
    height, width = (80, 64) if size is None else (size, size) if isinstance(size, int) else size
    mm = 2.0 if size is None else 160 / 48 if size == 48 else 160 / 120
    assert pairs.data.shape == (80 // spacing, 2, height, width)
    np.testing.assert_allclose(pairs.frame["spacing"], mm)
    place = (_ball(pairs) + 0.5) * [spacing, mm, mm] - [40, height * mm / 2, width * mm / 2]
    np.testing.assert_allclose(place, [BALL[[2, 1, 0]] * [1, -1, -1]] * 2, atol=1.2)


def test_a_wide_slice_is_the_mean_of_its_slices(tmp_path):
    _case(tmp_path, "p1")
    values = np.random.default_rng(0).normal(30, 40, (64, 80, 20)) - 1000 * (
        np.arange(64) < 8
    ).reshape(-1, 1, 1)
    _save(tmp_path / "p1" / "ct.nii.gz", values, _grid()[1], np.float32)
    native = np.asarray(load_volume_pairs(tmp_path, skip_empty=False).data)
    slabs = load_volume_pairs(tmp_path, slice_spacing=8, skip_empty=False).data
    np.testing.assert_allclose(slabs, native.reshape(10, 2, 2, 80, 64).mean(axis=1), rtol=1e-4)
    wide = load_volume_pairs(tmp_path, slice_spacing=12, skip_empty=False).data
    assert len(wide) == 6  # 80 mm hold six slices of 12 mm, in the middle
    expected = (native[1] + native[2] + native[3]) / 3
    np.testing.assert_allclose(wide[0], expected, rtol=1e-4, atol=1e-2)


def test_outside_of_the_mri_is_not_observed(tmp_path):
    _ct(tmp_path / "p1" / "ct.nii.gz")
    shape, affine = _grid()
    values = _sample((shape, affine), 0, 300, 900)
    affine = affine.copy()
    affine[:3, 3] = affine[:3] @ [16, 0, 5, 1]
    _save(tmp_path / "p1" / "mr.nii.gz", values[16:, :, 5:], affine)  # its left end is missing
    pairs = load_volume_pairs(tmp_path, skip_empty=False)
    observed = np.isfinite(pairs.data[:, 1])
    assert observed[5:, :, :48].all()
    assert not observed[:5].any()
    assert not observed[:, :, 48:].any()
    assert np.isfinite(pairs.data[:, 0]).all()
    np.testing.assert_allclose(pairs.data[5:, 1, :, :48].max(), 900)


def test_a_finer_mri_is_smoothed_before_it_is_sampled(tmp_path):
    _ct(tmp_path / "p1" / "ct.nii.gz")
    shape, affine = _grid(spacing=(0.5, 0.5, 4.0))
    noise = np.random.default_rng(0).normal(500, 100, shape)
    _save(tmp_path / "p1" / "mr.nii.gz", noise, affine, np.float32)
    mri = load_volume_pairs(tmp_path, skip_empty=False).data[:, 1]
    assert np.nanstd(mri) < 40  # the mean of 4x4 has 25, a lottery of single voxels 100
    assert abs(np.nanmean(mri) - 500) < 2


def test_the_mask_of_synthrad(tmp_path):
    _case(tmp_path, "p1", mri={"codes": "LPS", "spacing": (1.0, 1.0, 4.0)})
    shape, affine = _grid()
    inside = np.zeros(shape)
    inside[10:40, 20:70, 4:15] = 1
    _save(tmp_path / "p1" / "mask.nii.gz", inside, affine, np.uint8)
    data = load_volume_pairs(tmp_path, skip_empty=False).data
    expected = inside.transpose(2, 1, 0)[4:15, ::-1, ::-1] > 0
    assert np.array_equal(np.isfinite(data), np.stack([expected, expected], axis=1))


def test_a_mask_on_another_grid_is_refused(tmp_path):
    _case(tmp_path, "p1")
    _case(tmp_path, "p2")
    _save(tmp_path / "p1" / "mask.nii.gz", np.ones((64, 80, 19)), _grid()[1], np.uint8)
    with pytest.warns(SkippedFilesWarning, match="mask lies on another grid"):
        pairs = load_volume_pairs(tmp_path)
    assert set(pairs.groups) == {"p2"}


def test_slices_without_a_head_are_counted(tmp_path):
    _case(tmp_path, "p1")
    ct = read_volume(tmp_path / "p1" / "ct.nii.gz")
    values = ct.values.copy()
    values[:3] = -1000
    values[3, :3] = 0  # a table is no head
    values[3, 3:] = -1000
    _save(tmp_path / "p1" / "ct.nii.gz", values, ct.affine)
    mri = read_volume(tmp_path / "p1" / "mr.nii.gz")
    values = mri.values.copy()
    values[18:] = 0
    _save(tmp_path / "p1" / "mr.nii.gz", values, mri.affine)
    with pytest.warns(SkippedFilesWarning, match="6 of 20 slices"):
        pairs = load_volume_pairs(tmp_path)
    assert pairs.skipped[0][1].endswith("no head in the CT (4), nothing in the MRI (2)")
    assert pairs.frame["slice"].tolist() == list(range(4, 18))
    assert "4 slices were left out: no head in the CT" in pairs.DESCR
    assert "2 slices were left out: nothing in the MRI" in pairs.DESCR
    assert len(load_volume_pairs(tmp_path, skip_empty=False).data) == 20


@pytest.mark.parametrize(
    ("change", "units", "reason"),
    [
        (lambda v: v, "hu", ""),
        (lambda v: v + 1024, None, r"HU \+ 1024"),
        (lambda v: np.where(v < -300, 0, v), "hu", ""),  # a masked background
        (lambda v: np.clip((v + 40) * 2, 0, 255), "uint8", ""),  # an exported window
        (lambda v: (v + 1000) * 2.4, None, "run from 0 to 2616"),
    ],
)
def test_units_of_a_ct(change, units, reason):
    values = _sample(_grid(), -1000, 35, 90)
    found, why = ct_units_of(change(values).astype(np.float32))
    assert found == units
    assert re.search(reason, why)


def test_eight_bit_volumes_are_an_exported_window(tmp_path):
    _case(tmp_path, "p1")
    values = _sample(_grid(), 0, 120, 200)
    _save(tmp_path / "p1" / "ct.nii.gz", values, _grid()[1], np.uint8)
    assert load_volume_pairs(tmp_path).ct_units == "uint8"
    _case(tmp_path, "p2")
    with pytest.warns(MixedDataWarning, match=r"uint8 \(1 volumes\), hu \(1 volumes\)"):
        assert load_volume_pairs(tmp_path).ct_units is None


@pytest.mark.skipif(not DATA.is_dir(), reason="no real images here")
def test_the_template_in_cormack_units_is_noticed(tmp_path):
    source = DATA / "volumes" / "ct_template_mni_2mm.nii.gz"
    (tmp_path / "p1").mkdir()
    for name in ("ct.nii.gz", "mr.nii.gz"):
        shutil.copy(source, tmp_path / "p1" / name)
    with pytest.warns(UnitsWarning, match="air is near -1000 and brain near 35"):
        pairs = load_volume_pairs(tmp_path, slice_spacing=6)
    assert pairs.ct_units is None
    assert len(pairs.data) > 20
    head = np.nan_to_num(pairs.data[12, 0]) > 500
    rows = np.flatnonzero(head.any(axis=1))
    assert rows[-1] - rows[0] > np.flatnonzero(head.any(axis=0)).size  # longer than it is wide


def _image(change=lambda values: values):
    """A gzipped NIfTI file as bytes, of changed values."""
    shape, affine = _grid()
    values = change(_sample((shape, affine), -1000, 35, 90).astype(np.float32))
    return gzip.compress(nib.Nifti1Image(values, affine).to_bytes())


def _header(**tags):
    """The same with tags of the header as they stand: nibabel would mend them."""
    shape, affine = _grid()
    values = _sample((shape, affine), -1000, 35, 90).astype(np.float32)
    header = nib.Nifti1Image(values, affine).header
    header.set_qform(None, code=0)
    for tag, value in {"vox_offset": 352, "magic": b"n+1", **tags}.items():
        header[tag] = value
    return gzip.compress(header.binaryblock + b"\0\0\0\0" + values.T.tobytes())


BROKEN = {
    "truncated": lambda: _image()[:2000],
    "text": lambda: gzip.compress(b"no image at all" * 100),
    "empty file": lambda: b"",
    "no orientation": lambda: _header(sform_code=0),
    "singular": lambda: _header(srow_y=0),
    "nan affine": lambda: _header(srow_x=np.nan),
    "four": lambda: _image(lambda v: np.stack([v] * 3, axis=-1)),
    "slice": lambda: _image(lambda v: v[..., :1]),
    "plane": lambda: _image(lambda v: v[..., 0]),
    "nothing": lambda: _header(dim=[3, 0, 80, 20, 1, 1, 1, 1]),
    "huge": lambda: _header(dim=[3, 32000, 32000, 32000, 1, 1, 1, 1]),
    "complex": lambda: _image(lambda v: v.astype(np.complex64)),
    "nan": lambda: _image(lambda v: v * np.nan),
    "inf": lambda: _image(lambda v: v + np.inf),
    "constant": lambda: _image(lambda v: v * 0 + 5),
}
HOSTILE = {
    "truncated": "cut off or damaged",
    "text": "not a NIfTI file",
    "empty file": "not a NIfTI file",
    "no orientation": "left and right are not known",
    "singular": "singular",
    "nan affine": "NaN or infinity",
    "four": r"shape \(64, 80, 20, 3\); expected one volume",
    "slice": "at least 2 slices",
    "plane": "expected a volume of three axes",
    "nothing": r"shape \(0, 80, 20\); expected at least 2",
    "huge": "claims shape",
    "complex": "expected real numbers",
    "nan": "every value is NaN",
    "inf": "infinite",
    "constant": "constant",
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("plane", ["ct", "mr"])
def test_a_hostile_file_is_left_out_with_a_reason(tmp_path, kind, plane):
    _case(tmp_path, "p1")
    _case(tmp_path, "p2")
    (tmp_path / "p1" / f"{plane}.nii.gz").write_bytes(BROKEN[kind]())
    with pytest.warns(SkippedFilesWarning):
        pairs = load_volume_pairs(tmp_path)
    assert set(pairs.groups) == {"p2"}
    assert [name for name, _ in pairs.skipped] == ["p1/ct.nii.gz"]
    shutil.rmtree(tmp_path / "p2")
    with pytest.raises(DataLoadingError, match=HOSTILE[kind]) as raised:
        load_volume_pairs(tmp_path)
    assert str(tmp_path) not in str(raised.value) + str(pairs.skipped)


def test_one_time_point_is_a_volume(tmp_path):
    _case(tmp_path, "p1")
    image = nib.load(tmp_path / "p1" / "ct.nii.gz")
    _save(tmp_path / "p1" / "ct.nii.gz", image.get_fdata()[..., None], image.affine)
    assert len(load_volume_pairs(tmp_path).data) == 20


def test_header_texts_stay_in_the_header(tmp_path):
    _case(tmp_path, "p1")
    image = nib.load(tmp_path / "p1" / "ct.nii.gz")
    for tag in ("descrip", "aux_file", "db_name"):
        image.header[tag] = b"Doe^Jane"
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj), None, image.header), tmp_path / "a.nii.gz")
    (tmp_path / "a.nii.gz").rename(tmp_path / "p1" / "ct.nii.gz")
    pairs = load_volume_pairs(tmp_path)
    assert "Doe" not in repr(pairs) + pairs.frame.to_csv()
    assert str(tmp_path) not in repr(pairs) + pairs.frame.to_csv()


def test_volumes_of_several_sizes_need_a_size(tmp_path):
    _case(tmp_path, "p1")
    _case(tmp_path, "p2", ct={"spacing": (1.0, 1.0, 4.0)})
    with pytest.raises(ValueError, match=r"p1/ct.nii.gz is 80x64, p2/ct.nii.gz is 160x128.*size="):
        load_volume_pairs(tmp_path)
    pairs = load_volume_pairs(tmp_path, size=40)
    assert pairs.data.shape == (40, 2, 40, 40)
    np.testing.assert_allclose(pairs.frame["spacing"], 4.0)


def test_the_cache_holds_the_same(tmp_path):
    folder = tmp_path / "set"
    _case(folder, "p1")
    _case(folder, "p2", mri={"tilt": 5.0})
    plain = load_volume_pairs(folder)
    cached = load_volume_pairs(folder, cache=tmp_path / "pairs.npy")
    assert reads_from(cached.data, tmp_path / "pairs.npy")
    np.testing.assert_array_equal(plain.data, cached.data)
    with pytest.raises(FileExistsError):
        load_volume_pairs(folder, cache=tmp_path / "pairs.npy")


def test_no_half_written_cache_is_left(tmp_path):
    folder = tmp_path / "set"
    _case(folder, "p1")
    _case(folder, "p2", ct={"spacing": (1.0, 1.0, 4.0)})
    with pytest.raises(ValueError, match="differ in size"):
        load_volume_pairs(folder, cache=tmp_path / "pairs.npy")
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def _peak(folder, cache):
    tracemalloc.start()
    load_volume_pairs(folder, cache=cache)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def test_memory_holds_one_pair_of_volumes(tmp_path):
    folder = tmp_path / "set"
    _case(folder, "p1", ct={"spacing": (1.0, 1.0, 4.0)}, mri={"spacing": (1.0, 1.0, 4.0)})
    _peak(folder, tmp_path / "warm.npy")
    one = _peak(folder, tmp_path / "one.npy")
    for name in ("p2", "p3", "p4", "p5"):
        shutil.copytree(folder / "p1", folder / name)
    assert _peak(folder, tmp_path / "five.npy") < 1.1 * one


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"slice_spacing": 0}, "slice_spacing is 0"),
        ({"slice_spacing": "3"}, "slice_spacing is '3'"),
        ({"size": 0}, "size is 0"),
        ({"size": (3, 4, 5)}, "size is"),
        ({"key": 3}, "key is of type int"),
        ({"key": ""}, "key has 0 bytes"),
        ({"patient": "("}, "no regular expression"),
        ({"ct_series": "4"}, "ct_series is '4'"),
        ({"ct_series": 4}, "choose between DICOM series"),
        ({"cache": "pairs.txt"}, "npy"),
    ],
)
def test_bad_parameters(tmp_path, parameters, message):
    _case(tmp_path, "p1")
    with pytest.raises(ValueError, match=message):
        load_volume_pairs(tmp_path, **parameters)


def test_folders_that_hold_something_else(tmp_path):
    with pytest.raises(DataLoadingError, match="There is no folder 'nowhere'"):
        load_volume_pairs(tmp_path / "nowhere")
    for plane in ("CT", "MRI"):
        (tmp_path / plane).mkdir()
        np.save(tmp_path / plane / "a.npy", np.eye(8))
    with pytest.raises(DataLoadingError, match="use load_pairs"):
        load_volume_pairs(tmp_path)


def test_volumes_that_do_not_overlap(tmp_path):
    _case(tmp_path, "p1")
    _case(tmp_path, "p2")
    image = nib.load(tmp_path / "p1" / "mr.nii.gz")
    affine = image.affine.copy()
    affine[2, 3] += 500
    _save(tmp_path / "p1" / "mr.nii.gz", image.get_fdata(), affine)
    with pytest.warns(SkippedFilesWarning, match="do the two overlap"):
        assert set(load_volume_pairs(tmp_path).groups) == {"p2"}


def test_plain_data_warn_of_nothing(tmp_path):
    _case(tmp_path, "p1")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pairs = load_volume_pairs(tmp_path)
    assert (pairs.target, pairs.masks, pairs.skipped) == (None, None, [])
    assert pairs.paired is pairs.pairing.paired is not False
    columns = ["slice", "instance", "z_mm", "spacing", "sequence", "kind"]
    assert list(pairs.frame) == ["ct", "mri", "patient", *columns]
    assert pairs.frame["instance"].isna().all()  # DICOM numbers its images, NIfTI doesn't
    assert pairs.frame["z_mm"].tolist() == pairs.data.frame["z_mm"].tolist()
    assert pairs.frame["ct"].unique().tolist() == ["p1/ct.nii.gz"]


def test_spacing_of_a_sheared_grid_is_measured_along_the_normal():
    affine = np.diag([1.0, 1.0, 3.0, 1.0])
    affine[1, 2] = 2.0  # a tilted gantry
    assert canonical(np.zeros((4, 5, 6)), affine).spacing == (3.0, 1.0, 1.0)


def _lesion(folder, points, grid=None):
    """A case with a lesion of one voxel of its own grid at each point; the voxels' centres."""
    _case(folder, "p1")
    shape, affine = grid or _grid(spacing=(1.0, 1.0, 1.0))
    index = np.rint(np.linalg.inv(affine) @ np.c_[points, np.ones(len(points))].T)[:3].astype(int)
    values = np.zeros(shape)
    values[tuple(index)] = 1
    _save(folder / "p1" / "lesion.nii.gz", values, affine, np.uint8)
    return (affine[:3, :3] @ index).T + affine[:3, 3]


@pytest.mark.parametrize("spacing", [None, 1.0, 5.0])
@pytest.mark.parametrize("size", [None, 24])
@pytest.mark.parametrize("grid", [{}, {"codes": "LPI", "tilt": 10.0}])
def test_no_lesion_is_averaged_away(tmp_path, spacing, size, grid):
    points = [[-30.4, 5.4, -13.4], [12.4, -41.4, 4.4], [3.4, 20.4, 11.4]]
    grid = _grid(spacing=(1.0, 1.0, 1.0), **grid)
    centres = _lesion(tmp_path, points, grid)
    pairs = load_volume_pairs(tmp_path, slice_spacing=spacing, size=size, skip_empty=False)
    np.testing.assert_array_equal(pairs.target == -1, pairs.masks.any(axis=(1, 2)))
    mm, step = pairs.frame["spacing"][0], spacing or 4.0
    sick = set(np.flatnonzero(pairs.target == -1))
    height, width = pairs.masks.shape[1:]
    for x, y, z in centres:  # to slice, row, column
        place = (z + 40) / step - 0.5, height / 2 - y / mm - 0.5, width / 2 - x / mm - 0.5
        slab = int(place[0] + 0.5)
        assert pairs.target[slab] == -1
        off = np.abs(np.argwhere(pairs.masks[slab]) - place[1:]).max(axis=1).min()
        assert off <= 0.5 + 1 / mm
        reached = {int((z + 40 + side) / step) for side in (-0.7, 0.7)}
        sick -= {slab, *range(min(reached), max(reached) + 1)}
    assert not sick


def _labels(folder, text):
    (folder / "labels.csv").write_text(text)
    return load_volume_pairs(folder, labels="labels.csv", skip_empty=False)


def test_slices_get_the_label_of_their_patient(tmp_path):
    for name in ("p1", "p2"):
        _case(tmp_path, name)
    for text in ("patient,lesion\np1,1\np2,0\n", "file,target\np1/ct.nii.gz,-1\np2/ct.nii.gz,1\n"):
        pairs = _labels(tmp_path, text)
        assert np.array_equal(pairs.target == -1, pairs.frame["patient"] == "p1")


def test_segmented_slices_keep_their_own_labels(tmp_path):
    _lesion(tmp_path, [[0, 0, 0]])
    pairs = _labels(tmp_path, "patient,lesion\np1,1\n")
    assert set(pairs.target) == {1, -1}
    with pytest.raises(DataLoadingError, match="calls p1 normal, but a lesion is segmented"):
        _labels(tmp_path, "patient,lesion\np1,0\n")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("patient,lesion\np9,1\n", "no row for p1"),
        ("patient,lesion\np1,1\np1,0\n", "calls p1 both normal and anomalous"),
        ("patient,age\np1,40\n", "expected one named 'patient'"),
        ("name,lesion\np1,1\n", "expected one named 'patient'"),
        ("patient,lesion\np1,2\n", "expected 1, true or yes"),
    ],
)
def test_labels_of_volumes_that_say_nothing(tmp_path, text, match):
    _case(tmp_path, "p1")
    with pytest.raises(DataLoadingError, match=match):
        _labels(tmp_path, text)


def test_a_flat_lesion_keeps_its_outline_and_a_thick_one_the_half_of_it(tmp_path):
    _case(tmp_path, "p1")
    shape, affine = _grid(spacing=(1.0, 1.0, 1.0))
    values = np.zeros(shape)
    values[40:60, 60:90, 21] = 1  # 20 x 30 x 1 mm
    values[70:90, 60:90, 42:48] = 1  # reaches 3 mm into each of two slices
    values[66:70, 60:90, 42:44] = 1  # and with an edge 2 mm into one of them
    _save(tmp_path / "p1" / "lesion.nii.gz", values, affine, np.uint8)
    pairs = load_volume_pairs(tmp_path, slice_spacing=5, skip_empty=False)
    area = pairs.masks.sum(axis=(1, 2)) * pairs.frame["spacing"] ** 2
    assert np.flatnonzero(area).tolist() == [4, 8, 9]
    assert area[[4, 8, 9]].tolist() == [600, 600, 600]


def test_a_lesion_beside_the_ct_is_no_healthy_patient(tmp_path):
    _case(tmp_path, "p2")
    _lesion(tmp_path, [[0, 0, 0]])
    image = nib.load(tmp_path / "p1" / "lesion.nii.gz")
    image.affine[2, 3] += 300
    _save(tmp_path / "p1" / "lesion.nii.gz", image.get_fdata(), image.affine, np.uint8)
    with pytest.warns(SkippedFilesWarning, match="lesion: lies outside of the CT"):
        assert set(load_volume_pairs(tmp_path).groups) == {"p2"}
