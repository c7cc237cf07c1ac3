"""The inspection page: whole, self-contained, honest about what it shows, and nameless."""

from __future__ import annotations

import base64
import re
from itertools import pairwise

import cv2
import numpy as np
import pytest
from page_reader import read
from PIL import Image
from scipy.ndimage import gaussian_filter

from ctmri_detect.inspection.describe import describe_pairs
from ctmri_detect.inspection.images import moved_panel, overlays, square, volume_views
from ctmri_detect.inspection.page import write_inspection
from ctmri_detect.inspection.tables import overview, sizes, statistics
from ctmri_detect.io.volumes.volume import canonical

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")
SIZE = 64
NASTY = "<b>p9_1 & co"


def head(seed, contrast=1):
    y, x = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j]
    r = np.hypot(y / 0.85, x / 0.7)
    tissue = gaussian_filter(np.random.default_rng(seed).normal(size=(SIZE, SIZE)), 2)
    brain = 120 + contrast * 45 * tissue / tissue.std()
    return np.clip(np.select([r < 0.85, r < 1], [brain, 130 + 110 * contrast], 0), 0, 255)


def write_pairs(folder, n=10, mri_of=lambda i: i):
    for plane in ("CT", "MRI"):
        (folder / plane).mkdir(parents=True)
    for i in range(n):
        name = f"p{i // 2}_{i % 2}.png"
        cv2.imwrite(str(folder / "CT" / name), head(i).astype(np.uint8))
        cv2.imwrite(str(folder / "MRI" / name), head(mri_of(i), -1).astype(np.uint8))
    return folder


def page_of(folder, path):
    return write_inspection(describe_pairs(folder), folder, path).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """Pairs with everything wrong that can be: the page has every section."""
    folder = write_pairs(tmp_path_factory.mktemp("secret") / "odd")
    (folder / "CT" / f"{NASTY}.png").write_bytes((folder / "CT" / "p0_0.png").read_bytes())
    (folder / "MRI" / f"{NASTY}.png").write_bytes(b"broken")
    moved = np.roll(head(5, -1), (2, -2), axis=(0, 1)).astype(np.uint8)
    cv2.imwrite(str(folder / "MRI" / "p2_1.png"), moved)
    cv2.imwrite(str(folder / "CT" / "p3_0.png"), cv2.resize(head(6), (80, 70)).astype(np.uint8))
    return folder, page_of(folder, folder.parent / "new" / "page.html")


def test_the_page_is_whole_and_has_every_section(odd):
    folder, page = odd
    reader = read(page)
    found = describe_pairs(folder)
    headings = ("Findings", "Overview", "Sample images", "Intensities", "Sizes",
                "Do CT and MRI fit?", "Duplicate images", "can't be used")  # fmt: skip
    for heading in headings:
        assert heading in reader.text
    text = " ".join(reader.text.split())
    for _, finding in found.findings:
        assert " ".join(finding.split()) in text
    assert f"CT/{NASTY}.png" in reader.text
    assert reader.tags.count("h1") == 1
    assert reader.tags.count("script") == 0
    assert reader.text.count("not a medical device") == 1
    moved = re.search(
        r"p2_1\.png\s+The MRI seems shifted (\S+) pixels down and (\S+) pixels to the left", text
    )
    assert moved
    assert [float(n) for n in moved.groups()] == pytest.approx([2, 2], abs=0.4)


def test_nothing_is_loaded_and_no_path_is_shown(odd):
    folder, page = odd
    for tag, name, value in read(page).attributes:
        if name in ("src", "srcset", "href", "data", "action"):
            assert value.startswith("data:image/"), (tag, name, value[:40])
    assert "@import" not in page
    assert not re.search(r"url\(", page)
    assert folder.parent.name not in page


def test_images_have_alternative_text_and_tables_captions(odd):
    reader = read(odd[1])
    alts = [value for tag, name, value in reader.attributes if (tag, name) == ("img", "alt")]
    assert len(alts) == reader.tags.count("img")
    assert all(alts)
    assert reader.tags.count("caption") == reader.tags.count("table")
    levels = [int(tag[1]) for tag in reader.tags if re.fullmatch(r"h\d", tag)]
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_the_page_looks_like_the_report(odd):
    style = odd[1].partition("<style>")[2].partition("</style>")[0]
    assert "prefers-color-scheme: dark" in style
    assert ".panels" in style


def test_strangers_are_shown_apart(tmp_path):
    write_pairs(tmp_path / "x", n=12, mri_of=lambda i: 50 + i)
    reader = read(page_of(tmp_path / "x", tmp_path / "page.html"))
    assert "do not belong together" in reader.text
    assert "Checkerboard" not in reader.text
    assert "Do CT and MRI fit?" not in reader.text
    assert "12 pairs by name only, 0 files without a partner" in reader.text


def test_a_sound_folder_makes_a_short_page(tmp_path):
    write_pairs(tmp_path / "x", n=12)
    reader = read(page_of(tmp_path / "x", tmp_path / "page.html"))
    for absent in ("Duplicate images", "can't be used", "Error"):
        assert absent not in reader.text
    assert "All files are 64 x 64" in reader.text


def test_the_statistics_are_those_of_the_pixels_with_the_background_and_without(tmp_path):
    write_pairs(tmp_path / "x", n=4)
    found = describe_pairs(tmp_path / "x")
    rows = {name: [float(cell) for cell in cells] for name, *cells in statistics(found)["rows"]}
    for plane in ("CT", "MRI"):
        files = sorted((tmp_path / "x" / plane).iterdir())
        values = np.stack([cv2.imread(str(file), cv2.IMREAD_UNCHANGED) for file in files])
        for name, seen in (("all pixels", values), ("without background", values[values > 12])):
            expected = [seen.min(), seen.max(), seen.mean(), seen.std(), np.median(seen)]
            # the least value and the median come from a sample
            np.testing.assert_allclose(rows[f"{plane}, {name}"], expected, rtol=0.05, atol=2)
    assert rows["CT, all pixels"][2:4] == pytest.approx(
        found.modalities.loc["CT", ["mean", "std"]].tolist(), rel=1e-3
    )


def test_values_beyond_their_type_are_said_to_be_scaled(tmp_path):
    nib = pytest.importorskip("nibabel")
    (tmp_path / "a").mkdir()
    for name, slope in (("ct", 1.0), ("mr", 10.0)):
        stored = np.random.default_rng(0).integers(0, 255, (12, 12, 12)).astype(np.uint8)
        image = nib.Nifti1Image(stored, np.eye(4))
        image.header.set_slope_inter(slope, 0.0)
        nib.save(image, tmp_path / "a" / f"{name}.nii.gz")
    rows = {name: cells for name, *cells in overview(describe_pairs(tmp_path))["rows"]}
    assert rows["Stored as"] == ["uint8", "uint8, scaled by the file's header"]


def test_volumes_that_differ_in_slices_only_need_no_chart(tmp_path):
    nib = pytest.importorskip("nibabel")
    (tmp_path / "a").mkdir()
    for name, depth in (("ct", 10), ("mr", 20)):
        stored = np.random.default_rng(0).normal(100, 20, (12, 14, depth)).astype(np.float32)
        nib.save(nib.Nifti1Image(stored, np.eye(4)), tmp_path / "a" / f"{name}.nii.gz")
    part = sizes(describe_pairs(tmp_path))
    assert part["chart"] is None
    assert "resampled on the grid of its CT" in part["text"]
    assert [row[:2] for row in part["table"]["rows"]] == [
        ["CT", "12 x 14 x 10"], ["MRI", "12 x 14 x 20"]]  # fmt: skip


def pixels(panel):
    data = base64.b64decode(panel["src"].partition(",")[2])
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


def test_volumes_stand_upright_and_as_wide_as_they_are():
    nib = pytest.importorskip("nibabel")
    assert nib
    stored = np.zeros((40, 60, 20), np.float32)  # right, front, top; voxels of 2 x 2 x 4 mm
    stored[5:35, 5:55, 2:18] = 50
    stored[28:34, 46:54, 14:18] = 200  # on the patient's right, at the front, at the top
    volume = canonical(stored, np.diag([2.0, 2.0, 4.0, 1.0]))
    views = volume_views(volume, "MRI", None)
    assert [v["label"] for v in views[:3]] == ["Axial", "Coronal", "Sagittal"]
    assert len(views) == 8
    axial, coronal, sagittal = (
        square(volume.values[16], (2, 2)),
        pixels(volume_views(_only(volume, "coronal"), "MRI", None)[1]),
        pixels(volume_views(_only(volume, "sagittal"), "MRI", None)[2]),
    )
    top_left = [plane[: len(plane) // 2, : plane.shape[1] // 2] for plane in
                (axial, coronal[..., 0], sagittal[..., 0])]  # fmt: skip
    for plane, part in zip((axial, coronal[..., 0], sagittal[..., 0]), top_left, strict=True):
        assert part.max() == pytest.approx(plane.max(), abs=12)
        rest = plane.copy()
        rest[: len(plane) // 2, : plane.shape[1] // 2] = 0
        assert rest.max() < 0.6 * plane.max()
    assert coronal.shape[0] / coronal.shape[1] == pytest.approx(80 / 80, abs=0.05)
    assert sagittal.shape[0] / sagittal.shape[1] == pytest.approx(80 / 120, abs=0.05)


def _only(volume, view):
    """The bright block brought into the middle slice of a view."""
    axis = {"coronal": 1, "sagittal": 2}[view]
    top = volume.values.max(axis=axis, keepdims=True)
    return type(volume)(np.repeat(top, volume.values.shape[axis], axis=axis), volume.affine)


def test_overlays_show_which_modality_is_brighter():
    ct, mri = np.zeros((64, 64)), np.zeros((64, 64))
    ct[:, :32] = 255
    mri[:, 32:] = 100
    _, difference = (pixels(p) for p in overlays(ct, mri, "uint8", "a"))
    left = difference[32, 16].astype(int)
    assert left[2] > left[0] + 50  # orange where the CT is brighter
    other = difference[32, 100 * difference.shape[1] // 128].astype(int)
    assert other[0] > other[2] + 50  # blue where the MRI is
    equal = [pixels(p) for p in overlays(ct, ct / 2.55, "uint8", "a")]
    assert equal[1].max() < 30


def test_the_outline_is_that_of_the_ct_without_its_headrest():
    ct = np.zeros((128, 128))
    ct[20:100, 30:90] = 200
    ct[110:112, 20:110] = 250
    image = pixels(moved_panel(ct, np.full((128, 128), 50.0), "uint8", "a"))
    tinted = np.ptp(image.astype(int), axis=2) > 60
    assert tinted[20, 40:80].mean() > 0.9
    assert not tinted[106:].any()


def test_a_turned_picture_that_is_badly_registered_is_shown(tmp_path):
    folder = write_pairs(tmp_path / "turned")
    moved = np.roll(head(5, -1), (2, -2), axis=(0, 1)).astype(np.uint8)
    cv2.imwrite(str(folder / "MRI" / "p2_1.png"), moved)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    for path in folder.glob("*/*.png"):
        stored = np.rot90(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
        Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif)
    assert "outline of the CT" in page_of(folder, tmp_path / "page.html")


def test_slices_beside_volumes_are_no_samples(tmp_path):
    nib = pytest.importorskip("nibabel")
    for name in ("ct", "mr"):
        stack = np.stack([head(i).astype(np.int16) for i in range(4)], axis=2)
        (tmp_path / "1BA001").mkdir(exist_ok=True)
        nib.save(nib.Nifti1Image(stack, np.diag([4, 4, 5, 1])), tmp_path / f"1BA001/{name}.nii.gz")
    (tmp_path / "MRI").mkdir()
    cv2.imwrite(str(tmp_path / "MRI" / "a.png"), head(0).astype(np.uint8))
    (tmp_path / "1BA001" / "mr.nii.gz").unlink()
    assert "1BA001/ct.nii.gz" in page_of(tmp_path, tmp_path / "new" / "page.html")
