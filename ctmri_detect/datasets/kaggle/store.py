"""The Kaggle set on disk: whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import shutil
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from ctmri_detect._extras import require
from ctmri_detect.datasets.kaggle.credentials import BY_HAND, PAGE, find_credentials
from ctmri_detect.datasets.kaggle.manifest import read_manifest, sha256, write_manifest
from ctmri_detect.datasets.kaggle.unpack import unpack_zip
from ctmri_detect.exceptions import CtmriDetectWarning, DataLoadingError
from ctmri_detect.io.images import SUFFIXES

NAME = "ct-to-mri-cgan"
FULL = {("train", "ct"): 1742, ("train", "mri"): 1744, ("test", "ct"): 744, ("test", "mri"): 744}
"""How many images the published set holds."""

MAX_BYTES = 4 << 30
MAX_FILES = 50_000
_FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_PLACE = re.compile(
    r"(?:^|/)(?:images/(?P<split>train|test)(?P<side>[AB])|unseen_demo_images/(?P<plane>ct|mri))"
    r"/(?P<name>[^/.][^/]*)$"
)


class KaggleImage(NamedTuple):
    """One image of the set; `file` is relative to the set's folder."""

    file: str
    split: str
    plane: str


def data_folder(data_home: str | os.PathLike[str] | None) -> Path:
    """The folder of the set, which need not exist yet.

    Examples
    --------
    >>> data_folder("data").as_posix()
    'data/ct-to-mri-cgan'
    """
    home = data_home or os.environ.get("CTMRI_DETECT_DATA") or "~/ctmri_detect_data"
    return Path(home).expanduser() / NAME


def acquire(
    folder: Path,
    *,
    from_archive: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
    **download: Any,
) -> dict[str, Any]:
    """Make sure that the whole set is in `folder`, and return its manifest.

    The set is made in a hidden folder, which is renamed at the end, so that `folder` never holds
    only a part of it. One process works at a time, others wait for it.

    Parameters
    ----------
    folder : Path
        As `data_folder` returns it.
    from_archive : str or path-like, default=None
        A zip that was downloaded before.
    download_if_missing : bool, default=True
        False raises instead of using the network.
    **download
        What `ctmri_detect.datasets.kaggle.download.download` takes.

    Raises
    ------
    OSError, DataLoadingError
        As `fetch_kaggle_ct_mri` says.
    """
    archive = None if from_archive is None else Path(from_archive).expanduser()
    if archive is not None and not archive.is_file():
        raise FileNotFoundError(f"There is no file {from_archive}; expected the archive, a zip.")
    if not folder.exists():
        if archive is None:
            _check_download(folder, download_if_missing)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _alone(folder.parent):
            if not folder.exists():  # else another process was quicker
                _make(folder, archive, download)
    manifest = read_manifest(folder)
    if archive is not None and sha256(archive) != manifest["archive_sha256"]:
        raise DataLoadingError(
            f"{folder} holds the data of another archive than {archive.name}. "
            "Delete the folder, or choose another data_home (--out)."
        )
    return manifest


def images_of(files: Any) -> list[KaggleImage]:
    """The images among the files of the set, in natural order: train, test, demo; CT, MRI."""
    images = []
    for file in files:
        place = _PLACE.search(file)
        if place is None or not file.lower().endswith(SUFFIXES) or "__MACOSX/" in file:
            continue
        plane = place["plane"] or ("ct" if place["side"] == "A" else "mri")
        images.append(KaggleImage(file, place["split"] or "demo", plane))
    return sorted(images, key=_order)


def _check_download(folder: Path, download_if_missing: bool) -> None:
    """Raise what is known to fail before anything is written, imported or downloaded."""
    if not download_if_missing:
        raise OSError(
            f"Data not found in {folder} and `download_if_missing` is False. Fetch it once "
            f"with download_if_missing=True. {BY_HAND}"
        )
    if not (_partial(folder) / "archive.zip").is_file():
        find_credentials()
        require("kagglesdk", extra="kaggle")


def _make(folder: Path, archive: Path | None, download: dict[str, Any]) -> None:
    partial = _partial(folder)
    partial.mkdir(exist_ok=True)
    try:
        if archive is None:
            archive = partial / "archive.zip"
            if not archive.exists():
                _download(archive, download)
        oddity = _unpack(archive, partial / "unpacked")
        (partial / "unpacked").rename(folder)
        shutil.rmtree(partial, ignore_errors=True)
    except DataLoadingError:  # the archive is wrong, so that it need not be kept
        shutil.rmtree(partial, ignore_errors=True)
        raise
    except OSError as error:
        if error.errno not in _FULL_DISK:
            raise
        raise OSError(
            f"There is no space left in {folder.parent}: about 500 MB are needed. Make room, or "
            "choose another data_home (--out), and fetch again."
        ) from error
    finally:
        with suppress(OSError):  # not empty where a download can be continued: it stays
            partial.rmdir()
    if oddity:  # only now that the set is in its place: users can turn warnings into errors
        warnings.warn(oddity, CtmriDetectWarning, stacklevel=4)


def _download(archive: Path, options: dict[str, Any]) -> None:
    credentials = find_credentials()
    from ctmri_detect.datasets.kaggle.download import download

    download(archive, credentials, **options)


def _unpack(archive: Path, target: Path) -> str:
    """Unpack, check and write the manifest; return what is odd about the archive, or ""."""
    shutil.rmtree(target, ignore_errors=True)  # left by a process that was killed
    files = unpack_zip(archive, target, max_bytes=MAX_BYTES, max_files=MAX_FILES)
    counts = Counter((image.split, image.plane) for image in images_of(files))
    empty = [f"{'AB'[plane == 'mri']} of {split}" for split, plane in FULL
             if not counts[split, plane]]  # fmt: skip
    if empty:
        shutil.rmtree(target)
        raise DataLoadingError(
            f"{archive.name} is not the archive of {PAGE}: expected images in images/trainA, "
            f"trainB, testA and testB; there are none in {', '.join(empty)}."
        )
    write_manifest(target, PAGE, archive, files)
    found = {key: counts[key] for key in FULL}
    if found == FULL:
        return ""
    return f"{archive.name} holds {_counted(found)}; the published set holds {_counted(FULL)}."


def _counted(counts: dict[tuple[str, str], int]) -> str:
    return ", ".join(f"{n} {plane.upper()} in {split}" for (split, plane), n in counts.items())


def _partial(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.partial")


def _order(image: KaggleImage) -> tuple[int, str, list[tuple[int, str]]]:
    parts = re.findall(r"(\d+)|(\D+)", image.file)
    natural = [(int(digits or -1), text) for digits, text in parts]
    return ("train", "test", "demo").index(image.split), image.plane, natural


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Hold the folder's lock; the system releases it when the process ends, even if killed.

    Where the system has no such lock (Windows, some network drives), two processes can disturb
    each other's download. The checks of the archive then notice it.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    handle = os.open(home, os.O_RDONLY)
    try:
        with suppress(OSError):  # a drive without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
