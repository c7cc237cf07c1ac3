"""The patient of a DICOM file, and whether two series can be of the same person."""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Any

from ctmri_detect.io.volumes.dicom_slices import UnusableError, optional

PERSON_TAGS = ["PatientSex", "PatientBirthDate"]
Marks = set[tuple[str, str]]

_SALT = secrets.token_bytes(32)  # new in each process, so that no table of hashes helps
_KNOWN_SEX = {"M", "F"}


def identity_of(header: Any, relative: str, pattern: str | None) -> tuple[str, str]:
    """The PatientID and its issuer, or what `pattern` finds in the path.

    Raises
    ------
    UnusableError
        If there is no PatientID, or `pattern` finds nothing.
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
    """Salted hashes of sex and birth date, to compare within this process and never to show.

    Values that are empty or damaged, and a sex that is neither M nor F, are left out.
    """
    found = {tag: str(optional(header, tag) or "").strip().upper() for tag in PERSON_TAGS}
    if found["PatientSex"] not in _KNOWN_SEX:
        found["PatientSex"] = ""
    date = re.sub("[^0-9]", "", found["PatientBirthDate"])  # older files write dots in dates
    found["PatientBirthDate"] = date if len(date) == 8 and int(date) else ""
    return {(tag, _hidden(value)) for tag, value in found.items() if value}


def differing(one: Marks, other: Marks) -> tuple[str, ...]:
    """The tags for which both series have values, but none in common."""
    found = []
    for tag in PERSON_TAGS:
        here, there = ({value for name, value in marks if name == tag} for marks in (one, other))
        if here and there and not here & there:
            found.append(tag)
    return tuple(found)


def _hidden(value: str) -> str:
    return hashlib.blake2b(value.encode(), digest_size=16, key=_SALT).hexdigest()
