"""The file of a model: a zip archive of three kinds of members, written completely or not."""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

from ctmri_detect.exceptions import UntrustedModelError
from ctmri_detect.persistence._manifest import check_manifest
from ctmri_detect.persistence._networks import weights_of
from ctmri_detect.storage.whole import whole_file

MANIFEST = "manifest.json"
ESTIMATOR = "estimator.skops"
_WEIGHTS = re.compile(r"weights-\d+\.safetensors")
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DEFLATED: Any = {"compression": zipfile.ZIP_DEFLATED, "compresslevel": 1}  # 9 gains 1 %
_SMALL = 2**26  # 64 MiB: archives that unpack to less are always accepted
# weights and tables of a model shrink to a half or a tenth, zeros to a thousandth
_MOST_TIMES = 100
_PICKLES = (b"\x80", b"\x1f\x8b", b"BZh", b"\xfd7zXZ")  # pickle, and as joblib compresses it


def write_archive(
    path: Path, manifest: dict[str, Any], estimator: io.BytesIO, networks: dict[str, Any]
) -> None:
    """Write beside `path`, then move: an interruption leaves an older file as it was."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; expected the name of a file, model.ctmri.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"The folder {path.parent} doesn't exist. Create it first.")
    try:
        with whole_file(path) as file:
            for how in (_DEFLATED, {"compression": zipfile.ZIP_STORED}):
                file.seek(0)
                file.truncate()
                with zipfile.ZipFile(file, "w", **how) as archive:
                    archive.writestr(MANIFEST, json.dumps(manifest, indent=1))
                    archive.writestr(ESTIMATOR, estimator.getbuffer())
                    for member, network in networks.items():
                        archive.writestr(member, weights_of(network))
                if not _shrinks_too_much(archive, file.tell()):  # as zeros do: stored, then
                    break
    except OSError as error:  # name the file that was asked for, not the temporary one
        raise OSError(error.errno, f"can't be written: {error.strerror}", str(path)) from error


def read_archive(path: Path) -> tuple[dict[str, Any], bytes, dict[str, bytes]]:
    """Manifest, estimator and weights by member name, after all checks of the format."""
    with path.open("rb") as file:
        _check_kind(path, file.read(8), zipfile.is_zipfile(file))
        try:
            with zipfile.ZipFile(file) as archive:
                manifest = _read_manifest(path, archive)
                members = {
                    info.filename: archive.read(info)
                    for info in archive.infolist()
                    if info.filename != MANIFEST
                }
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as e:
            raise ValueError(f"{path} is damaged ({e}). Copy or save it again.") from e
    _check_inside(members[ESTIMATOR], path)
    return manifest, members.pop(ESTIMATOR), members


def _check_kind(path: Path, start: bytes, is_zip: bool) -> None:
    if is_zip:
        return
    if start.startswith(_PICKLES):
        raise UntrustedModelError(
            f"{path} looks like a pickle, which can run any code when it is loaded; expected a "
            "model written by ctmri_detect.persistence.save. Save it again with that."
        )
    state = "damaged or cut off" if start.startswith(b"PK") else "no model"
    raise ValueError(
        f"{path} is {state}; expected a file written by ctmri_detect.persistence.save. "
        + ("Copy or save it again." if start.startswith(b"PK") else "Check the path.")
    )


def _read_manifest(path: Path, archive: zipfile.ZipFile) -> dict[str, Any]:
    """The manifest, if the archive holds exactly the members that it lists."""
    infos = archive.infolist()
    names = [info.filename for info in infos]
    if MANIFEST not in names:
        raise ValueError(
            f"{path} is a zip archive without {MANIFEST}; expected a file written by "
            "ctmri_detect.persistence.save. Check the path."
        )
    strange = sorted({n for n in names if names.count(n) > 1 or not _expected(n)})
    if strange:
        raise UntrustedModelError(
            f"{path} holds {', '.join(map(repr, strange[:5]))}, which no saved model does. "
            "Don't use this file; ask for one written by ctmri_detect.persistence.save."
        )
    if any(info.compress_type not in _COMPRESSIONS for info in infos):
        raise ValueError(
            f"{path} was zipped again by a method that load doesn't read; expected its members "
            "stored or deflated, as `zip` writes them. Zip it again with that."
        )
    _check_sizes(archive, path.stat().st_size, str(path))
    manifest = check_manifest(archive.read(MANIFEST), str(path))
    listed = {MANIFEST, ESTIMATOR, *manifest["networks"]}
    if set(names) != listed:
        raise ValueError(
            f"{path} holds {', '.join(sorted(names))}; its manifest lists "
            f"{', '.join(sorted(listed))}. The file is incomplete: copy or save it again."
        )
    return manifest


def _check_inside(estimator: bytes, path: Path) -> None:
    """The estimator is an archive too; if it is none, `file_types` raises later."""
    with suppress(zipfile.BadZipFile), zipfile.ZipFile(io.BytesIO(estimator)) as archive:
        _check_sizes(archive, len(estimator), f"{ESTIMATOR} in {path}")


def _check_sizes(archive: zipfile.ZipFile, size: int, name: str) -> None:
    """Refuse an archive that unpacks to far more than its own size, as a zip bomb does.

    Reading a member gives no more than its header says, so the headers are enough.
    """
    if _shrinks_too_much(archive, size):
        unpacked = sum(info.file_size for info in archive.infolist())
        raise UntrustedModelError(
            f"{name} has {size} bytes and unpacks to {unpacked}, which no saved model does. Don't "
            "use this file; ask for one written by ctmri_detect.persistence.save."
        )


def _shrinks_too_much(archive: zipfile.ZipFile, size: int) -> bool:
    unpacked = sum(info.file_size for info in archive.infolist())
    return unpacked > max(_SMALL, _MOST_TIMES * size)


def _expected(name: str) -> bool:
    return name in (MANIFEST, ESTIMATOR) or _WEIGHTS.fullmatch(name) is not None
