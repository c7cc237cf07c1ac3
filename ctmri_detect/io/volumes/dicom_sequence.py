"""The MRI sequence of a DICOM series, by its description or its timing."""

from __future__ import annotations

from typing import Any

from ctmri_detect.io.sequences import read_sequence


def sequence_of(header: Any) -> str | None:
    """The sequence: "t1", "t1ce", "t2", "flair", "pd", "dwi", "adc", "swi", or None.

    It is read from the series' description by `read_sequence`. The description itself is never
    passed on, because it may hold names of people. If it says nothing about a sequence, spin echo
    and inversion recovery are judged by their timing, with the usual limits: T1: TE < 30 ms, TR <
    1000 ms; T2: TE > 70 ms; proton density: TE < 30 ms, TR > 1800 ms; FLAIR: T2 with an inversion
    time of 1500 ms or more.

    When it fails: a gradient echo without such a word in its description stays None, and a
    description may be wrong.

    Parameters
    ----------
    header : mapping-like
        With SeriesDescription, ScanningSequence, EchoTime, RepetitionTime, InversionTime.

    Returns
    -------
    str or None

    Examples
    --------
    >>> from ctmri_detect.io.volumes.dicom_sequence import sequence_of
    >>> sequence_of({"SeriesDescription": "AX T2 FLAIR FS"})
    'flair'
    >>> sequence_of({"ScanningSequence": "SE", "EchoTime": 90, "RepetitionTime": 4000})
    't2'
    """
    said = read_sequence(str(header.get("SeriesDescription") or ""))
    if said.anything:
        return said.name
    scanning = header.get("ScanningSequence") or ""
    kinds = {scanning} if isinstance(scanning, str) else {str(kind) for kind in scanning}
    if not kinds & {"SE", "IR"} or kinds & {"GR", "EP"}:
        return None
    echo, repetition, inversion = (
        float(header.get(tag) or 0) for tag in ("EchoTime", "RepetitionTime", "InversionTime")
    )
    if echo > 70:
        return "flair" if inversion >= 1500 else "t2"
    if 0 < echo < 30 and inversion == 0:
        return "t1" if 0 < repetition < 1000 else "pd" if repetition > 1800 else None
    return None
