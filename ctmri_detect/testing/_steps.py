"""Checks of a preprocessing step: what it returns, what it leaves alone, and the way back."""

from __future__ import annotations

import importlib.util
import pickle
import tempfile
from functools import partial
from pathlib import Path
from typing import Any
from unittest import SkipTest

import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags

from ctmri_detect import persistence
from ctmri_detect.base import BasePairedTransformer
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.pairs import Pairs
from ctmri_detect.testing._generators import demand_untouched, global_states
from ctmri_detect.testing._laws import (
    demand,
    demand_close,
    demand_equal,
    demand_error,
    demand_same_copy,
)

Step = BasePairedTransformer
Float = npt.NDArray[np.float32]
_BLOCKS = 67  # samples, more than one block of any step


def _moves(step: Step) -> bool:
    return hasattr(step, "inverse_transform_map")


def _array(X: Any) -> Float:
    found: Float = np.asarray(X)
    return found


def check_pairs(step: Step, X: Float) -> None:
    """Pairs come in, float32 pairs come out, and the input is left as it was."""
    given = X.copy()
    out = clone(step).fit_transform(given)
    demand(
        isinstance(out, np.ndarray) and out.dtype == np.float32,
        f"transform of an array returns a float32 array. It returned "
        f"{getattr(out, 'dtype', type(out).__name__)}.",
    )
    demand(
        out.ndim == 4 and out.shape[:2] == X.shape[:2],
        f"The output has the samples and planes of X, {X.shape[:2]}, and two axes of pixels. Its "
        f"shape is {out.shape}.",
    )
    infinite = int(np.isinf(out).sum())
    demand(not infinite, f"No value is infinite. {infinite} of {out.size} are.")
    empty = np.flatnonzero(np.isnan(out).all(axis=(1, 2, 3))).tolist()
    demand(not empty, f"Each sample still shows something. Samples {empty} are NaN everywhere.")
    demand_equal(given, X, "transform does not change X.")
    demand(not np.shares_memory(out, given), "The output shares no memory with X.")
    demand(
        _moves(step) or out.shape == X.shape,
        f"A step that changes the grid has inverse_transform_map(maps, X), which brings maps back. "
        f"This one makes {out.shape[2:]} of {X.shape[2:]} pixels, and has none.",
    )


def check_order_and_batch(step: Step, X: Float) -> None:
    """A sample does not depend on the other samples in X, nor on their order."""
    fitted = clone(step).fit(X)
    whole = _array(fitted.transform(X))
    law = "A transformed sample does not depend on the order of the samples in X."
    demand_equal(_array(fitted.transform(X[::-1]))[::-1], whole, law)
    law = "A transformed sample does not depend on the other samples in X."
    demand_equal(fitted.transform(X[2:3]), whole[2:3], law)
    rows = np.arange(_BLOCKS) % len(X)
    demand_equal(_array(fitted.transform(X[rows]))[-2:], whole[rows[-2:]], law)


def check_missing_modality(step: Step, X: Float) -> None:
    """A missing plane stays missing, and the other planes of that sample stay."""
    half = X.copy()
    half[0, 0], half[1, 1] = np.nan, np.nan
    out = _array(clone(step).fit(X).transform(half))
    for sample, plane in ((0, 0), (1, 1)):
        filled = int(np.isfinite(out[sample, plane]).sum())
        demand(
            not filled,
            f"A plane that is missing (all NaN) stays missing. {filled} pixels have a value, so "
            "somewhere NaN is read as a number.",
        )
        demand(
            np.isfinite(out[sample, 1 - plane]).any(),
            "Where one plane is missing, the other is still prepared. All of it is NaN.",
        )


def check_not_observed(step: Step, X: Float) -> None:
    """Pixels that no plane shows are not filled in."""
    framed = np.pad(X, ((0, 0), (0, 0), (12, 12), (12, 12)), constant_values=np.nan)
    out = _array(clone(step).fit(framed).transform(framed))
    if out.shape != framed.shape or _moves(step):
        return
    filled = int(np.isfinite(out[..., [0, -1], :]).sum() + np.isfinite(out[..., [0, -1]]).sum())
    demand(
        not filled,
        f"What was not observed (NaN) is not filled in. {filled} pixels at the edge have a value "
        "where X shows nothing within 12 pixels.",
    )


def check_particulars(step: Step, X: Float) -> None:
    """`Pairs` keep their patients and the names of their planes."""
    patients = [f"p{i // 2}" for i in range(len(X))]
    names = _names(X)
    given = Pairs(X, groups=patients, modalities=names)
    out = clone(step).fit(given).transform(given)
    demand(
        isinstance(out, Pairs),
        f"transform of Pairs returns Pairs. It returned {type(out).__name__}.",
    )
    demand_equal(out.groups, np.asarray(patients), "Patients stay with their samples.")
    demand(out.modalities == names, f"The planes keep their names. They are {out.modalities}.")


def check_roles(step: Step, X: Float) -> None:
    """A plane is treated by its role, whatever its number."""
    names = _names(X)
    there, turned = Pairs(X, modalities=names), Pairs(X[:, ::-1].copy(), modalities=names[::-1])
    one, other = (_array(clone(step).fit_transform(given)) for given in (there, turned))
    law = (
        "With the planes in another order, the same comes out in that order. Write "
        "_transform_planes(X, roles), and find planes with modalities.planes_with(roles, 'mri')."
    )
    demand_close(other[:, ::-1], one, law)


def _names(X: Float) -> tuple[str, ...]:
    return ("CT", *[f"MRI {i}" for i in range(1, X.shape[1])])


def check_same_input(step: Step, X: Float) -> None:
    """A read-only file and float64 give the same as an array."""
    expected = clone(step).fit_transform(X)
    law = "float64 and float32 give the same."
    demand_equal(clone(step).fit_transform(X.astype(np.float64)), expected, law)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pairs.npy"
        np.save(path, X)
        stored = np.load(path, mmap_mode="r")
        law = "A read-only memmap gives the same as an array."
        demand_equal(clone(step).fit_transform(stored), expected, law)
        del stored  # an open file can't be removed everywhere


def check_wrong_input(step: Step, X: Float) -> None:
    """Another number of axes and infinity are refused."""
    fitted, infinite = clone(step).fit(X), X.copy()
    infinite[1, 0, X.shape[2] // 2, X.shape[3] // 2] = np.inf
    for name, wrong in {"X with three axes": X[:, 0], "Infinity in X": infinite}.items():
        law = f"{name} is refused."
        demand_error(partial(fitted.transform, wrong), InvalidPairsError, law)


def check_parameters_kept(step: Step, X: Float) -> None:
    """The constructor and `fit` leave the parameters as the user gave them."""
    fresh = clone(step)
    extra = sorted(set(vars(fresh)) - set(fresh.get_params(deep=False)))
    demand(
        not extra,
        f"The constructor stores its parameters and nothing else. It also set {', '.join(extra)}.",
    )
    before = fresh.get_params(deep=False)
    fresh.fit(X).transform(X)
    after = fresh.get_params(deep=False)
    changed = [name for name in before if before[name] is not after[name]]
    demand(not changed, f"fit does not set parameters. Changed: {', '.join(changed)}.")


def check_fit(step: Step, X: Float) -> None:
    """Only a step that learns has to be fitted; a second fit equals a first one."""
    expected = clone(step).fit_transform(X)
    if get_tags(step).requires_fit:
        law = "A step that learns raises NotFittedError before fit."
        demand_error(lambda: clone(step).transform(X), NotFittedError, law)
    else:
        law = "A step that learns nothing (it has no _fit) needs no fit."
        demand_equal(clone(step).transform(X), expected, law)
    again = clone(step).fit(X[:2]).fit(X)
    demand_equal(again.transform(X), expected, "A second fit equals the fit of a fresh step.")
    law = "A step in a Pipeline gives the same."
    demand_equal(make_pipeline(clone(step)).fit(X).transform(X), expected, law)


def check_global_generators(step: Step, X: Float) -> None:
    """The global generators of numpy, Python and torch are left as they were."""
    before = global_states()
    clone(step).fit(X).transform(X)
    demand_untouched(before, "fit and transform")


def check_pickle(step: Step, X: Float) -> None:
    """Pickle gives the same step."""
    fitted = clone(step).fit(X)
    law = "A step that was pickled and loaded gives the same."
    demand_same_copy(pickle.loads(pickle.dumps(fitted)).transform(X), fitted.transform(X), law)


def check_save(step: Step, X: Float) -> None:
    """`persistence.save` and `load` give the same step."""
    if not importlib.util.find_spec("skops"):
        raise SkipTest('persistence.save needs: pip install "ctmri_detect[save]"')
    fitted = clone(step).fit(X)
    with tempfile.TemporaryDirectory() as folder:
        persistence.save(fitted, f"{folder}/step.ctmri")
        loaded = persistence.load(f"{folder}/step.ctmri", trusted=[type(step)])
    law = "A step that was saved and loaded gives the same."
    demand_same_copy(loaded.transform(X), fitted.transform(X), law)


def check_way_back(step: Step, X: Float) -> None:
    """Maps come back on the grid of X, and a bright spot to its place."""
    if not _moves(step):
        return
    spot = X.copy()
    row, column = (round(at) for at in np.argwhere(np.isfinite(X).all(axis=(0, 1))).mean(axis=0))
    near = spot[..., row - 1 : row + 2, column - 1 : column + 2]
    near[np.isfinite(near)] = np.nanmax(X) + 20 * np.nanstd(X)
    fitted = clone(step).fit(X)
    maps = np.nan_to_num(_array(fitted.transform(spot)), nan=float(np.nanmin(X))).max(axis=1)
    back = fitted.inverse_transform_map(maps, spot)
    wanted = (len(X), *X.shape[2:])
    demand(
        back.shape == wanted and back.dtype == np.float32,
        f"inverse_transform_map gives float32 {wanted}, the grid of X. It gave {back.dtype} "
        f"{back.shape}.",
    )
    for each in back:
        floor = np.nanmedian(each)
        bright = np.argwhere(each - floor > 0.6 * (np.nanmax(each) - floor)).mean(axis=0)
        off = float(np.hypot(*(bright - (row, column))))
        demand(off < 1.5, f"A bright spot walks back to its place. It is {off:.1f} pixels off.")
