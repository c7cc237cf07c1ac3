"""Checks of the patients, spacing, units, names and frame of `Pairs`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ctmri_detect._arrays import plain_array
from ctmri_detect._types import GroupsLike, PairsLike, StoredArray, is_stored
from ctmri_detect.ct_units import CT_UNITS
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.modalities import DEFAULT_MODALITIES

_MOST_NAMED = 5


def wrapped(array: PairsLike) -> StoredArray:
    """The array itself if it has shape, dtype and indexing, else as numpy; four axes."""
    array = array if is_stored(array) else np.asarray(plain_array(array))
    if len(array.shape) != 4:
        raise InvalidPairsError(
            f"The array has shape {tuple(array.shape)}; expected (n_samples, n_planes, height, "
            "width). Stack the planes: np.stack([ct, mri], axis=1)."
        )
    if array.dtype.kind not in "fiub":
        raise InvalidPairsError(
            f"The array has dtype {array.dtype}; expected real numbers. Convert it: "
            "array.astype('float32')."
        )
    return array


def checked_groups(groups: GroupsLike, n: int) -> npt.NDArray[Any] | None:
    """One name per sample, or None."""
    if groups is None:
        return None
    groups = plain_array(groups)
    names = np.asarray(groups, dtype=object if isinstance(groups, list | tuple) else None)
    if names.shape != (n,):
        raise InvalidPairsError(
            f"groups has shape {names.shape}; expected ({n},), the patient of each sample."
        )
    return names if names.dtype != object else _of_one_kind(names)


def _of_one_kind(names: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """As text or integers if all names are, so that they sort and print well."""
    for kind in (str, int):
        if all(isinstance(name, kind) and not isinstance(name, bool) for name in names):
            return names.astype(kind)
    return names


def checked_spacing(spacing: npt.ArrayLike | None, n: int) -> npt.NDArray[np.float64] | None:
    """Row and column spacing of each sample in mm, or None."""
    if spacing is None:
        return None
    values = np.asarray(plain_array(spacing), dtype=np.float64)
    if values.shape == (n,) and n != 2:
        values = values[:, None]
    if values.ndim > 2 or not (np.isfinite(values) & (values > 0)).all():
        raise InvalidPairsError(
            f"spacing has shape {values.shape} and holds {values.ravel()[:_MOST_NAMED].tolist()}; "
            f"expected mm above 0: one number, (row, column), or an array ({n}, 2)."
        )
    try:
        return np.array(np.broadcast_to(values, (n, 2)))
    except ValueError as error:
        raise InvalidPairsError(
            f"spacing has shape {values.shape}; expected one number, (row, column), or an array "
            f"({n}, 2), in mm."
        ) from error


def checked_units(ct_units: object) -> str | None:
    """Known units, or None."""
    if ct_units not in (None, *CT_UNITS):
        raise InvalidPairsError(
            f"ct_units is {ct_units!r}; expected 'hu', 'uint8', or None if it is neither."
        )
    return ct_units


def checked_modalities(modalities: Sequence[str] | None, n_planes: int) -> tuple[str, ...]:
    """A name for each plane; two planes without names are CT and MRI."""
    if modalities is None:
        unnamed = tuple(f"plane {i}" for i in range(n_planes))
        return DEFAULT_MODALITIES if n_planes == 2 else unnamed
    names = tuple(modalities) if not isinstance(modalities, str) else (modalities,)
    if len(set(names)) != n_planes or not all(isinstance(name, str) for name in names):
        raise InvalidPairsError(
            f"modalities is {modalities!r}; expected {n_planes} different names, one per plane."
        )
    return names


def chosen_planes(asked: str | Sequence[str], known: tuple[str, ...]) -> tuple[int, ...]:
    """Which planes have these names; each name once."""
    names = (asked,) if isinstance(asked, str) else tuple(asked)
    if not names or len({*names} & {*known}) != len(names):
        raise InvalidPairsError(
            f"select was asked for {names}; expected one or more of {', '.join(known)}, each once."
        )
    return tuple(known.index(name) for name in names)


def checked_frame(frame: Any, n: int) -> pd.DataFrame | None:
    """One row per sample, or None."""
    if frame is None:
        return None
    if not isinstance(frame, pd.DataFrame) or len(frame) != n:
        size = f" of {len(frame)} rows" if hasattr(frame, "__len__") else ""
        raise InvalidPairsError(
            f"frame is {type(frame).__name__}{size}; expected a DataFrame of {n} rows, one "
            "for each sample."
        )
    return frame.reset_index(drop=True)


def joined(values: Sequence[Any]) -> Any:
    """The entries of several sets, joined; None if they have none."""
    return None if values[0] is None else np.concatenate(values)


def check_alike(parts: Sequence[Any], same_patients: bool) -> None:
    """Refuse sets that can't be joined: other planes, grids or units, equal patient names."""
    if not parts:
        raise InvalidPairsError("Nothing to concatenate; expected a list of one Pairs or more.")
    for name, what in (
        ("modalities", lambda part: part.modalities),
        ("roles", lambda part: part.roles),
        ("grid", lambda part: part.shape[2:]),
        ("ct_units", lambda part: part.ct_units),
        *((name, lambda part, name=name: getattr(part, name) is not None) for name in
          ("groups", "spacing", "frame")),
    ):  # fmt: skip
        found = [what(part) for part in parts]
        if any(value != found[0] for value in found):
            known = name in ("groups", "spacing", "frame")
            raise InvalidPairsError(
                f"The sets differ in {name}: {found}{' (whether they have them)' * known}; "
                "expected the same in all. Bring them to one form first, or set it with replace()."
            )
    _check_columns([part.frame for part in parts])
    if same_patients or parts[0].groups is None:
        return
    seen: set[str] = set()
    for part in parts:
        names = set(part.groups.astype(str))
        if shared := sorted(seen & names):
            raise InvalidPairsError(
                f"{len(shared)} patient name(s) occur in two sets: "
                f"{', '.join(shared[:_MOST_NAMED])}{', ...' * (len(shared) > _MOST_NAMED)}; "
                "expected different names for different people. If they are the same people: "
                "same_patients=True. If not, rename them with replace(groups=...)."
            )
        seen |= names


def _check_columns(frames: Sequence[pd.DataFrame | None]) -> None:
    """Refuse frames of which only some have a column of True and False: no value means neither."""
    columns = [set() if f is None else {*f.select_dtypes(bool)} for f in frames]
    if lacking := sorted(set.union(*columns) - set.intersection(*columns), key=str):
        raise InvalidPairsError(
            f"Only some of the sets have {', '.join(map(str, lacking))} in their frame; expected "
            "this column of True and False in all or in none. Prepare all sets in one way, or take "
            "it out: pairs.replace(frame=pairs.frame.drop(columns=...))."
        )
