"""The planes of a sample: a CT, an MRI, or several sequences by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from ctmri_detect._parameters import OneOf, check_value
from ctmri_detect.io.sequences import known_sequence

MODALITIES = ("both", "ct", "mri")
"""What `modality` may be."""

PAIRED, ALONE, LACKS = "paired", "alone", "lacks "
_MOST = 8


@dataclass(frozen=True)
class Planes:
    """The planes of a sample, in order.

    Attributes
    ----------
    names : tuple of str
        "ct", and "mri" or the name of each sequence; columns of the frame of `find_pairs`.
    sequences : tuple of str
        The sequences that are used; empty means any.

    Examples
    --------
    >>> Planes.wanted("both", ("t1", "flair")).names, Planes.wanted("both", "t2").names
    (('ct', 't1', 'flair'), ('ct', 'mri'))
    >>> Planes.wanted("mri", "t2").modalities
    ('T2',)
    """

    names: tuple[str, ...] = ("ct", "mri")
    sequences: tuple[str, ...] = ()

    @classmethod
    def wanted(cls, modality: str, sequence: str | Sequence[str] | None) -> Planes:
        """The planes that the parameters of a loader mean.

        Raises
        ------
        ValueError
            For an unknown modality or sequence, a sequence twice, and more than eight planes.
        """
        check_value("modality", modality, [OneOf(*MODALITIES)])
        given = [sequence] if isinstance(sequence, str) else list(sequence or [])
        if sequence is not None and not given:
            raise ValueError("sequence is empty; expected names such as ('t1', 'flair'), or None.")
        found = tuple(name for each in given if (name := known_sequence(each)) is not None)
        if len(set(found)) < len(found):
            raise ValueError(
                f"sequence is {sequence!r}, which names a sequence twice; expected each once."
            )
        if modality == "ct":
            if found:
                raise ValueError(
                    f"modality is 'ct', and sequence is {sequence!r}; expected no sequence with "
                    "the CT alone. Leave sequence out, or pass modality='both'."
                )
            return cls(("ct",))
        single = isinstance(sequence, str) and modality == "both"
        names = ("mri",) if single or not found else found
        names = ("ct", *names) if modality == "both" else names
        if len(names) > _MOST:
            raise ValueError(
                f"sequence names {len(found)} sequences; expected {_MOST - 1} at most."
            )
        return cls(names, found)

    @classmethod
    def of_modalities(cls, modalities: Iterable[str]) -> Planes:
        """The planes with these names, such as those on which a model was fitted."""
        names = tuple(name.lower() for name in modalities)
        return cls(names, tuple(name for name in names if name not in ("ct", "mri")))

    @property
    def modalities(self) -> tuple[str, ...]:
        """The names as `Pairs` have them."""
        return tuple(name.upper() for name in self.names)

    @property
    def modality(self) -> str:
        """The parameter: "both", "ct" or "mri"."""
        return "mri" if "ct" not in self.names else "ct" if self.names == ("ct",) else "both"

    @property
    def is_pair(self) -> bool:
        """Whether the planes are one CT and one MRI; a sample then needs both."""
        return self.names == ("ct", "mri")

    @property
    def is_alone(self) -> bool:
        """Whether there is one plane, so that nothing has to be paired."""
        return len(self.names) == 1

    def of(self, modality: str, sequence: str | None) -> str | None:
        """The plane of an image; None where it belongs to none.

        Examples
        --------
        >>> both = Planes.wanted("both", ("t1", "flair"))
        >>> both.of("ct", None), both.of("mri", "flair"), both.of("mri", "t2")
        ('ct', 'flair', None)
        """
        if modality == "ct":
            return "ct" if "ct" in self.names else None
        if "mri" in self.names:
            return "mri" if not self.sequences or sequence in self.sequences else None
        return sequence if sequence in self.names else None

    def status(self, there: Iterable[str]) -> str:
        """The `status` of a sample with these planes.

        Examples
        --------
        >>> Planes.wanted("both", ("t1", "flair")).status(["ct", "t1"])
        'lacks FLAIR'
        """
        there = set(there)
        lacking = [name.upper() for name in self.names if name not in there]
        if lacking:
            return LACKS + ", ".join(lacking)
        return ALONE if self.is_alone else PAIRED


def is_sample(found: pd.DataFrame) -> pd.Series:
    """Which rows of `find_pairs` are samples; the others are files left over.

    Examples
    --------
    >>> frame = pd.DataFrame({"status": ["paired", "no MRI of this name", "lacks T1", "alone"]})
    >>> is_sample(frame).tolist()
    [True, False, True, True]
    """
    status = found["status"].astype(str)
    return status.isin([PAIRED, ALONE]) | status.str.startswith(LACKS)


def is_together(found: pd.DataFrame) -> pd.Series:
    """Which rows of `find_pairs` are samples with two images or more.

    Examples
    --------
    >>> rows = [["a", None, "p", "lacks T1"], ["a", "b", "p", "paired"]]
    >>> is_together(pd.DataFrame(rows, columns=["ct", "t1", "patient", "status"])).tolist()
    [False, True]
    """
    return is_sample(found) & (found[plane_columns(found)].notna().sum(axis=1) > 1)


def plane_columns(frame: pd.DataFrame) -> list[str]:
    """The columns with a file for each plane: those before `patient`.

    Examples
    --------
    >>> plane_columns(pd.DataFrame(columns=["ct", "t1", "flair", "patient", "slice"]))
    ['ct', 't1', 'flair']
    """
    return [str(name) for name in frame.columns[: list(frame.columns).index("patient")]]


def first_file(row: pd.Series) -> str:
    """The file of the first plane that has one: the CT, if there is a CT.

    Parameters
    ----------
    row : Series
        A row of `find_pairs`, or of the frame of a loader.

    Examples
    --------
    >>> first_file(pd.Series({"ct": None, "t1": "t1/a.png", "patient": "a"}))
    't1/a.png'
    """
    names = list(row.index[: list(row.index).index("patient")])
    return str(next((row[name] for name in names if isinstance(row[name], str)), ""))
