"""Pairs: samples with their patients, pixel spacing, units and names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ctmri_detect._particulars import (
    check_alike,
    checked_frame,
    checked_groups,
    checked_modalities,
    checked_spacing,
    checked_units,
    chosen_planes,
    joined,
    wrapped,
)
from ctmri_detect._stored import Rows, SomePlanes, Stacked, packed, positions, read_rows, unpacked
from ctmri_detect._types import PairsLike
from ctmri_detect.modalities import Roles, roles_of

__all__ = ["Pairs"]

_PARTICULARS = ("groups", "spacing", "ct_units", "modalities", "roles", "frame")


class Pairs(Rows):
    """Samples of co-registered modalities, with their patients, pixel spacing, units and names.

    A CT and an MRI, or one to eight other modalities. A lazy view: a memmap stays on disk.

    Parameters
    ----------
    array : array-like of shape (n_samples, n_planes, height, width)
        Anything with shape, dtype and indexing along axis 0: numpy, memmap, zarr, h5py. Lists,
        masked arrays and torch tensors become numpy arrays.
    groups : array-like of shape (n_samples,), default=None
        Patient of each sample; None if they are not known. One name means one person, also
        between the pairs of a fit and those that are scored.
    spacing : float, (row, column) or array of shape (n_samples, 2), default=None
        Distance of the pixels in mm.
    ct_units : {"hu", "uint8"}, default=None
        Units of the CT, see `ctmri_detect.ct_units`; None if they are neither, as after a
        CT window.
    modalities : sequence of str, default=None
        Names of the planes, such as ``("CT", "T1", "FLAIR")``. None: two planes are CT and MRI.
    roles : dict of str to {"ct", "mri", "pet"}, default=None
        Needed if a name does not say it: ``{"FDG": "pet"}``, see `ctmri_detect.modalities`.
    frame : DataFrame of n_samples rows, default=None
        More about each sample, such as `volume` and `z_mm`.

    Attributes
    ----------
    groups, spacing, ct_units, modalities, frame
        As given; arrays ``(n_samples,)`` and float64 ``(n_samples, 2)``, str, tuple, DataFrame.
        None if not known.
    roles : tuple of {"ct", "mri", "pet"} or None
        One a plane; None for planes that nobody named.

    Raises
    ------
    InvalidPairsError
        If the patients, spacing, units, names or frame do not fit the array.

    Notes
    -----
    Along axis 0, a slice, a list, or an integer or boolean array, alone or with ``...``, gives
    `Pairs`. An integer gives one float32 array, and so does a loop over the pairs. Any other index
    gives a plain float32 array. For arithmetic, use ``numpy.asarray(pairs)``.

    ``GroupKFold`` and ``cv=5`` of scikit-learn don't look for patients in X: use the splitters of
    `ctmri_detect.model_selection`. Another library's step that returns an array loses the
    patients; `fit` then warns. Array API dispatch of scikit-learn refuses pairs.

    Pickling takes the chosen samples only. A memmap or an h5py array is reopened by its path.

    Examples
    --------
    >>> pairs = Pairs(np.zeros((4, 2, 8, 8)), groups=["a", "a", "b", "c"], ct_units="hu")
    >>> part = pairs[[3, 0]]
    >>> part.shape, part.groups.tolist(), part.ct_units
    ((2, 2, 8, 8), ['c', 'a'], 'hu')
    >>> pairs[0].shape, pairs[:, 1].shape, pairs[:2, :, ::2].shape
    ((2, 8, 8), (4, 8, 8), (2, 2, 4, 8))
    """

    groups: npt.NDArray[Any] | None
    spacing: npt.NDArray[np.float64] | None
    ct_units: str | None
    modalities: tuple[str, ...]
    roles: Roles
    frame: pd.DataFrame | None

    def __init__(
        self,
        array: PairsLike,
        *,
        groups: npt.ArrayLike | None = None,
        spacing: npt.ArrayLike | None = None,
        ct_units: str | None = None,
        modalities: Sequence[str] | None = None,
        roles: Mapping[str, str] | Roles | None = None,
        frame: pd.DataFrame | None = None,
    ) -> None:
        if isinstance(array, Pairs):  # what is not given is kept
            groups = array.groups if groups is None else groups
            spacing = array.spacing if spacing is None else spacing
            ct_units = array.ct_units if ct_units is None else ct_units
            if modalities is None:
                modalities, roles = array.modalities, array.roles if roles is None else roles
            frame = array.frame if frame is None else frame
            self._array, self._rows = array._array, array._rows
        else:
            self._array = wrapped(array)
            self._rows = np.arange(int(self._array.shape[0]))
        self.groups = checked_groups(groups, len(self))
        self.spacing = checked_spacing(spacing, len(self))
        self.ct_units = checked_units(ct_units)
        self.modalities = checked_modalities(modalities, self.shape[1])
        self.roles = roles_of(self.modalities, roles)
        self.frame = checked_frame(frame, len(self))

    def __repr__(self) -> str:
        patients = "unknown" if self.groups is None else len(np.unique(self.groups.astype(str)))
        return (
            f"Pairs(shape={self.shape}, modalities={self.modalities}, patients={patients}, "
            f"ct_units={self.ct_units!r})"
        )

    def __getitem__(self, key: Any) -> Any:
        first, others = (key[0], key[1:]) if isinstance(key, tuple) and key else (key, ())
        if first is Ellipsis or first is None:
            return read_rows(self._array, self._rows)[key]
        chosen = positions(first, len(self))
        one = np.ndim(chosen) == 0
        if one or (others and others != (Ellipsis,)):
            block = read_rows(self._array, self._rows[np.atleast_1d(chosen)])
            return block[(0 if one else slice(None), *others)]
        return self._part(chosen)

    def _part(self, rows: npt.NDArray[np.int64]) -> Pairs:
        part = object.__new__(Pairs)
        part._array, part._rows = self._array, self._rows[rows]
        part.groups = None if self.groups is None else self.groups[rows]
        part.spacing = None if self.spacing is None else self.spacing[rows]
        part.ct_units, part.modalities, part.roles = self.ct_units, self.modalities, self.roles
        frame = self.frame
        part.frame = None if frame is None else frame.iloc[rows].reset_index(drop=True)
        return part

    def replace(self, *, array: PairsLike | None = None, **particulars: Any) -> Pairs:
        """The same samples with other groups, spacing, ct_units, modalities, roles or frame.

        What is not named stays; None removes an entry. `array`: other values of these samples.

        Examples
        --------
        >>> pairs = Pairs(np.zeros((2, 2, 8, 8))).replace(groups=["a", "b"])
        >>> pairs.replace(array=np.ones((2, 2, 4, 4))).groups.tolist()
        ['a', 'b']
        """
        if unknown := [name for name in particulars if name not in _PARTICULARS]:
            raise TypeError(
                f"Pairs have no {', '.join(unknown)}; expected some of {', '.join(_PARTICULARS)}."
            )
        kept = {name: getattr(self, name) for name in _PARTICULARS} | particulars
        if "modalities" in particulars and "roles" not in particulars:
            kept["roles"] = None  # by the new names
        return Pairs((self if array is None else Pairs(array))._bare(), **kept)

    def select(self, modalities: str | Sequence[str]) -> Pairs:
        """The same samples with the planes of these names only, in this order; nothing is read.

        Raises
        ------
        InvalidPairsError
            For a name that no plane has, a name twice, and none.

        Examples
        --------
        >>> pairs = Pairs(np.zeros((2, 3, 8, 8)), modalities=("CT", "T1", "FLAIR"))
        >>> pairs.select(("FLAIR", "CT")).modalities
        ('FLAIR', 'CT')
        """
        planes = chosen_planes(modalities, self.modalities)
        roles = tuple(self.roles[i] for i in planes)
        return self.replace(
            array=SomePlanes(self._bare(), planes),
            modalities=tuple(self.modalities[i] for i in planes),
            roles=roles,
            ct_units=self.ct_units if "ct" in roles else None,
        )

    def _bare(self) -> Pairs:
        """The same samples and names of planes, and nothing else."""
        bare = self._part(np.arange(len(self)))
        bare.groups = bare.spacing = bare.ct_units = bare.frame = None
        return bare

    @staticmethod
    def concatenate(pairs: Sequence[Pairs], *, same_patients: bool = False) -> Pairs:
        """All samples of several `Pairs`, one after the other; nothing is copied.

        Parameters
        ----------
        pairs : sequence of Pairs
            Of the same planes, grid and units.
        same_patients : bool, default=False
            Whether equal names in two of them mean the same patient. By default that is an
            error: two hospitals may both call a patient "1". Rename them first:
            ``pairs.replace(groups=[f"a-{p}" for p in pairs.groups])``.

        Returns
        -------
        Pairs

        Raises
        ------
        InvalidPairsError
            If they don't fit together, or if only some have patients, spacing or a frame.

        Examples
        --------
        >>> a = Pairs(np.zeros((2, 2, 8, 8)), groups=["p1", "p2"])
        >>> b = Pairs(np.ones((1, 2, 8, 8)), groups=["p3"])
        >>> Pairs.concatenate([a, b]).groups.tolist()
        ['p1', 'p2', 'p3']
        """
        parts = [part if isinstance(part, Pairs) else Pairs(part) for part in pairs]
        check_alike(parts, same_patients)
        first = parts[0]
        return first.replace(
            array=Stacked([part._bare() for part in parts]),
            groups=joined([part.groups for part in parts]),
            spacing=joined([part.spacing for part in parts]),
            frame=None if first.frame is None else pd.concat([part.frame for part in parts]),
        )

    def __getstate__(self) -> dict[str, Any]:
        state = {name: getattr(self, name) for name in _PARTICULARS}
        return state | packed(self._array, self._rows)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({name: state[name] for name in _PARTICULARS})
        self._array, self._rows = unpacked(state)
