"""Prepared pairs on disk: whole or not there, the same however they are batched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from ctmri_detect import AtlasDetector
from ctmri_detect.exceptions import BrainNotFoundWarning, InvalidPairsError
from ctmri_detect.preprocessing import (
    BrainMask,
    CropOrPad,
    CTWindow,
    HeadAligner,
    HistogramStandardizer,
    MRIScaler,
    PairWriter,
    Resize,
    transform_to,
)


@pytest.fixture
def X():
    X = np.random.default_rng(0).gamma(2.0, 30.0, size=(21, 2, 24, 20))
    X[:, :, :3] = np.nan
    X[4, 1] = np.nan
    return X


def _names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_writer_gives_a_read_only_numpy_file(tmp_path):
    blocks = [np.random.default_rng(i).normal(size=(i, 2, 5, 7)) for i in (3, 1, 0, 12)]
    with PairWriter(tmp_path / "x.npy", shape=(2, 5, 7)) as writer:
        for block in blocks:
            writer.append(block[:, ::-1][:, ::-1])
            assert _names(tmp_path) == ["x.npy.partial"]
    stored = writer.open()
    assert isinstance(stored, np.memmap)
    assert not stored.flags.writeable
    assert stored.dtype == np.float32
    assert writer.n_samples == 16
    assert_array_equal(stored, np.concatenate(blocks).astype(np.float32))
    assert_array_equal(np.load(tmp_path / "x.npy"), stored)
    assert _names(tmp_path) == ["x.npy"]


def test_header_has_room_for_any_number_of_samples(tmp_path):
    with PairWriter(tmp_path / "x.npy", shape=(1,)) as writer:
        for _ in range(11):
            writer.append(np.full((100_001, 1), 7))
    stored = writer.open()
    assert stored.shape == (1_100_011, 1)
    assert (stored == 7).all()


def test_an_error_leaves_nothing_and_keeps_the_old_file(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, np.zeros(3))
    writer = PairWriter(path, shape=(2, 4, 4), overwrite=True)

    def be_interrupted():
        with writer:
            writer.append(np.ones((2, 2, 4, 4)))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        be_interrupted()
    assert _names(tmp_path) == ["x.npy"]
    assert_array_equal(np.load(path), np.zeros(3))
    with pytest.raises(ValueError, match="not complete"):
        writer.open()
    with pytest.raises(ValueError, match="not open"):
        writer.append(np.ones((2, 2, 4, 4)))


def test_writer_refuses_what_does_not_fit(tmp_path):
    with (
        pytest.raises(InvalidPairsError, match=r"expected \(n, 2, 4, 4\)"),
        PairWriter(tmp_path / "x.npy", shape=(2, 4, 4)) as writer,
    ):
        writer.append(np.ones((2, 4, 4)))
    with (
        pytest.raises(InvalidPairsError, match="No sample"),
        PairWriter(tmp_path / "x.npy", shape=(2, 4, 4)),
    ):
        pass
    assert _names(tmp_path) == []


def test_two_writers_of_one_file_do_not_mix(tmp_path):
    path = tmp_path / "x.npy"
    second = PairWriter(path, shape=(1,))

    def write_both():
        with PairWriter(path, shape=(1,)) as first:
            first.append(np.zeros((5, 1)))
            second.__enter__()
            second.append(np.ones((3, 1)))

    with pytest.raises(FileExistsError, match="another process"):
        write_both()
    second.__exit__(None)
    assert_array_equal(second.open(), np.ones((3, 1)))


@pytest.mark.parametrize("call", ["writer", "transform_to"])
def test_bad_paths_are_refused_before_any_work(call, X, tmp_path):
    (tmp_path / "there.npy").write_bytes(b"old")

    def use(path):
        return PairWriter(path, (1,)) if call == "writer" else transform_to(CTWindow(), X, path)

    with pytest.raises(FileExistsError, match=r"there.npy exists.*overwrite=True"):
        use(tmp_path / "there.npy")
    with pytest.raises(FileNotFoundError, match=r"folder of x\.npy"):
        use(tmp_path / "no" / "x.npy")
    with pytest.raises(ValueError, match=r"ends in '\.npy'"):
        use(tmp_path / "x.dat")
    assert (tmp_path / "there.npy").read_bytes() == b"old"


def test_a_killed_process_leaves_no_file_that_looks_whole(tmp_path):
    code = """
        import sys, time
        import numpy as np
        from ctmri_detect.preprocessing.store import PairWriter
        with PairWriter(sys.argv[1], shape=(2, 64, 64)) as writer:
            writer.append(np.ones((200, 2, 64, 64)))
            print("written", flush=True)
            time.sleep(60)
    """
    path = tmp_path / "x.npy"
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(path)], stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"written\n"
    process.kill()
    process.wait()
    assert _names(tmp_path) == ["x.npy.partial"]
    assert np.load((tmp_path / "x.npy.partial").open("rb")).shape[0] == 0
    with PairWriter(path, shape=(1,)) as writer:  # and the next one is not in its way
        writer.append(np.zeros((2, 1)))
    assert _names(tmp_path) == ["x.npy"]


@pytest.mark.skipif(not hasattr(signal, "SIGTERM") or os.name == "nt", reason="POSIX signals")
def test_an_interrupted_process_cleans_up(tmp_path):
    code = """
        import signal, sys, time
        import numpy as np
        from ctmri_detect.preprocessing.store import PairWriter
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
        with PairWriter(sys.argv[1], shape=(1,)) as writer:
            writer.append(np.ones((2, 1)))
            print("written", flush=True)
            time.sleep(60)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "x.npy")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait() != 0
    assert _names(tmp_path) == []


@pytest.mark.parametrize(("batch_size", "n_jobs"), [(1, None), (21, None), (1000, 1), (4, 2)])
def test_result_is_that_of_the_pipeline(batch_size, n_jobs, X, tmp_path):
    pipe = make_pipeline(
        make_pipeline(CTWindow(), "passthrough"), HistogramStandardizer(), HeadAligner(size=16)
    ).fit(X[:9])
    out = transform_to(pipe, X, tmp_path / "x.npy", batch_size=batch_size, n_jobs=n_jobs)
    assert_array_equal(out, pipe.transform(X))
    assert not out.flags.writeable


def test_steps_without_fit_single_steps_and_foreign_ones(X, tmp_path):
    unfitted = transform_to(make_pipeline(CTWindow(), MRIScaler()), X, tmp_path / "a.npy")
    assert_array_equal(unfitted, make_pipeline(CTWindow(), MRIScaler()).fit_transform(X))
    foreign = make_pipeline(FunctionTransformer(np.negative), Resize(8))
    assert_array_equal(
        transform_to(foreign, X, tmp_path / "b.npy", batch_size=5),
        foreign.fit_transform(X.astype(np.float32)),
    )
    with pytest.raises(NotFittedError, match=r"HistogramStandardizer learns.*Call fit"):
        transform_to(make_pipeline(CTWindow(), HistogramStandardizer()), X, tmp_path / "c.npy")
    with pytest.raises(TypeError, match=r"AtlasDetector has no transform.*pipe\[:-1\]"):
        transform_to(make_pipeline(CTWindow(), AtlasDetector()), X, tmp_path / "c.npy")
    with pytest.raises(ValueError, match="width is"):
        transform_to(CTWindow(width=0), X, tmp_path / "c.npy")
    with pytest.raises(ValueError, match="batch_size is"):
        transform_to(CTWindow(), X, tmp_path / "c.npy", batch_size=0)
    assert _names(tmp_path) == ["a.npy", "b.npy"]


def test_the_source_may_be_replaced_by_its_result(X, tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, X)
    source = np.load(path, mmap_mode="r")
    out = transform_to(CTWindow(), source, path, overwrite=True, batch_size=4)
    assert_array_equal(out, CTWindow().transform(X))


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_one_warning_names_rows_of_X(n_jobs, tmp_path):
    y, x = np.mgrid[-1:1:48j, -1:1:48j]
    r = np.hypot(y, x)
    ct = np.select([r < 0.6, r < 0.75], [30.0, 1000.0], default=-1000.0)
    X = np.tile(np.stack([ct, ct]), (30, 1, 1, 1))
    X[[5, 17, 29], 0] = -1000
    with pytest.warns(BrainNotFoundWarning, match=r"3 of 30 samples \(5, 17, 29\)") as caught:
        transform_to(BrainMask(), X, tmp_path / "x.npy", batch_size=4, n_jobs=n_jobs)
    assert len(caught) == 1


def test_a_sample_that_a_step_empties_is_found_in_X(X, tmp_path):
    X[13, :, 8:-8] = np.nan
    pipe = make_pipeline(CropOrPad(8), CTWindow())
    with pytest.raises(InvalidPairsError, match=r"CTWindow, counting from row 12 .* samples 1;"):
        transform_to(pipe, X, tmp_path / "x.npy", batch_size=4)
    assert _names(tmp_path) == []


def test_progress_stays_off_outside_a_terminal(X, tmp_path, capsys):
    transform_to(CTWindow(), X, tmp_path / "x.npy", progress=True)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="anonymous memory of Linux")
def test_memory_does_not_grow_with_the_number_of_pairs(tmp_path):
    code = """
        import sys
        import numpy as np
        from ctmri_detect.preprocessing import CTWindow, MRIScaler, transform_to
        from sklearn.pipeline import make_pipeline

        def peak():
            known = dict(line.split(":") for line in open("/proc/self/status"))
            return int(known["RssAnon"].split()[0]) / 1024

        class Watch(MRIScaler):
            most = 0.0
            def _transform(self, X):
                Watch.most = max(Watch.most, peak())
                return super()._transform(X)

        X = np.lib.format.open_memmap(
            sys.argv[1] + "/raw.npy", "w+", np.float32, (10_000, 2, 32, 32)
        )
        for start in range(0, len(X), 500):
            X[start : start + 500] = np.random.default_rng(start).uniform(0, 90, (500, 2, 32, 32))
        pipe = make_pipeline(CTWindow(), Watch())
        transform_to(pipe, X[:100], sys.argv[1] + "/warm.npy")
        Watch.most = 0.0
        transform_to(pipe, X[:1000], sys.argv[1] + "/few.npy")
        few, Watch.most = Watch.most, 0.0
        transform_to(pipe, X, sys.argv[1] + "/many.npy")
        print(few, Watch.most)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    few, many = map(float, done.stdout.split())
    # 9,000 more pairs are 70 MiB
    assert many - few < 7
