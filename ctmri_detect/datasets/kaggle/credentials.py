"""Find Kaggle's credentials without Kaggle's client, which is imported only afterwards."""

from __future__ import annotations

import json
import os
import stat
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ctmri_detect.exceptions import CtmriDetectWarning

PAGE = "https://www.kaggle.com/datasets/darren2020/ct-to-mri-cgan"
BY_HAND = (
    f"Or download the archive in a browser from {PAGE} and pass it: from_archive=FILE, "
    "on the command line --from-archive FILE."
)
HOW_TO = (
    "Sign in at kaggle.com, open Settings > API, create a token, save the file as "
    "~/.kaggle/kaggle.json and run: chmod 600 ~/.kaggle/kaggle.json. "
    "KAGGLE_USERNAME and KAGGLE_KEY, or KAGGLE_API_TOKEN, do as well."
)


@dataclass(frozen=True)
class Credentials:
    """A user name and key, or a token; neither for a login that `kaggle auth login` keeps."""

    source: str
    username: str | None = field(default=None, repr=False)
    key: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)


def find_credentials() -> Credentials:
    """Look where Kaggle's client looks, in the same order, without network and without the client.

    Returns
    -------
    Credentials

    Raises
    ------
    PermissionError
        If there are none, or their file holds no user name and key. The message says how to get
        some, and how to do without.

    Warns
    -----
    CtmriDetectWarning
        If other users can read the file that holds them.
    """
    found = _token() or _key() or _login()
    if found is None:
        raise PermissionError(f"No Kaggle credentials were found. {HOW_TO} {BY_HAND}")
    return found


def _home() -> Path:
    return Path("~/.kaggle").expanduser()


def _token() -> Credentials | None:
    value = os.environ.get("KAGGLE_API_TOKEN", "").strip()
    if value and not _is_file(value):
        return Credentials("KAGGLE_API_TOKEN", token=value)
    files = [value, os.environ.get("KAGGLE_API_V1_TOKEN", "")]  # the second: Kaggle's notebooks
    files += [str(_home() / name) for name in ("access_token", "access_token.txt")]
    for name in files:
        text = _text(Path(name)) if name and _is_file(name) else ""
        if text:
            return Credentials(_shown(Path(name)), token=text)
    return None


def _key() -> Credentials | None:
    """User name and key: each from the environment where it is set there, else from the file."""
    source, values = "KAGGLE_USERNAME and KAGGLE_KEY", {}
    env = {name: os.environ.get(f"KAGGLE_{name.upper()}", "") for name in ("username", "key")}
    path = next((folder / "kaggle.json" for folder in _config_folders()
                 if _is_file(folder / "kaggle.json")), None)  # fmt: skip
    if path is not None and not all(env.values()):
        source, values = _shown(path), _json(path)
    values |= {name: value for name, value in env.items() if value}
    username, key = values.get("username"), values.get("key")
    if isinstance(username, str) and isinstance(key, str) and username and key:
        return Credentials(source, username=username.strip(), key=key.strip())
    if path is not None:
        raise PermissionError(
            f"{_shown(path)} holds no user name and key: expected "
            f'{{"username": "...", "key": "..."}}. {HOW_TO} {BY_HAND}'
        )
    return None


def _login() -> Credentials | None:
    path = _home() / "credentials.json"
    if not _is_file(path) or not _json(path).get("refresh_token"):
        return None
    return Credentials(_shown(path))


def _config_folders() -> Iterator[Path]:
    named = os.environ.get("KAGGLE_CONFIG_DIR")
    if named:
        yield Path(named)
        return
    yield _home()
    if sys.platform.startswith("linux"):
        yield Path(os.environ.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser()) / "kaggle"


def _is_file(path: str | Path) -> bool:
    try:
        return Path(path).is_file()
    except (OSError, ValueError):  # a token may be longer than a file name can be
        return False


def _text(path: Path) -> str:
    if os.name == "posix" and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        warnings.warn(
            f"{_shown(path)} can be read by other users of this machine. "
            f"Run: chmod 600 {_shown(path)}",
            CtmriDetectWarning,
            stacklevel=2,
        )
    try:
        return path.read_text(encoding="utf-8-sig").strip()
    except UnicodeDecodeError:
        return ""


def _json(path: Path) -> dict[str, object]:
    try:
        values = json.loads(_text(path))
    except json.JSONDecodeError:
        return {}
    return values if isinstance(values, dict) else {}


def _shown(path: Path) -> str:
    """The path from ~, so that a log does not tell the user's name."""
    try:
        return f"~/{path.relative_to(Path.home()).as_posix()}"
    except ValueError:
        return str(path)
