"""Run the library on one case, and the laws that hold for every result."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ctmri_detect import datasets, exceptions, inspection

from .case import CALLS, Case, Outcome, Outcomes

NOBODY = 65534
_OURS = tuple(
    error
    for error in vars(exceptions).values()
    if isinstance(error, type) and issubclass(error, ValueError)
)
_SIZES = "pass size="  # a ValueError that the documentation names


def run(case: Case, *, describe: bool = True, page: bool = False) -> Outcomes:
    """What each call gives; nothing that it raises gets out.

    `describe_pairs` takes most of the time; without `describe` it is left out. With `page`
    what it found is written as a page, too.
    """
    calls = CALLS if describe else CALLS[:-1]
    folder = case.target or case.folder
    if case.unprivileged and os.geteuid() == 0:  # once with all rights: somebody else may not
        for name in calls:  # read the modules that are imported on the way
            _call(name, folder, case, _as_it_is)
    rights = _without_rights if case.unprivileged else _as_it_is
    out = {name: Outcome(left_out=True) for name in CALLS}
    out |= {name: _call(name, folder, case, rights) for name in calls}
    if page and out["describe_pairs"].value is not None:
        out["write_inspection"] = _caught(_page, rights, out["describe_pairs"].value, folder)
    return out


def _page(description: Any, folder: Path) -> str:
    """The text of the page."""
    from ctmri_detect.inspection.page import write_inspection  # matplotlib takes a second

    with tempfile.TemporaryDirectory() as name:
        path = write_inspection(description, folder, Path(name) / "page.html")
        return path.read_text(encoding="utf-8")


def _call(name: str, folder: Any, case: Case, rights: Any) -> Outcome:
    options = case.options.get(name, {})
    room = inspection if name == "describe_pairs" else datasets
    return _caught(getattr(room, name), rights, folder, **options)


def _caught(call: Any, rights: Any, *given: Any, **options: Any) -> Outcome:
    outcome = Outcome()
    with warnings.catch_warnings(record=True) as caught, rights():
        warnings.simplefilter("always")
        try:
            outcome.value = call(*given, **options)
        except Exception as error:
            outcome.error = error
    for one in caught:
        place = "/".join(Path(one.filename).parts[-2:])
        outcome.warnings.append((one.category, f"{one.message} ({place}:{one.lineno})"))
    return outcome


_as_it_is = contextlib.nullcontext


@contextlib.contextmanager
def _without_rights() -> Iterator[None]:
    """Without the rights of root, to whom permissions mean nothing."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def faults(case: Case, out: Outcomes) -> Iterator[str]:
    """What is wrong with the results: first what no case may do, then what is known of this one."""
    for name, outcome in out.items():
        yield from (f"{name}: {fault}" for fault in _manners(outcome))
    for law in (_of_pairs, _of_slices, _of_volumes, _of_description, _of_page, _nothing_lost):
        yield from law(out)
    yield from _secrets(case, out)
    for check in case.checks:
        yield from check(out)


def _manners(outcome: Outcome) -> Iterator[str]:
    error = outcome.error
    told = isinstance(error, _OURS) or (type(error) is ValueError and _SIZES in str(error))
    if error is not None and not told:
        yield f"unhandled {type(error).__name__}: {str(error)[:200]}{_place(error)}"
    if "MemoryError" in outcome.text:
        yield f"ran out of memory: {outcome.text[:200]}"
    if error is not None and not outcome.text.strip():
        yield "an error without a word"
    for category, text in outcome.warnings:
        if not issubclass(category, exceptions.CtmriDetectWarning):
            yield f"foreign {category.__name__}: {text[:200]}"


def _place(error: BaseException) -> str:
    """The last line of ours on the way to an error."""
    place, trace = "", error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if "ctmri_detect" in file:
            place = f" ({file.rpartition('ctmri_detect/')[2]}:{trace.tb_lineno})"
        trace = trace.tb_next
    return place


def _of_pairs(out: Outcomes) -> Iterator[str]:
    frame = out["find_pairs"].value
    if frame is None:
        return
    rows = frame[frame["status"] == "paired"]
    if rows[["ct", "mri"]].isna().any(axis=None):
        yield "find_pairs: a pair without a CT or an MRI"
    for column in ("ct", "mri"):
        if rows[column].duplicated().any():
            yield f"find_pairs: one {column} in two pairs"
    if not frame["status"].map(lambda status: isinstance(status, str) and bool(status)).all():
        yield "find_pairs: a row without a status"


def _of_slices(out: Outcomes) -> Iterator[str]:
    found = out["load_pairs"].value
    if found is None:
        return
    yield from (f"load_pairs: {fault}" for fault in _samples(found, out["load_pairs"]))
    frame = out["find_pairs"].value
    if frame is None or len(frame) == 0:
        return
    # ct=, mri= and labels= may leave out more; what is lost without a word is a fault always
    pairs = frame[frame["status"] == "paired"]
    told = set(found.frame["ct"]) | {file for file, _ in found.skipped}
    for row in pairs.itertuples():
        if row.ct not in told and row.mri not in told:
            yield f"load_pairs: the pair of {row.ct} is lost without a word"
            return


def _samples(found: Any, outcome: Outcome) -> Iterator[str]:
    data = np.asarray(found.data)
    if data.dtype != np.float32 or data.ndim != 4 or data.shape[1] != 2 or not len(data):
        yield f"data is {data.dtype} {data.shape}"
        return
    if np.isinf(data).any():
        yield "infinite values"
    if np.isnan(data).all(axis=(1, 2, 3)).any():
        yield "a sample with nothing observed"
    for what in ("frame", "groups", "target", "masks"):
        if found[what] is not None and len(found[what]) != len(data):
            yield f"{len(found[what])} rows of {what} for {len(data)} samples"
    if found.target is not None and not np.isin(found.target, (-1, 1)).all():
        yield f"target holds {np.unique(found.target)}"
    if found.ct_units not in ("hu", "uint8", None):
        yield f"ct_units is {found.ct_units!r}"
    yield from _skipped(found.skipped, {category for category, _ in outcome.warnings})


def _skipped(skipped: list[Any], said: set[type[Warning]]) -> Iterator[str]:
    for entry in skipped:
        if len(entry) != 2 or not all(isinstance(text, str) and text for text in entry):
            yield f"skipped holds {entry!r}"
    if skipped and exceptions.SkippedFilesWarning not in said:
        yield "files were skipped without a warning"


def _of_volumes(out: Outcomes) -> Iterator[str]:
    found = out["load_volume_pairs"].value
    if found is None:
        return
    outcome = out["load_volume_pairs"]
    yield from (f"load_volume_pairs: {fault}" for fault in _samples(found, outcome))
    spacing = found.frame["spacing"].to_numpy(dtype=float)
    if not np.isfinite(spacing).all() or (spacing <= 0).any():
        yield f"load_volume_pairs: spacing {spacing[:3]}"


def _of_description(out: Outcomes) -> Iterator[str]:
    found = out["describe_pairs"].value
    if found is None:
        return
    try:
        json.dumps(found.summary, allow_nan=False)
    except (TypeError, ValueError) as error:
        yield f"describe_pairs: the summary is no JSON: {error}"
    read = found.files[(found.files["reason"] == "") & (found.files["format"] != "dcm")]
    numbers = read[["min", "max", "mean", "std", "median", "blank"]].to_numpy(dtype=float)
    if not np.isfinite(numbers).all():
        yield "describe_pairs: statistics of a readable file are not finite"
    if any(kind not in ("error", "warning", "note") or not text for kind, text in found.findings):
        yield "describe_pairs: a finding without a severity or a text"


def _of_page(out: Outcomes) -> Iterator[str]:
    page = out.get("write_inspection", Outcome()).value
    if page is None:
        return
    if "<b>bold" in page or not page.rstrip().endswith("</html>"):
        yield "write_inspection: the page holds markup of a file's name, or ends early"


def _nothing_lost(out: Outcomes) -> Iterator[str]:
    """What one call refuses as damaged no other loads."""
    described = out["describe_pairs"].value
    if described is None:
        return
    damaged = set(described.damaged["file"])
    for name in ("load_pairs", "load_volume_pairs"):
        found = out[name].value
        if found is not None:
            both = damaged & (set(found.frame["ct"]) | set(found.frame["mri"]))
            if both:
                yield f"{name} loads {sorted(both)[0]}, which inspect calls damaged"


def _secrets(case: Case, out: Outcomes) -> Iterator[str]:
    if not case.secrets:
        return
    for name, outcome in out.items():
        texts = [outcome.text, *(text for _, text in outcome.warnings)]
        value = outcome.value
        if name in ("load_pairs", "load_volume_pairs") and value is not None:
            texts += [value.frame.to_csv(), str(value.skipped), value.DESCR, str(value.groups)]
        elif name == "describe_pairs" and value is not None:
            texts += [value.files.to_csv(), str(value.findings), str(value.summary)]
        elif name == "write_inspection" and value is not None:
            texts.append(value)
        for secret in case.secrets:
            if any(secret in text for text in texts):
                yield f"{name} tells {secret!r}"
                return
