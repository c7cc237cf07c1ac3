"""Whose images a DICOM file holds, and whether two series can be of one person."""

from __future__ import annotations

import hashlib
import re
import secrets
import warnings
from typing import Any

from ctmri_detect.io.volumes.dicom_slices import UnusableError

PERSON_TAGS = ["PatientSex", "PatientBirthDate"]
Marks = set[tuple[str, str]]

_SALT = secrets.token_bytes(32)  # of this process: nobody can look a date up in a table
_KNOWN_SEX = {"M", "F"}


def identity_of(header: Any, relative: str, pattern: str | None) -> tuple[str, str]:
    """The PatientID and who issued it, or what `pattern` finds in the path.

    Raises
    ------
    UnusableError
        Where there is none.
    """
    if pattern is not None:
        match = re.search(pattern, relative)
        if match is None:
            raise UnusableError("patient= matches nothing in its path")
        return match.group(1 if match.re.groups else 0), ""
    identifier = str(header.get("PatientID") or "").strip()
    if not identifier:
        raise UnusableError("has no PatientID; pass patient=, a regular expression for the path")
    return identifier, str(header.get("IssuerOfPatientID") or "")


def marks_of(header: Any) -> Marks:
    """Salted hashes of sex and birth date, to be compared within this process and never shown.

    What is empty, damaged, or neither M nor F, says nothing.
    """
    found = {}
    for tag in PERSON_TAGS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom's warnings quote values
            try:
                found[tag] = str(header.get(tag) or "").strip().upper()
            except Exception:  # a damaged date raises whatever it is parsed by
                found[tag] = ""
    if found["PatientSex"] not in _KNOWN_SEX:
        found["PatientSex"] = ""
    date = re.sub("[^0-9]", "", found["PatientBirthDate"])  # older ones have dots
    found["PatientBirthDate"] = date if len(date) == 8 and int(date) else ""
    return {(tag, _hidden(value)) for tag, value in found.items() if value}


def differing(one: Marks, other: Marks) -> tuple[str, ...]:
    """The tags in which two series have no value in common, though both have one."""
    found = []
    for tag in PERSON_TAGS:
        here, there = ({value for name, value in marks if name == tag} for marks in (one, other))
        if here and there and not here & there:
            found.append(tag)
    return tuple(found)


def _hidden(value: str) -> str:
    return hashlib.blake2b(value.encode(), digest_size=16, key=_SALT).hexdigest()
