"""Pairs on their way to memory or disk, and files that are written whole or not at all."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ctmri_detect.storage.pair_store import PairStore
from ctmri_detect.storage.whole import whole_file, write_whole

PAIRS = np.arange(50, dtype=np.float32)[:, None, None, None] * np.ones((2, 512, 512), np.float32)


@pytest.mark.parametrize("place", ["memory", "file"])
@pytest.mark.parametrize("block", [1, 7, 45, 50])
def test_blocks_of_any_size_come_back_as_they_went_in(place, block, tmp_path):
    with PairStore(tmp_path / "a.npy" if place == "file" else None) as store:
        for start in range(0, len(PAIRS), block):  # 100 MiB: more than one piece of memory
            store.append(PAIRS[start : start + block])
    assert store.shape == PAIRS.shape[1:]
    for found in (store.data(), store.data()):
        assert isinstance(found, np.memmap) == (place == "file")
        assert_array_equal(found, PAIRS)


def test_what_is_given_may_be_changed_afterwards():
    block = np.ones((3, 2, 4, 4), np.float32)
    with PairStore(None) as store:
        store.append(block)
        block[:] = 0
        store.append(block[:1])
    assert store.data()[:, 0, 0, 0].tolist() == [1, 1, 1, 0]


def test_an_error_leaves_no_file_and_a_bad_path_is_refused_at_once(tmp_path):
    def fail(store):
        with store:
            store.append(PAIRS[:2])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail(PairStore(tmp_path / "a.npy"))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "a.npy").write_bytes(b"old")
    with pytest.raises(FileExistsError):
        PairStore(tmp_path / "a.npy")
    with pytest.raises(KeyboardInterrupt):
        fail(PairStore(tmp_path / "a.npy", overwrite=True))
    assert (tmp_path / "a.npy").read_bytes() == b"old"
    with pytest.raises(ValueError, match=r"\.npy"):
        PairStore(tmp_path / "a.txt")


def half_written(path, **options):
    with whole_file(path, **options) as file:
        file.write(b"half")
        raise OSError("no space")


def test_a_file_holds_the_old_content_or_the_new(tmp_path):
    path = tmp_path / "a.json"
    with pytest.raises(OSError, match="no space"):
        half_written(path)
    assert list(tmp_path.iterdir()) == []
    write_whole(path, b"one, ", memoryview(b"two"))
    with pytest.raises(OSError, match="no space"):
        half_written(path)
    assert path.read_bytes() == b"one, two"
    write_whole(path, b"three")
    assert path.read_bytes() == b"three"
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_of_another_process_is_left_alone(tmp_path):
    path, beside = tmp_path / "a.json", tmp_path / "a.partial"
    beside.write_bytes(b"theirs")
    with pytest.raises(FileExistsError):
        half_written(path, beside=beside)

    def replaced():
        with whole_file(path, beside) as file:
            file.write(b"ours")
            beside.unlink()
            beside.write_bytes(b"theirs")

    beside.unlink()
    with pytest.raises(FileExistsError, match="another process"):
        replaced()
    assert beside.read_bytes() == b"theirs"
    assert not path.exists()
