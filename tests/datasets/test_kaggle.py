"""The Kaggle set: got whole or not at all, and never taken for pairs.

A server on this machine stands in for Kaggle; the client in between is Kaggle's own.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
import warnings
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from kaggle_stand_in import KEYS, kaggle_stand_in, write_archive
from on_disk import reads_from
from real_data import DATA

from ctmri_detect import Pairs
from ctmri_detect.datasets.kaggle.fetch import fetch_kaggle_ct_mri
from ctmri_detect.exceptions import CtmriDetectWarning, DataLoadingError, SkippedFilesWarning

NAME = "ct-to-mri-cgan"
QUICK = {"size": 16, "delay": 0.0}

pytestmark = pytest.mark.filterwarnings("ignore:.*the published set holds")


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "download.zip"
    write_archive(path)
    return path


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty home without any credentials."""
    (tmp_path / "home").mkdir()
    for key in KEYS:
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def server(archive, home, monkeypatch):
    """The stand-in, with this process and its children logged in to it."""
    pytest.importorskip("kagglesdk")
    with kaggle_stand_in(archive) as running:
        for key, value in running.environment(home).items():
            monkeypatch.setenv(key, value)
        monkeypatch.setenv("KAGGLE_USERNAME", "someone")
        monkeypatch.setenv("KAGGLE_KEY", "k3y")
        yield running


def _process(code, *arguments):
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def _fetch(data_home, **options):
    return fetch_kaggle_ct_mri(data_home, **QUICK | options)


def _leftovers(data_home):
    return sorted(path.name for path in data_home.iterdir()) if data_home.exists() else []


def test_download(server, archive, tmp_path, home):
    bunch = _fetch(tmp_path / "data")
    assert bunch.data.shape == (12, 2, 16, 16)
    assert (len(server.asked), len(server.served)) == (1, 1)
    auth, request = server.asked[0]
    assert auth == "Basic c29tZW9uZTprM3k="  # someone:k3y
    assert (request["ownerSlug"], request["datasetSlug"]) == ("darren2020", NAME)
    assert server.served[0][0] is None  # the storage is not told who asks
    assert _leftovers(tmp_path / "data") == [NAME]
    assert list(home.iterdir()) == []
    again = _fetch(tmp_path / "data")
    assert len(server.asked) == 1
    np.testing.assert_array_equal(again.data, bunch.data)


@pytest.mark.parametrize("progress", [True, None])
def test_progress_is_shown_where_it_is_asked_for(server, tmp_path, capsys, progress):
    _fetch(tmp_path / "data", progress=progress)
    said = capsys.readouterr()
    assert said.out == ""
    # without a word: on a terminal only, which this is not
    for words in ("downloading: 100%", "reading: 100%"):
        assert (words in said.err) is bool(progress)


def test_samples_are_single_images_with_one_plane(archive, tmp_path):
    bunch = _fetch(tmp_path / "data", from_archive=archive, size=30)
    assert (bunch.paired, bunch.ct_units) == (False, "uint8")
    assert (bunch.target, bunch.masks, bunch.groups, bunch.skipped) == (None, None, None, [])
    assert isinstance(bunch.data, Pairs)
    assert (bunch.data.groups, bunch.data.spacing, bunch.data.frame) == (None, None, None)
    assert bunch.data.ct_units == "uint8"
    observed = np.isfinite(bunch.data).any(axis=(2, 3))
    frame = bunch.frame
    assert list(frame) == ["ct", "mri", "patient", "slice", "spacing", "sequence", "kind", "split"]
    np.testing.assert_array_equal(observed[:, 0], frame["ct"].notna())
    np.testing.assert_array_equal(observed[:, 1], frame["mri"].notna())
    assert (observed.sum(axis=1) == 1).all()
    assert frame["split"].tolist() == ["train"] * 4 + ["test"] * 4 + ["demo"] * 4
    assert frame["slice"].tolist() == [2, 10] * 6
    assert frame["ct"][0] == "Dataset/images/trainA/ct2.png"
    assert frame["mri"][0] is None
    assert frame[["patient", "spacing", "sequence", "kind"]].isna().all(axis=None)
    assert "NOT PAIRED" in bunch.DESCR
    assert "6 CT and 6 MRI" in bunch.DESCR


def test_heads_keep_their_shape(archive, tmp_path):
    bunch = _fetch(tmp_path / "data", from_archive=archive, size=30)
    mri = bunch.data[2, 1]  # 30 x 20, padded to a square
    assert np.isfinite(mri).any(axis=0).tolist() == [False] * 5 + [True] * 20 + [False] * 5
    content = (tmp_path / "data" / NAME / bunch.frame["mri"][2]).read_bytes()
    colour = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    grey = cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY)
    np.testing.assert_allclose(mri[:, 5:25], grey, atol=2)


@pytest.mark.parametrize(("subset", "n"), [("train", 4), ("test", 4), ("demo", 4), ("all", 12)])
def test_subset_and_cache_give_the_same(archive, tmp_path, subset, n):
    every = _fetch(tmp_path / "data", from_archive=archive)
    some = _fetch(tmp_path / "data", subset=subset, cache=tmp_path / "cache.npy")
    assert reads_from(some.data, tmp_path / "cache.npy")
    assert len(some.data) == len(some.frame) == n
    rows = (every.frame["split"] == subset) | (subset == "all")
    np.testing.assert_array_equal(some.data, every.data[rows])


def test_what_cannot_be_read_is_listed(tmp_path):
    path = tmp_path / "download.zip"
    write_archive(path, **{
        "Dataset/images/trainA/ct3.png": b"no image",
        "Dataset/images/trainA/Thumbs.db": b"no image either",
        "__MACOSX/Dataset/images/trainA/._ct2.png": b"nor this",
    })  # fmt: skip
    with pytest.warns(SkippedFilesWarning, match=r"1 images .*ct3\.png"):
        bunch = _fetch(tmp_path / "data", from_archive=path)
    assert [name for name, _ in bunch.skipped] == ["Dataset/images/trainA/ct3.png"]
    assert len(bunch.data) == len(bunch.frame) == 12
    assert np.isfinite(bunch.data).any(axis=(1, 2, 3)).all()


@pytest.mark.parametrize(("options", "match"), [
    ({"subset": "val"}, "subset is 'val'"),
    ({"size": 0}, "size is 0"),
    ({"size": True}, "size is True"),
    ({"cache": "x.txt"}, "npy"),
])  # fmt: skip
def test_bad_parameters(tmp_path, options, match):
    with pytest.raises(ValueError, match=match):
        _fetch(tmp_path, **options)


def test_not_there_and_not_to_be_downloaded(server, tmp_path):
    with pytest.raises(OSError, match="download_if_missing"):
        _fetch(tmp_path / "data", download_if_missing=False)
    assert (server.asked, _leftovers(tmp_path / "data")) == ([], [])


def test_no_credentials_and_the_process_lives(server, tmp_path, monkeypatch):
    monkeypatch.delenv("KAGGLE_KEY")
    code = (
        "import sys; from ctmri_detect.datasets.kaggle.fetch import fetch_kaggle_ct_mri\n"
        "try: fetch_kaggle_ct_mri(sys.argv[1])\n"
        "except PermissionError as error: print(error)\n"
        "assert not {'kaggle', 'kagglesdk', 'requests'} & set(sys.modules)\n"
        "print('alive')"
    )
    out, err = _process(code, tmp_path / "data").communicate(timeout=60)
    assert err == ""
    for words in ("~/.kaggle/kaggle.json", "Settings > API", "chmod 600", "--from-archive", "\nal"):
        assert words in out
    assert (server.asked, _leftovers(tmp_path / "data")) == ([], [])


def test_the_client_neither_prints_nor_logs_in_at_import(server, tmp_path):
    code = (
        "import sys; from ctmri_detect.datasets.kaggle.fetch import fetch_kaggle_ct_mri\n"
        "fetch_kaggle_ct_mri(sys.argv[1], size=16)\n"
        "assert 'kaggle' not in sys.modules and 'kagglesdk' in sys.modules"
    )
    child = _process(code, tmp_path / "data")
    assert (child.communicate(timeout=60), child.returncode) == (("", ""), 0)


def test_the_client_is_not_installed(server, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "kagglesdk", None)
    with pytest.raises(ImportError, match=r"ctmri_detect\[kaggle\]"):
        _fetch(tmp_path / "data")
    assert _leftovers(tmp_path / "data") == []


def _write_private(path, text, mode=0o600):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


KEY_FILE = '{"username": "someone", "key": "k3y"}'
LOGIN = (
    '{"refresh_token": "r", "access_token": "t0ken", "username": "someone", '
    '"access_token_expiration": "2999-01-01T00:00:00+00:00"}'
)
BASIC, BEARER = "Basic c29tZW9uZTprM3k=", "Bearer t0ken"


@pytest.mark.parametrize(
    ("file", "text", "environment", "sent"),
    [
        (".kaggle/kaggle.json", KEY_FILE, {}, BASIC),
        (".config/kaggle/kaggle.json", KEY_FILE, {}, BASIC),
        ("mine/kaggle.json", KEY_FILE, {"KAGGLE_CONFIG_DIR": "{home}/mine"}, BASIC),
        (".kaggle/kaggle.json", '{"username": "x", "key": "k3y"}',
         {"KAGGLE_USERNAME": "someone"}, BASIC),
        ("unused", "", {"KAGGLE_API_TOKEN": "t0ken"}, BEARER),
        ("token", "t0ken\n", {"KAGGLE_API_TOKEN": "{home}/token"}, BEARER),
        (".kaggle/access_token", "t0ken\n", {}, BEARER),
        (".kaggle/credentials.json", LOGIN, {}, BEARER),
    ],
)  # fmt: skip
def test_where_credentials_may_be(
    server, tmp_path, home, monkeypatch, file, text, environment, sent
):
    for key in ("KAGGLE_USERNAME", "KAGGLE_KEY"):
        monkeypatch.delenv(key)
    for key, value in environment.items():
        monkeypatch.setenv(key, value.format(home=home))
    _write_private(home / file, text)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "can be read by other users")
        _fetch(tmp_path / "data")
    assert server.asked[0][0] == sent


def test_a_key_that_others_can_read(server, tmp_path, home, monkeypatch):
    monkeypatch.delenv("KAGGLE_KEY")
    _write_private(home / ".kaggle" / "kaggle.json", KEY_FILE, 0o644)
    with pytest.warns(CtmriDetectWarning, match=r"chmod 600 ~/\.kaggle/kaggle\.json"):
        _fetch(tmp_path / "data")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"username": "someone"}', '{"key": 3}'])
def test_a_key_file_that_is_none(home, tmp_path, text):
    _write_private(home / ".kaggle" / "kaggle.json", text)
    with pytest.raises(PermissionError, match=r"kaggle\.json holds no user name and key"):
        _fetch(tmp_path / "data")


@pytest.mark.parametrize(("status", "kind", "match", "asked"), [
    (401, PermissionError, "refused the credentials in KAGGLE_USERNAME and KAGGLE_KEY", 1),
    (403, PermissionError, "terms may not be accepted", 1),
    (404, OSError, "no data set darren2020", 1),
    (503, OSError, "HTTP 503", 3),
])  # fmt: skip
def test_kaggle_refuses(server, tmp_path, status, kind, match, asked):
    server.status = status
    with pytest.raises(kind, match=match) as raised:
        _fetch(tmp_path / "data", n_retries=2)
    assert "from-archive" in str(raised.value)
    assert "k3y" not in str(raised.value)
    assert len(server.asked) == asked
    assert _leftovers(tmp_path / "data") == []


def test_the_signed_address_is_told_to_nobody(server, tmp_path):
    server.storage_status = 500
    with pytest.raises(OSError, match="HTTP 500") as raised:
        _fetch(tmp_path / "data", n_retries=0)
    assert "s3cret" not in "".join(traceback.format_exception(raised.value))


def test_no_network(server, tmp_path, monkeypatch):
    for key in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(key, "http://127.0.0.1:9")  # nobody listens there
    with pytest.raises(OSError, match=r"refused.*Check the network"):
        _fetch(tmp_path / "data", n_retries=1)


@pytest.fixture
def long_server(server, archive):
    """The stand-in with an archive that comes in several blocks, and breaks off in the third."""
    write_archive(archive, long=np.random.default_rng(1).bytes(3 << 20))
    server.cuts = [5 << 19]
    return server


def test_a_cut_is_mended_by_the_next_attempt(long_server, tmp_path):
    _fetch(tmp_path / "data", n_retries=1)
    assert long_server.served[-1][1] == 2 << 20
    assert _leftovers(tmp_path / "data") == [NAME]


def test_a_cut_is_mended_by_the_next_call(long_server, tmp_path):
    with pytest.raises(OSError, match="download from Kaggle failed") as raised:
        _fetch(tmp_path / "data", n_retries=0)
    assert "s3cret" not in "".join(traceback.format_exception(raised.value))
    assert NAME not in _leftovers(tmp_path / "data")
    _fetch(tmp_path / "data")
    assert long_server.served[-1][1] == 2 << 20


def test_another_archive_is_not_glued_to_the_first_half(long_server, archive, tmp_path):
    with pytest.raises(OSError, match="failed"):
        _fetch(tmp_path / "data", n_retries=0)
    long_server.etag = '"v2"'
    write_archive(archive, long=b"other" * (1 << 20))
    _fetch(tmp_path / "data")
    assert long_server.served[-1][1] == 0
    assert (tmp_path / "data" / NAME / "long").read_bytes()[:5] == b"other"


FETCH = (
    "import sys; from ctmri_detect.datasets.kaggle.fetch import fetch_kaggle_ct_mri\n"
    "fetch_kaggle_ct_mri(sys.argv[1], size=16)\n"
)


def test_killed_while_downloading(long_server, archive, tmp_path):
    long_server.stall = True
    child = _process(FETCH, tmp_path / "data")
    assert long_server.stalled.wait(timeout=60)
    part = tmp_path / "data" / f".{NAME}.partial" / "archive.zip.part"
    while not part.exists() or part.stat().st_size < 2 << 20:
        assert child.poll() is None
        time.sleep(0.01)
    child.kill()
    child.communicate()
    assert child.returncode == -signal.SIGKILL
    assert NAME not in _leftovers(tmp_path / "data")
    long_server.stall = False
    got = _fetch(tmp_path / "data")
    assert long_server.served[-1][1] == 2 << 20
    assert _leftovers(tmp_path / "data") == [NAME]
    np.testing.assert_array_equal(got.data, _fetch(tmp_path / "other", from_archive=archive).data)


@pytest.mark.parametrize(("event", "words"), [("open", "testB"), ("os.rename", "unpacked")])
def test_killed_while_unpacking(server, archive, tmp_path, event, words):
    hook = (
        "import os, signal, sys\n"
        "def kill(event, args):\n"
        "    if event == sys.argv[2] and sys.argv[3] in str(args[0]) and 'unp' in str(args[0]):\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "sys.addaudithook(kill)\n"
    )
    child = _process(hook + FETCH, tmp_path / "data", event, words)
    child.communicate(timeout=60)
    assert child.returncode == -signal.SIGKILL
    assert NAME not in _leftovers(tmp_path / "data")
    got = _fetch(tmp_path / "data")
    assert len(server.served) == 1  # the complete download is used
    assert _leftovers(tmp_path / "data") == [NAME]
    np.testing.assert_array_equal(got.data, _fetch(tmp_path / "other", from_archive=archive).data)


def test_two_processes_at_once(long_server, tmp_path):
    long_server.stall = True
    hook = (
        "import sys\n"
        "def tell(event, args):\n"
        "    if event in ('fcntl.flock', 'socket.connect'): print(event, flush=True)\n"
        "sys.addaudithook(tell)\n"
    )
    first = _process(FETCH, tmp_path / "data")
    assert long_server.stalled.wait(timeout=60)
    second = _process(hook + FETCH, tmp_path / "data")
    try:
        assert second.stdout.readline() == "fcntl.flock\n"
        long_server.release.set()
        assert [child.communicate(timeout=60) for child in (first, second)] == [("", "")] * 2
    finally:
        first.kill()
        second.kill()
    assert len(long_server.served) == 1


def test_no_space_left(server, archive, tmp_path):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
    child = _process(limit + FETCH, tmp_path / "data")
    assert "OSError: There is no space left" in child.communicate(timeout=60)[1]
    _fetch(tmp_path / "data")
    assert _leftovers(tmp_path / "data") == [NAME]


@pytest.mark.parametrize("content", [b"<html>log in</html>", b"PK\3\4 but no more"])
def test_what_came_is_no_archive(server, archive, tmp_path, content):
    archive.write_bytes(content)
    with pytest.raises(DataLoadingError, match="no zip file"):
        _fetch(tmp_path / "data")
    assert _leftovers(tmp_path / "data") == []  # the next call begins anew


def test_archives_that_are_not_this_set(archive, tmp_path):
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(other, "w") as zipped:
        zipped.writestr("Dataset/images/trainA/ct1.png", "1")
    with pytest.raises(DataLoadingError, match="none in B of train"):
        _fetch(tmp_path / "data", from_archive=other)
    write_archive(archive, **{"../../evil.txt": b"evil"})
    with pytest.raises(DataLoadingError, match="evil"):
        _fetch(tmp_path / "data", from_archive=archive)
    with pytest.raises(FileNotFoundError, match="There is no file"):
        _fetch(tmp_path / "data", from_archive=tmp_path / "none.zip")
    assert _leftovers(tmp_path / "data") == []
    assert not list(tmp_path.rglob("evil*"))


@pytest.mark.filterwarnings("default:.*the published set holds")
def test_a_part_of_the_set_says_so(archive, tmp_path):
    with pytest.warns(CtmriDetectWarning, match="holds 2 CT in train.* set holds 1742 CT"):
        _fetch(tmp_path / "data", from_archive=archive)


def test_the_archive_that_is_already_there(archive, tmp_path):
    _fetch(tmp_path / "data", from_archive=archive)
    _fetch(tmp_path / "data", from_archive=archive)
    write_archive(archive, more=b"more")
    with pytest.raises(DataLoadingError, match="another archive"):
        _fetch(tmp_path / "data", from_archive=archive)


def _grow(path):
    path.write_bytes(path.read_bytes() + b"1")


def _flip(path):
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


@pytest.mark.parametrize(("file", "spoil", "match"), [
    ("manifest.json", Path.unlink, r"no manifest\.json"),
    ("manifest.json", _grow, "can't be read"),
    ("Dataset/images/testB/mri2.jpg", Path.unlink, r"mri2\.jpg is missing"),
    ("Dataset/images/testB/mri2.jpg", _grow, r"mri2\.jpg .*differs"),
    ("Dataset/images/testB/mri2.jpg", _flip, r"mri2\.jpg .*differs"),
])  # fmt: skip
def test_a_folder_that_changed(archive, tmp_path, file, spoil, match):
    _fetch(tmp_path / "data", from_archive=archive)
    spoil(tmp_path / "data" / NAME / file)
    # what is not loaded is looked at too, as far as that is cheap
    subset = "test" if spoil is _flip else "demo"
    with pytest.raises(DataLoadingError, match=match + ".*delete that folder and fetch again"):
        _fetch(tmp_path / "data", subset=subset)
    shutil.rmtree(tmp_path / "data" / NAME)
    _fetch(tmp_path / "data", from_archive=archive)


def test_default_folder(archive, home, tmp_path, monkeypatch):
    _fetch(None, from_archive=archive, subset="demo")
    assert (home / "ctmri_detect_data" / NAME / "manifest.json").is_file()
    monkeypatch.setenv("CTMRI_DETECT_DATA", str(tmp_path / "data"))
    with pytest.raises(OSError, match="download_if_missing"):
        _fetch(None, download_if_missing=False)


@pytest.mark.skipif(not (DATA / "kaggle_layout").exists(), reason="no real images here")
def test_real_images(tmp_path):
    path = shutil.make_archive(str(tmp_path / "real"), "zip", DATA / "kaggle_layout")
    bunch = fetch_kaggle_ct_mri(tmp_path / "data", from_archive=path, size=64)
    counts = bunch.frame.groupby("split")[["ct", "mri"]].count()
    assert counts.loc["train"].tolist() == [90, 90]
    assert counts.loc["test"].tolist() == [64, 70]
    assert counts.loc["demo"].tolist() == [3, 3]
    assert (bunch.data.shape, bunch.skipped) == ((320, 2, 64, 64), [])
    assert np.nanmin(bunch.data) >= 0
    assert np.nanmax(bunch.data) < 255.01
