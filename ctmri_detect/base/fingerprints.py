"""Hashes by which a fitted detector recognises its training samples."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from hashlib import sha256

import numpy as np
import numpy.typing as npt

from ctmri_detect._types import StoredArray
from ctmri_detect.validation import PairReader

_BYTES = 8  # of a hash; 64 bits: with a million slices, two meet by chance once in 10 million fits
Hashes = npt.NDArray[np.uint64]


class Fingerprints:
    """Salted hashes of training slices and of the names of their patients.

    Neither slices nor names can be read from it. But anyone who has it can test whether a given
    name or slice is among them.

    Parameters
    ----------
    X : PairReader
        The training samples; `groups` are the codes of their patients.
    names : array of str (n,), default=None
        Names of the patients; None if they are unknown.

    Examples
    --------
    >>> X = np.arange(6.0).reshape(3, 2, 1, 1)
    >>> known = Fingerprints(PairReader(X, groups=[0, 0, 1]), np.array(["ann", "ann", "bob"]))
    >>> known.codes_of(["bob", "eve", "ann"]), known.seen(X[1:] - [[[[0]]], [[[1]]]])
    (array([ 1, -1,  0]), array([ True, False]))
    """

    def __init__(self, X: PairReader, names: npt.NDArray[np.str_] | None = None) -> None:
        self.salt = secrets.token_hex(16)  # not from numpy: equal seeds must not give equal salts
        parts = [self._slices(block) for block in X.blocks()]
        self.slices = np.unique(np.concatenate(parts))
        self.patients, self.codes = np.empty(0, np.uint64), np.empty(0, np.int64)
        if names is not None:
            assert X.groups is not None
            first = np.unique(names, return_index=True)[1]
            hashes = self._names(names[first])
            order = np.argsort(hashes)
            self.patients, self.codes = hashes[order], X.groups[first][order]

    def __repr__(self) -> str:
        return f"Fingerprints of {len(self.slices)} slices, {len(self.patients)} patients"

    def seen(self, X: StoredArray) -> npt.NDArray[np.bool_]:
        """Which slices are exactly equal to a training slice: bool ``(n,)``."""
        return np.isin(self._slices(X), self.slices)

    def codes_of(self, names: Iterable[object]) -> npt.NDArray[np.int64]:
        """The codes of patients by their names, read as text; -1 for those not trained on."""
        asked = self._names(names)
        if not len(self.patients):
            return np.full(len(asked), -1)
        place = np.minimum(np.searchsorted(self.patients, asked), len(self.patients) - 1)
        return np.where(self.patients[place] == asked, self.codes[place], -1)

    def _names(self, names: Iterable[object]) -> Hashes:
        return self._hashes(str(name).encode("utf-8", "surrogatepass") for name in names)

    def _slices(self, X: StoredArray) -> Hashes:
        block = np.array(X, dtype=np.float32, order="C")
        block += np.float32(0)  # -0 is 0
        block[np.isnan(block)] = np.nan
        return self._hashes(one.data for one in block)

    def _hashes(self, values: Iterable[bytes | memoryview]) -> Hashes:
        found = b""
        for value in values:
            salted = sha256(bytes.fromhex(self.salt))
            salted.update(value)
            found += salted.digest()[:_BYTES]
        return np.frombuffer(found, dtype=np.uint64).copy()
