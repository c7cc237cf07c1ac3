"""Unpacking what nobody vouches for: all or nothing, and never outside."""

from __future__ import annotations

import copy
import hashlib
import io
import stat
import struct
import zipfile

import pytest

from ctmri_detect.datasets.kaggle.unpack import copy_limited, unpack_zip
from ctmri_detect.exceptions import DataLoadingError


@pytest.fixture
def place(tmp_path):
    """A folder to unpack in, deep enough that an escape would land inside tmp_path."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    return tmp_path


def _zip(place, *entries):
    path = place / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for entry, content in entries:
            zipped.writestr(entry, content)
    return path


def _unpack(place, path, max_bytes=10_000, max_files=20):
    return unpack_zip(path, place / "a" / "b" / "out", max_bytes=max_bytes, max_files=max_files)


def _refuses(place, path, match, **limits):
    before = sorted(place.rglob("*"))
    with pytest.raises(DataLoadingError, match=match):
        _unpack(place, path, **limits)
    assert sorted(place.rglob("*")) == before  # nothing outside, nothing left


def test_everything_arrives_as_it_was(place):
    path = _zip(place, ("top/", ""), ("top/one.txt", "1"), ("./top//deep/two.txt", "22"))
    files = _unpack(place, path)
    out = place / "a" / "b" / "out"
    assert {n: (out / n).read_text() for n in files} == {
        "top/one.txt": "1",
        "top/deep/two.txt": "22",
    }
    assert files["top/one.txt"] == (hashlib.sha256(b"1").hexdigest(), 1)


def test_backslashes_of_old_windows_tools_are_folders(place):
    path = _zip(place, ("top_one.txt", "1"))
    path.write_bytes(path.read_bytes().replace(b"top_one", b"top\\one"))
    assert list(_unpack(place, path)) == ["top/one.txt"]


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("../evil.txt", "could leave"),
        ("fine/../../evil.txt", "could leave"),
        ("..\\evil.txt", "could leave"),
        ("fine/.. /evil.txt", "could leave"),
        ("/evil.txt", "absolute"),
        ("\\\\server\\evil.txt", "absolute"),
        ("C:evil.txt", "drive"),
        ("C:\\evil.txt", "drive"),
        ("fine.txt:stream", "stream"),
        ("evil\n.txt", "control"),
    ],
)
def test_names_that_lead_elsewhere(place, name, match):
    _refuses(place, _zip(place, ("fine.txt", "1"), (name, "2")), match)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_special_files(place, kind):
    link = zipfile.ZipInfo("link")
    link.external_attr = (kind | 0o777) << 16
    _refuses(place, _zip(place, (link, ".."), ("link/evil.txt", "1")), "a link or a special file")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("names", "match"),
    [
        (("a.txt", "a.txt"), "comes twice"),
        (("a.txt", "A.TXT"), "comes twice"),
        (("\u00e9.txt", "e\u0301.txt"), "comes twice"),
        (("a.txt", "./a.txt"), "comes twice"),
        (("a", "A/b.txt"), "both a file and a folder"),
    ],
)
def test_two_names_that_are_one_somewhere(place, names, match):
    _refuses(place, _zip(place, *((name, "1") for name in names)), match)


def test_encrypted(place):
    path = _zip(place, ("a.txt", "1"))
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(content)
    _refuses(place, path, "encrypted")


def test_limits(place):
    path = _zip(place, ("a.txt", "1" * 60), ("b.txt", "2" * 60))
    _refuses(place, path, "120 bytes, more than 119", max_bytes=119)
    _refuses(place, path, "2 entries, more than 1", max_files=1)
    assert len(_unpack(place, path, max_bytes=120, max_files=2)) == 2


def test_a_bomb_that_stays_below_the_limit(place):
    path = _zip(place, ("a.txt", bytes(3 << 20)))
    _refuses(place, path, "grows from", max_bytes=1 << 30)


def test_a_bomb_that_lies_about_its_size(place):
    path = _zip(place, ("a.txt", bytes(1 << 20)))
    content = path.read_bytes()
    size = struct.pack("<L", 1 << 20)
    assert content.count(size) == 2
    path.write_bytes(content.replace(size, struct.pack("<L", 100)))
    _refuses(place, path, "damaged")


def test_the_limit_holds_for_what_comes_out():
    with pytest.raises(DataLoadingError, match="more bytes"):
        copy_limited(io.BytesIO(b"123"), io.BytesIO(), 2)


def test_entries_that_share_their_bytes(place):
    path = place / "x.zip"
    with zipfile.ZipFile(path, "w") as zipped:
        zipped.writestr("a.txt", bytes(range(250)) * 12)
        for name in ("b.txt", "c.txt"):
            double = copy.copy(zipped.infolist()[0])
            double.filename = name
            zipped.filelist.append(double)
    _refuses(place, path, "share the same bytes")


@pytest.mark.parametrize("spoil", [
    lambda content: b"<html>log in</html>",
    lambda content: b"",
    lambda content: content[: len(content) // 2],
    lambda content: content.replace(b"fine words", b"fine wOrds"),
])  # fmt: skip
def test_no_zip_cut_or_damaged(place, spoil):
    path = place / "x.zip"
    with zipfile.ZipFile(path, "w") as zipped:
        zipped.writestr("first.txt", "1")
        zipped.writestr("a.txt", "fine words")
    path.write_bytes(spoil(path.read_bytes()))
    _refuses(place, path, "damaged, cut short or no zip file")


def test_empty(place):
    _refuses(place, _zip(place, ("folder/", "")), "holds no files")


def test_a_folder_that_is_there_is_left_alone(place):
    out = place / "a" / "b" / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError):
        _unpack(place, _zip(place, ("a.txt", "1")))
    assert [path.name for path in out.iterdir()] == ["mine.txt"]
