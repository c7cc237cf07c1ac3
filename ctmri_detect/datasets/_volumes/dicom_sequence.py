"""The name of an MRI sequence, out of a closed list."""

from __future__ import annotations

import re
from typing import Any

_WORDS = {  # looked for in this order: a "t2 flair" is a FLAIR, a "t2 diffusion" diffusion
    "flair": r"flair|dark.?fluid",
    "dwi": r"dwi|diff|adc|dti|trace",
    "swi": r"swi|swan|t2[ _-]?\*|t2star|hemo",
    "t1": r"t1|mp.?rage|bravo|(^|[^a-z])(tfe|ffe|spgr)([^a-z]|$)",
    "t2": r"t2",
    "pd": r"(^|[^a-z])pdw?([^a-z]|$)|proton",
}


def sequence_of(header: Any) -> str | None:
    """``"t1"``, ``"t2"``, ``"flair"``, ``"pd"``, ``"dwi"``, ``"swi"`` or None.

    From the series' description, which itself is never passed on since people write names
    into it; else, for spin echo and inversion recovery, from echo, repetition and inversion
    time by the usual limits (T1: TE < 30 ms, TR < 1000 ms; T2: TE > 70 ms; proton density: TE
    < 30 ms, TR > 1800 ms; FLAIR: T2 with an inversion pulse after 1500 ms or more).

    When it fails: a gradient echo without a word in its description stays None, and a
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
    >>> from ctmri_detect.datasets._volumes.dicom_sequence import sequence_of
    >>> sequence_of({"SeriesDescription": "AX T2 FLAIR FS"})
    'flair'
    >>> sequence_of({"ScanningSequence": "SE", "EchoTime": 90, "RepetitionTime": 4000})
    't2'
    """
    text = str(header.get("SeriesDescription") or "").lower()
    for name, pattern in _WORDS.items():
        if re.search(pattern, text):
            return name
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
