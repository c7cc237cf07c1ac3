"""A digital head phantom: paired CT and MRI slices of synthetic people, with known lesions."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np
import pandas as pd
from numpy.random import RandomState, SeedSequence
from sklearn.utils import Bunch, check_random_state

from ctmri_detect.datasets._phantom.compose import (
    PairedSlice,
    draw_person,
    pixel_spacing,
    render_slice,
)
from ctmri_detect.datasets._phantom.physics import SEQUENCES
from ctmri_detect.synthesis.kinds import LESION_KINDS, SEVERITIES

__all__ = ["make_phantom_pairs"]

_DESCR = """Synthetic paired CT and MRI slices of the head (digital phantom)

Anatomy: ICBM152 2009a tissue maps (packaged with nilearn), warped anew for each subject, with
skull and scalp as shells. Physics: partial volume, point spread and noise of CT in HU; spin-echo
equation, bias field and Rician noise of MRI at 1.5 T in arbitrary units ({sequence}).
Subjects: {n_subjects}; slices: {n_slices}; with a lesion: {n_anomalous} ({severity}).

Nothing here comes from a patient's examination. A detector's figures on this phantom say how it
compares with other detectors on it, not how it would do in a clinic: gyri are those of an average
brain, neck and face are missing, a lesion is confined to one slice and pushes nothing aside.
"""


def make_phantom_pairs(
    n_subjects: int = 20,
    slices_per_subject: int = 8,
    *,
    size: int = 256,
    kinds: str | Sequence[str] = "default",
    anomalous_fraction: float = 0.5,
    severity: str = "moderate",
    sequence: str = "t2",
    random_state: int | RandomState | None = None,
) -> Bunch:
    """Make paired CT and MRI slices of synthetic heads, some with a lesion.

    Each subject is one smooth random warp of a template brain with its own ventricles, sulci,
    skull, scalp and harmless calcifications; all its slices are cut from that one head. A lesion
    is a change of tissue, made before point spread and noise, so that it shows in each modality
    as its HU, T1, T2 and proton density let it. The images are raw: air and skull are in them.

    It fails as a stand-in for patients: the gyri are those of an average brain, neck and face
    are missing, a lesion lies in one slice only and has no mass effect. Use it to test code and
    to compare methods, never to claim clinical accuracy. Diffusion is not modelled.

    Parameters
    ----------
    n_subjects : int, default=20
        Number of synthetic people, 1 or more.
    slices_per_subject : int, default=8
        Axial slices of each, evenly spread from MNI z = -8 to 56 mm, 1 or more.
    size : int, default=256
        Height and width in pixels, 64 or more; the field of view is always 250 mm.
    kinds : "default", str or sequence of str, default="default"
        Kinds of lesion, given out in rotation; one name means that kind alone. "default" is all
        of ``haematoma``, ``infarct_early``, ``infarct_subacute``, ``oedema``, ``tumour``,
        ``calcification``, ``subdural_isodense``, ``contradiction`` (MRI shows fluid where
        CT shows brain).
    anomalous_fraction : float, default=0.5
        Share of slices with a lesion, 0 to 1, spread evenly over the subjects; exactly
        ``round(anomalous_fraction * n)`` slices.
    severity : {"mild", "moderate", "severe"}, default="moderate"
        Lesion diameter (6-12, 12-24, 20-40 mm) and share of the tissue it replaces.
    sequence : {"t1", "t2", "flair", "pd"}, default="t2"
        MRI sequence, spin echo at 1.5 T.
    random_state : int, RandomState instance or None, default=None
        Same seed, same bits. A subject depends on the seed and its place in the row only, not on
        how many others there are.

    Returns
    -------
    sklearn.utils.Bunch
        data : float32 ndarray of shape (n, 2, size, size), CT in HU and MRI in arbitrary units.
        target : int64 ndarray of shape (n,), +1 normal, -1 anomalous.
        masks : bool ndarray of shape (n, size, size), True = more than half lesion.
        groups : str ndarray of shape (n,), the subject ("sub-000", ...).
        frame : DataFrame with ct, mri (None: there are no files), patient, slice (z in mm),
        spacing (mm per pixel), sequence, kind, contrast_ct and contrast_mri (mean change of the
        lesion's pixels against the same slice without it, in noise SDs), area_mm2.
        paired : True. ct_units : "hu". skipped : []. DESCR : str.

    Raises
    ------
    ValueError
        If a parameter is out of its range; the message lists what is valid.
    ImportError
        If nilearn, which brings the template, is not installed.

    References
    ----------
    .. [1] Fonov et al. (2011), "Unbiased average age-appropriate atlases for pediatric studies",
       NeuroImage 54(1):313-327 (ICBM152 2009).
    .. [2] Kwan, Evans, Pike (1999), "MRI simulation-based evaluation of image-processing and
       classification methods", IEEE Trans. Med. Imaging 18(11):1085-1097 (BrainWeb).

    Examples
    --------
    >>> from ctmri_detect.datasets.phantom import make_phantom_pairs
    >>> pairs = make_phantom_pairs(2, 2, size=64, random_state=0)
    >>> pairs.data.shape, pairs.target.tolist().count(-1)
    ((4, 2, 64, 64), 2)
    """
    names = _check(n_subjects, slices_per_subject, size, kinds, anomalous_fraction)
    _one_of("severity", severity, SEVERITIES)
    _one_of("sequence", sequence, SEQUENCES)
    entropy = check_random_state(random_state).randint(2**31, size=4, dtype=np.int64)
    n_anomalous = round(anomalous_fraction * n_subjects * slices_per_subject)
    slices: list[PairedSlice] = []
    rows: list[dict] = []
    for k, seed in enumerate(SeedSequence(entropy.tolist()).spawn(n_subjects)):
        first, last = (j * n_anomalous // n_subjects for j in (k, k + 1))
        lesions = [names[j % len(names)] for j in range(first, last)]
        person_seed, order_seed = seed.spawn(2)
        person = draw_person(person_seed, slices_per_subject)
        plan = _give_out(lesions, slices_per_subject, np.random.default_rng(order_seed))
        for index, kind in enumerate(plan):
            made = render_slice(person, index, size, sequence, kind, severity)
            slices.append(made)
            rows.append(_row(made, k, person.levels[index], size, sequence, kind))
    frame = pd.DataFrame(rows)
    counts = {"n_subjects": n_subjects, "n_slices": len(frame), "n_anomalous": n_anomalous}
    return Bunch(
        data=np.stack([made.pair for made in slices]),
        target=np.where(frame["kind"] == "normal", 1, -1).astype(np.int64),
        masks=np.stack([made.mask for made in slices]),
        groups=frame["patient"].to_numpy(dtype=str),
        frame=frame,
        paired=True,
        ct_units="hu",
        skipped=[],
        DESCR=_DESCR.format(sequence=sequence, severity=severity, **counts),
    )


def _give_out(lesions: list[str], n_slices: int, rng: np.random.Generator) -> list[str | None]:
    """Put the kinds that fall to a subject on slices drawn at random."""
    plan: list[str | None] = [None] * n_slices
    for place, kind in zip(rng.permutation(n_slices), lesions, strict=False):
        plan[int(place)] = kind
    return plan


def _row(
    made: PairedSlice, subject: int, z: float, size: int, sequence: str, kind: str | None
) -> dict:
    spacing = pixel_spacing(size)
    return {
        "ct": None,
        "mri": None,
        "patient": f"sub-{subject:03d}",
        "slice": float(z),
        "spacing": spacing,
        "sequence": sequence,
        "kind": kind or "normal",
        "contrast_ct": made.contrast[0],
        "contrast_mri": made.contrast[1],
        "area_mm2": float(made.mask.sum()) * spacing**2,
    }


def _check(
    n_subjects: int, slices: int, size: int, kinds: str | Sequence[str], fraction: float
) -> list[str]:
    """Refuse what makes no phantom; returns the names of the kinds."""
    least = (("n_subjects", n_subjects, 1), ("slices_per_subject", slices, 1), ("size", size, 64))
    for name, value, low in least:
        if not isinstance(value, Integral) or value < low:
            raise ValueError(f"{name} is {value!r}; expected an integer of at least {low}.")
    if not isinstance(fraction, Real) or not 0 <= fraction <= 1:
        raise ValueError(f"anomalous_fraction is {fraction!r}; expected a number from 0 to 1.")
    names = list(LESION_KINDS) if isinstance(kinds, str) and kinds == "default" else kinds
    names = [names] if isinstance(names, str) else list(names)
    if not names:
        raise ValueError(f"kinds is empty; expected 'default' or some of {list(LESION_KINDS)}.")
    for name in names:
        _one_of("kinds", name, LESION_KINDS)
    return names


def _one_of(parameter: str, value: str, valid: dict) -> None:
    if value not in valid:
        raise ValueError(f"{parameter} has {value!r}; expected one of {list(valid)}.")
