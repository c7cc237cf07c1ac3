"""Put anomalies into healthy CT and MRI, real or synthetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.random import RandomState, SeedSequence
from numpy.typing import ArrayLike, NDArray
from tqdm.auto import tqdm

from ctmri_detect._arrays import plain_array
from ctmri_detect._floats import with_default_floats
from ctmri_detect._parameters import OneOf, check_value
from ctmri_detect._random import own_random_state
from ctmri_detect._types import PairsLike
from ctmri_detect.ct_units import CTUnits, check_ct_units
from ctmri_detect.exceptions import InjectionError, InvalidPairsError
from ctmri_detect.pairs import Pairs
from ctmri_detect.synthesis._inject import Injected, Request, inject
from ctmri_detect.synthesis._partners import Partners
from ctmri_detect.synthesis.catalogue import check_kinds, is_whole_slice
from ctmri_detect.synthesis.head_planes import HeadPlanes
from ctmri_detect.synthesis.kinds import SEVERITIES
from ctmri_detect.synthesis.reading import check_ct_values, likeliest_sequences
from ctmri_detect.validation import check_pairs, groups_of

__all__ = ["inject_anomalies"]


@with_default_floats
def inject_anomalies(
    X: PairsLike,
    kinds: str | Sequence[str] = "default",
    *,
    severity: str = "moderate",
    ct_units: str | None = None,
    sequence: str | Mapping[str, str] | None = None,
    spacing: float | ArrayLike | None = None,
    groups: ArrayLike | None = None,
    on_failure: str = "raise",
    progress: bool = False,
    random_state: int | RandomState | None = None,
) -> tuple[Any, NDArray[np.bool_], pd.DataFrame]:
    """Put one anomaly into each sample of a healthy set.

    A lesion replaces tissue. Its HU, T1, T2 and proton density decide what it looks like in CT and
    in each MRI. The levels of fluid, grey and white matter are estimated from the planes, and the
    noise of the planes is kept. Bleeds and tumours push tissue aside in all planes. CT and MRI can
    also contradict each other (swapped or foreign MRI), or have artefacts as scanners make them.
    Anomalies lie where anatomy allows them: blood outside the brain under the skull, an infarct
    within one vascular territory, nothing in air.

    X may have only CT or only MRI, except for kinds that need both. Without a CT, fluid is found by
    its level in one MRI, which is less certain. PET stays as it is, because the uptake of a lesion
    does not follow from its tissue. An exchange replaces all MRI planes; an MRI artefact spoils one
    of them, drawn at random.

    It fails where the estimates fail: a slice with a large lesion does not show three tissues, and
    an 8-bit CT is taken for the brain window (width 80 HU, level from the image). An MRI that is
    not T1, T2, PD or FLAIR (such as diffusion) is treated as the one of these that it resembles:
    remove it first (``X.select``). Territories and lesion shapes are schematic. Results on injected
    lesions are easier to get than results on real ones, and mean less.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_planes, height, width)
        Healthy samples, raw (before windowing and scaling); NaN = not observed. X is not changed.
        Two planes are CT and MRI; others need names:
        ``Pairs(X, modalities=("CT", "T1", "FLAIR"))``.
    kinds : "default", str or sequence of str, default="default"
        Kinds of anomaly, assigned in turn, row by row; `anomaly_kinds` lists all. A list of n names
        gives each sample its own.
    severity : {"mild", "moderate", "severe"}, default="moderate"
        Lesion diameter (6-12, 12-24, 20-40 mm) and share of tissue replaced; strength of artefacts.
    ct_units : {"hu", "uint8"} or None, default=None
        Units of the CT, see `ctmri_detect.ct_units`. None: those of `Pairs`, else "hu".
    sequence : {"t1", "t2", "flair", "pd"}, dict or None, default=None
        MRI sequence; with several MRI planes a dict, such as ``{"MPRAGE": "t1"}``. For None, and
        for planes that are not in the dict: the sequence in the plane's name ("T1", "T2w",
        "FLAIR"), else the one that fits the levels of the tissues best in most of up to 15 samples.
        Without any CT and without such a name, it must be given.
    spacing : float, array-like of shape (n_samples,) or None, default=None
        Side of a pixel in mm; every size in mm depends on it. None: that of `Pairs` (for pixels
        that are not square, the side of a square of equal area), else 1.
    groups : array-like of shape (n_samples,) or None, default=None
        Patient of each sample, not needed where X are `Pairs` that know them. Only "swapped_slice"
        and "foreign_slice" need patients.
    on_failure : {"raise", "skip"}, default="raise"
        What to do with samples that can't hold their anomaly. "raise": an error that names them.
        "skip": leave them healthy (kind "normal" in the frame, with the reason).
    progress : bool, default=False
        Show a progress bar on stderr.
    random_state : int, RandomState instance or None, default=None
        The same seed gives the same bits. What is drawn for a row does not depend on other rows.

    Returns
    -------
    X : float32 ndarray of shape (n_samples, n_planes, height, width)
        If X are `Pairs`, `Pairs` with the same patients, units, spacing, names and frame.
    masks : bool ndarray of shape (n_samples, height, width)
        True = more than half lesion, with its oedema, but without tissue that is only displaced.
        Empty for whole-slice kinds.
    frame : DataFrame
        One row per sample: sample, kind, severity, whole_slice, area_mm2, diameter_mm (of the disc
        of equal area), cnr_ct, cnr_mri (root mean square change in noise SDs, with the sign of the
        mean change), reason ("" unless skipped). Targets:
        ``np.where(frame.kind == "normal", 1, -1)``. Planes with other names have their own columns
        (cnr_t1, ...), and artefact_plane names the plane with an artefact.

    Raises
    ------
    InvalidPairsError
        If X is no array of samples, has planes without names, or lacks the CT or MRI that a kind
        needs; if the values of its CT don't fit `ct_units`; if `Pairs` know other units or patients
        than are given.
    InjectionError
        If samples can't hold their anomaly and `on_failure` is "raise".
    ValueError
        If a parameter is out of its range.

    Examples
    --------
    >>> from ctmri_detect.datasets import make_phantom_pairs
    >>> healthy = make_phantom_pairs(2, 2, size=96, anomalous_fraction=0, random_state=0)
    >>> X, masks, frame = inject_anomalies(
    ...     healthy.data, ["haematoma", "tumour"], random_state=0
    ... )
    >>> frame["kind"].tolist(), bool(masks.any(axis=(1, 2)).all())
    (['haematoma', 'tumour', 'haematoma', 'tumour'], True)
    """
    reader = check_pairs(X)
    planes = HeadPlanes.of(reader)
    names = check_kinds(kinds)
    planes.check_kinds(names)
    check_value("severity", severity, [OneOf(*SEVERITIES)])
    ct_units = _units(X, ct_units)
    check_value("on_failure", on_failure, [OneOf("raise", "skip")])
    asked = planes.sequences(sequence)
    spacings = _spacings(_spacing_of(X) if spacing is None else spacing, len(reader))
    units = cast(CTUnits, ct_units)
    if planes.ct is not None:
        check_ct_values(reader, units, planes.ct)
    sequences = likeliest_sequences(reader, planes, asked, units, spacings)
    plan = [names[i % len(names)] for i in range(len(reader))]
    partners = Partners(reader, planes, plan, groups_of(X, groups))
    out = np.empty(reader.shape, np.float32)
    masks = np.zeros((len(reader), *reader.shape[2:]), bool)
    rows = []
    entropy = own_random_state(random_state).randint(2**31, size=4, dtype=np.int64)
    seeds = SeedSequence(entropy.tolist()).spawn(len(reader))
    for i, seed in enumerate(tqdm(seeds, disable=not progress, unit="sample")):
        request = Request(plan[i], severity, units, spacings[i], sequences, seed)
        sample = reader[i : i + 1][0]
        made, reason = _attempt(planes.take(sample), request, partners, i)
        out[i], masks[i] = planes.put(sample, made.pair), made.mask
        rows.append(_row(i, request, made, reason, planes))
    frame = pd.DataFrame(rows)
    if on_failure == "raise" and (frame["reason"] != "").any():
        raise InjectionError(_complaint(frame[frame["reason"] != ""], plan))
    return X.replace(array=out) if isinstance(X, Pairs) else out, masks, frame


def _units(X: PairsLike, ct_units: str | None) -> str:
    """The given units, or those that the pairs know."""
    known = X.ct_units if isinstance(X, Pairs) else None
    if ct_units is not None:
        check_ct_units(ct_units, "ct_units")
    if None not in (known, ct_units) and known != ct_units:
        raise InvalidPairsError(
            f"ct_units is {ct_units!r}, but the CT of X are in {known!r}. Leave ct_units out, or "
            "correct X: X.replace(ct_units=...)."
        )
    return ct_units or known or "hu"


def _spacing_of(X: PairsLike) -> Any:
    """mm per pixel that the pairs know, one number each; 1 where they don't."""
    known = X.spacing if isinstance(X, Pairs) else None
    return 1.0 if known is None else np.sqrt(known.prod(axis=1))


def _spacings(spacing: Any, n: int) -> list[float]:
    """mm per pixel of each sample."""
    values = np.asarray(plain_array(spacing), dtype=np.float64)
    if values.shape not in ((), (n,)) or not (np.isfinite(values) & (values > 0)).all():
        raise ValueError(
            f"spacing is {spacing!r}; expected mm per pixel: one number above 0, or one for each "
            f"of the {n} samples."
        )
    return [float(value) for value in np.broadcast_to(values, n)]


def _attempt(
    pair: NDArray[np.float32], request: Request, partners: Partners, row: int
) -> tuple[Injected, str]:
    """CT and MRI with their anomaly; or unchanged, with the reason."""
    try:
        return inject(pair, request, partners.other_mri(row, request.seed)), ""
    except InjectionError as error:
        nothing = np.zeros(pair.shape[1:], bool)
        return Injected(pair, nothing, (np.nan,) * len(pair)), str(error)


def _row(
    i: int, request: Request, made: Injected, reason: str, planes: HeadPlanes
) -> dict[str, Any]:
    area = float(made.mask.sum()) * request.spacing**2
    spoilt = None if made.spoilt is None else planes.plane_name(made.spoilt)
    return {
        "sample": i,
        "kind": "normal" if reason else request.kind,
        "severity": None if reason else request.severity,
        "whole_slice": not reason and is_whole_slice(request.kind),
        **({} if planes.two else {"artefact_plane": spoilt}),
        "area_mm2": area,
        "diameter_mm": 2.0 * float(np.sqrt(area / np.pi)),
        **planes.contrasts(made.cnr),
        "reason": reason,
    }


def _complaint(failed: pd.DataFrame, plan: list[str]) -> str:
    listed = [f"{row.sample} ({plan[row.sample]}): {row.reason}" for row in failed.itertuples()]
    more = f"; and {len(listed) - 10} more" if len(listed) > 10 else ""
    return (
        f"{len(listed)} of {len(plan)} samples can't hold their anomaly: {'; '.join(listed[:10])}"
        f"{more}. Leave these samples or kinds out, or pass on_failure='skip'."
    )
