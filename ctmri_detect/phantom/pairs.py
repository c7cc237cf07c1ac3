"""A digital head phantom: CT and MRI slices of synthetic people, with known anomalies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.random import RandomState
from sklearn.utils import Bunch

from ctmri_detect._floats import with_default_floats
from ctmri_detect._parameters import check_value, integer, number
from ctmri_detect.io.loaded import loaded
from ctmri_detect.phantom.options import make_setting
from ctmri_detect.phantom.sequences import sequence_label
from ctmri_detect.phantom.subjects import (
    columns,
    give_out,
    make_subject,
    slice_row,
    subject_name,
    subject_seeds,
)
from ctmri_detect.storage.pair_store import PairStore
from ctmri_detect.synthesis.catalogue import check_kinds

__all__ = ["make_phantom_pairs"]

_DESCR = """Synthetic paired CT and MRI slices of the head (digital phantom)

Anatomy: ICBM152 2009a tissue maps (packaged with nilearn), warped anew for each subject, with
skull and scalp as shells. Physics: partial volume, point spread and noise of CT in HU; spin-echo
equation, bias field and Rician noise of MRI at {field_strength} T in arbitrary units ({sequence}).
Subjects: {n_subjects}; slices: {n_slices}; with an anomaly: {n_anomalous} ({severity}).

Nothing here comes from a patient's examination. Results of a detector on this phantom show how it
compares with other detectors on it, not how it would do in a clinic: gyri are those of an average
brain, neck and face are missing, and a lesion is in one slice only.
"""


@with_default_floats
def make_phantom_pairs(
    n_subjects: int = 20,
    slices_per_subject: int = 8,
    *,
    size: int = 256,
    slice_spacing: float | None = None,
    kinds: str | Sequence[str] = "default",
    anomalous_fraction: float = 0.5,
    severity: str = "moderate",
    sequence: str | Sequence[str] = "t2",
    field_strength: float = 1.5,
    ct_artefacts: str | Sequence[str] = ("cupping",),
    out: str | Path | None = None,
    n_jobs: int | None = None,
    random_state: int | RandomState | None = None,
) -> Bunch:
    """Make paired CT and MRI slices of synthetic heads, some with an anomaly.

    Each subject is one smooth random warp of a template brain with its own ventricles, sulci,
    skull, scalp and normal calcifications. All its slices are cut from that one head. A lesion is a
    change of tissue, made before point spread and noise. So its look in each modality follows from
    HU, T1, T2 and proton density. Bleeds and tumours push tissue aside in both. The images are
    raw, with air and skull.

    It can't replace patients: the gyri are those of an average brain, neck and face are missing,
    and a lesion lies in one slice only (in `make_phantom_volumes` it is in all slices that it
    reaches). Use it to test code and to compare methods, never to claim clinical accuracy.
    Diffusion is not modelled. ``docs/phantom.md`` compares it with real images.

    Parameters
    ----------
    n_subjects : int, default=20
        Number of synthetic people, 1 or more.
    slices_per_subject : int, default=8
        Axial slices of each, 1 or more.
    size : int, default=256
        Height and width in pixels, 64 or more; the field of view is always 250 mm. Time and memory
        grow with its square.
    slice_spacing : float or None, default=None
        Distance between slices in mm, above 0. They lie around MNI z = 24 mm. None spreads them
        evenly from about z = -8 mm (midbrain) to 56 mm.
    kinds : "default", str or sequence of str, default="default"
        Kinds of anomaly, assigned in turn; one name means that kind alone. "default" is
        `ctmri_detect.synthesis.DEFAULT_KINDS`; `ctmri_detect.synthesis.anomaly_kinds` lists all.
    anomalous_fraction : float, default=0.5
        Share of slices with an anomaly, 0 to 1, spread evenly over the subjects; exactly
        ``round(anomalous_fraction * n)`` slices.
    severity : {"mild", "moderate", "severe"}, default="moderate"
        Lesion diameter (6-12, 12-24, 20-40 mm) and share of the tissue it replaces; strength of
        artefacts.
    sequence : {"t1", "t2", "flair", "pd"} or sequence of these, default="t2"
        MRI sequence, spin echo. Several, such as ``("t1", "t2", "flair")``, give one plane each
        of the same head with the same lesion. Each has its own gain, bias field, noise and small
        shift, and takes little more time.
    field_strength : {1.5, 3.0}, default=1.5
        Tesla.
    ct_artefacts : str or sequence of {"cupping", "streaks"}, default=("cupping",)
        Effects of beam hardening in the CT, also in healthy slices. "cupping": a bright rim beside
        the skull. "streaks": dark bands between dense bones (slower). ``()``: none of them.
    out : str, Path or None, default=None
        Write the pairs to this new ``.npy`` file, subject by subject; `data` then reads from it.
        The masks (an eighth of the size) stay in memory.
    n_jobs : int or None, default=None
        Processes that make subjects at the same time; -1 is one per core. It doesn't change the
        result.
    random_state : int, RandomState instance or None, default=None
        The same seed gives the same bits. A subject depends only on the seed and its number, not
        on how many others there are.

    Returns
    -------
    sklearn.utils.Bunch
        - data : `Pairs` of shape (n, 2, size, size), CT in HU and MRI in arbitrary units, that know
          groups, spacing, ct_units and, in their frame, `volume` (the subject) and `z_mm`. With a
          list of sequences: (n, 1 + number of sequences, size, size), planes named CT, T1, ...
        - target : int64 ndarray of shape (n,), +1 normal, -1 anomalous.
        - masks : bool ndarray of shape (n, size, size), True = more than half lesion; empty for
          kinds that change the whole slice.
        - groups : str ndarray of shape (n,), the subject ("sub-000", ...).
        - frame : DataFrame with ct, mri (None: there are no files), patient, slice (z in mm),
          spacing (mm per pixel), sequence, kind, severity, whole_slice, area_mm2, diameter_mm (of
          the disc of equal area), cnr_ct and cnr_mri (root mean square change against the same
          slice without the lesion, in noise SDs, with the sign of the mean change; over the
          lesion, or over the head for whole slices), mri_shift_x and mri_shift_y (the subject's
          misregistration, mm). With a list of sequences, each has its own columns (cnr_t1,
          t1_shift_x, ...), and artefact_plane names the plane with an artefact.
        - paired : True. ct_units : "hu". orientation : "radiological" (the patient's right is on
          the left of the image). skipped : []. DESCR : str.

    Raises
    ------
    ValueError
        If a parameter is out of its range; the message lists what is valid.
    InjectionError
        If no visible lesion fits into its slice.
    FileExistsError
        If `out` exists.
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
    >>> from ctmri_detect.datasets import make_phantom_pairs
    >>> pairs = make_phantom_pairs(2, 2, size=64, random_state=0)
    >>> pairs.data.shape, pairs.target.tolist().count(-1)
    ((4, 2, 64, 64), 2)
    """
    check_value("n_subjects", n_subjects, [integer(1)])
    check_value("slices_per_subject", slices_per_subject, [integer(1)])
    check_value("anomalous_fraction", anomalous_fraction, [number(0, 1)])
    if slice_spacing is not None:
        check_value("slice_spacing", slice_spacing, [number(above=0)])
    names = check_kinds(kinds)
    setting = make_setting(size, severity, sequence, field_strength, ct_artefacts)
    label = sequence_label(sequence)
    n_anomalous = round(anomalous_fraction * n_subjects * slices_per_subject)
    seeds = subject_seeds(random_state, n_subjects)
    masks, rows = [], []
    with PairStore(out) as store:
        subjects = Parallel(n_jobs=n_jobs, return_as="generator")(
            delayed(make_subject)(seed, plan, slices_per_subject, slice_spacing, setting)
            for seed, plan in zip(seeds, give_out(names, n_anomalous, n_subjects), strict=True)
        )
        for k, (person, kinds_of, slices) in enumerate(subjects):
            common = {"patient": subject_name(k), "sequence": label}
            for index, made in enumerate(slices):
                store.append(made.pair[None])
                masks.append(made.mask)
                rows.append(common | slice_row(made, person, index, setting, kinds_of[index]))
    frame = pd.DataFrame(rows)
    counts = {"n_subjects": n_subjects, "n_slices": len(frame), "n_anomalous": n_anomalous}
    described = {"sequence": label, "severity": severity, "field_strength": field_strength}
    places = pd.DataFrame({"volume": frame["patient"], "z_mm": frame["slice"]})
    found = loaded(
        store.data(),
        frame[columns(setting)],
        ct_units="hu",
        paired=True,
        skipped=[],
        description=_DESCR.format(**counts, **described),
        target=np.where(frame["kind"] == "normal", 1, -1).astype(np.int64),
        masks=np.stack(masks),
        places=places,
        orientation="radiological",
    )
    found.data = found.data.replace(modalities=[name.upper() for name in setting.planes])
    return found
