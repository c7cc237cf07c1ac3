"""Tiny folders of head-like PNG, and the command, in this process or in one of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest

SIZE = 48


def write_pairs(folder, n_patients, lesions=()):
    """Two slices a patient, 8-bit; a bright square in the CT of the pairs in `lesions`."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j]
    rows = ["file,lesion,patient"]
    for plane in ("CT", "MRI"):
        (folder / plane).mkdir(parents=True)
    for i in range(2 * n_patients):
        width = 0.55 + 0.03 * rng.random()
        r = np.hypot(y / (width + 0.15), x / width)
        noise = 6 * rng.normal(size=(2, SIZE, SIZE))
        ct = np.select([r < 1, r < 1.25], [110 + noise[0], 255], 0)
        mri = np.select([r < 1, r < 1.25], [130 + noise[1], 40], 5)
        if i in lesions:
            ct[18:24, 16:21] = 210
        name = f"p{i // 2}_{i % 2}"
        for plane, image in (("CT", ct), ("MRI", mri)):
            cv2.imwrite(str(folder / plane / f"{name}.png"), np.clip(image, 0, 255).astype("u1"))
        rows.append(f"{name},{int(i in lesions)},p{i // 2}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return folder


def with_other_ct(folder, out, change):
    """A copy of a folder of `write_pairs` whose CT are `change(image)`."""
    shutil.copytree(folder, out)
    for path in (out / "CT").iterdir():
        cv2.imwrite(str(path), change(cv2.imread(str(path), cv2.IMREAD_UNCHANGED)))
    return out


@pytest.fixture(scope="session")
def inverted(healthy, tmp_path_factory):
    """The CT of `healthy`, air white and bone black."""
    return with_other_ct(healthy, tmp_path_factory.mktemp("inverted") / "set", lambda ct: 255 - ct)


@pytest.fixture(scope="session")
def deep(healthy, tmp_path_factory):
    """The CT of `healthy` in 16 bits that are neither HU nor a window."""
    folder = tmp_path_factory.mktemp("deep") / "set"
    return with_other_ct(healthy, folder, lambda ct: ct.astype("u2") ** 2 + 300)


@pytest.fixture(scope="session")
def healthy(tmp_path_factory):
    """Twenty normal pairs of ten patients: enough for a threshold at 5 %."""
    return write_pairs(tmp_path_factory.mktemp("healthy"), 10)


@pytest.fixture(scope="session")
def mixed(tmp_path_factory):
    """Twelve pairs of six patients, pairs 1, 6 and 9 with a lesion."""
    return write_pairs(tmp_path_factory.mktemp("mixed"), 6, lesions=(1, 6, 9))


@pytest.fixture
def command():
    """Run ``python -m ctmri_detect`` in a process of its own."""

    def run(*arguments, **options):
        return subprocess.run(
            [sys.executable, "-m", "ctmri_detect", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            **options,
        )

    return run
