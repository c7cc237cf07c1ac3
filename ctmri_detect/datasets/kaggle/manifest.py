"""The manifest of the Kaggle set: size and SHA-256 of each file when it was unpacked."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from ctmri_detect.datasets.kaggle.unpack import Unpacked
from ctmri_detect.exceptions import DataLoadingError

MANIFEST = "manifest.json"
_DAMAGED = (
    "not fetched by this library, or changed since. Move or delete that folder and fetch again "
    "(with from_archive=, --from-archive, where there is an archive)."
)


def write_manifest(folder: Path, source: str, archive: Path, files: dict[str, Unpacked]) -> None:
    """Write where the files came from, and each one's SHA-256 and size in bytes."""
    manifest = {
        "source": source,
        "archive_sha256": sha256(archive),
        "files": {name: entry._asdict() for name, entry in files.items() if name != MANIFEST},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest; a DataLoadingError where a file is missing or has another size."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        sizes = {name: entry["size"] for name, entry in manifest["files"].items()}
        if not sizes or not isinstance(manifest["archive_sha256"], str):
            raise ValueError("no files")
    except FileNotFoundError as error:
        raise DataLoadingError(f"{folder} has no {MANIFEST}, so it was {_DAMAGED}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataLoadingError(f"{folder / MANIFEST} can't be read: it was {_DAMAGED}") from error
    for name, size in sizes.items():
        path = folder / name
        if not path.is_file():
            raise DataLoadingError(f"{name} is missing in {folder}: it was {_DAMAGED}")
        if path.stat().st_size != size:
            raise changed(folder, name)
    return manifest


def changed(folder: Path, name: str) -> DataLoadingError:
    """The error for a file that is not what the manifest says."""
    return DataLoadingError(f"{name} in {folder} differs from the manifest: it was {_DAMAGED}")


def is_intact(folder: Path, manifest: dict[str, Any], name: str) -> bool:
    """Whether a file holds the bytes that were fetched."""
    return sha256(folder / name) == manifest["files"][name]["sha256"]


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
