"""Base of the preprocessing steps."""

from __future__ import annotations

from threading import Lock
from typing import Self, final

import numpy as np
import numpy.typing as npt
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ctmri_detect._floats import with_default_floats
from ctmri_detect._parameters import check_parameters
from ctmri_detect._rollback import unchanged_on_failure
from ctmri_detect._threads import map_threads
from ctmri_detect._types import LabelsLike, PairsLike
from ctmri_detect.base.estimator import PairedEstimator, PairedTags, PlainOutput
from ctmri_detect.base.learnt import remember
from ctmri_detect.base.notes import Block, Notes, joined_blocks
from ctmri_detect.base.telling import has_looked, is_told_later
from ctmri_detect.base.traits import Traits
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.modalities import Roles
from ctmri_detect.pairs import Pairs
from ctmri_detect.validation import PairReader, check_pairs


class BasePairedTransformer(PlainOutput, TransformerMixin, PairedEstimator):
    """Base of the preprocessing steps, pairs in and pairs out.

    A step writes ``_transform(X)`` (float32 array in, float32 array out, never in place) and,
    if it has parameters, says in ``_parameter_constraints`` what they may be. A step that
    learns something from all samples also writes ``_fit(X)``; only such a step has to be fitted
    (scikit-learn's tag ``requires_fit``). A step that moves pixels also writes
    ``inverse_transform_map(maps, X)``, `X` being the step's input: maps on the output grid come
    back on the grid of `X`, NaN where they do not reach.

    A step that treats CT, MRI and PET differently writes ``_transform_planes(X, roles)`` instead,
    where `roles` has "ct", "mri" or "pet" for each plane, None for planes without names;
    `ctmri_detect.modalities.planes_with` finds the planes of a role.

    A step that has to warn about samples writes ``_transform_block`` and ``_warn_of`` instead
    of ``_transform``: each block returns the rows concerned, and one warning names them all.
    `Block` can also hold columns for the frame of `Pairs`, and which samples stay. A step that
    uses these refuses in ``_check_use`` what they don't work with. A step that warns of the
    samples as a whole does it in ``_look``, once a call.

    Blocks are shared between threads if ``traits.threadsafe`` is True. By default it is False, and
    one thread transforms one block after the other.

    Examples
    --------
    >>> class Halved(BasePairedTransformer):
    ...     def _transform(self, X):
    ...         return X / 2
    >>> float(Halved().transform(np.ones((3, 2, 8, 8))).max())
    0.5
    """

    traits = Traits(missing_modality=True)
    _block = 4  # samples transformed at a time, by each thread

    def __sklearn_tags__(self) -> PairedTags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = self._learns()
        return tags

    @classmethod
    def _learns(cls) -> bool:
        """Whether the step learns from all samples, and so has to be fitted."""
        return cls._fit is not BasePairedTransformer._fit

    def _fit(self, X: PairReader) -> None:
        """Learn from all samples; most steps have nothing to learn."""

    def _transform(self, X: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        raise NotImplementedError(f"{type(self).__name__} has to write _transform(X).")

    def _transform_planes(
        self, X: npt.NDArray[np.float32], roles: Roles
    ) -> npt.NDArray[np.float32]:
        """`_transform` of a step that treats CT, MRI and PET differently."""
        return self._transform(X)

    def _transform_block(self, X: npt.NDArray[np.float32], roles: Roles) -> Block:
        """One block transformed, the rows of it that a warning has to name, and more."""
        return Block(self._transform_planes(X, roles))

    def _warn_of(self, rows: list[int], total: int) -> None:
        """One warning about these rows of X, after all blocks; an error if they are too many."""

    def _check_use(self, X: PairsLike, *, may_leave_out: bool) -> None:
        """Refuse X, or a call that has to give as many samples as it takes."""

    def _look(self, X: PairReader) -> None:
        """Warn of all samples together, before they are transformed; changes nothing."""

    @final
    def _check_ready(self) -> None:
        """Refuse bad parameters, and a step that had to learn first."""
        check_parameters(self)
        if self._learns():
            check_is_fitted(
                self,
                "image_shape_",
                msg="%(name)s learns from training pairs and is not fitted yet. Call fit with "
                "training pairs first, on the step or on the Pipeline that holds it.",
            )

    @final
    @with_default_floats
    def fit(self, X: PairsLike, y: LabelsLike = None) -> Self:
        """Check the parameters and learn what the step needs; `y` is ignored."""
        check_parameters(self)
        reader = check_pairs(X)
        with unchanged_on_failure(self):
            self._fit(reader)
            self.image_shape_ = reader.shape[2:]
        return self

    @final
    def transform(self, X: PairsLike) -> Pairs | npt.NDArray[np.float32]:
        """Float32 pairs ``(n_samples, n_planes, height', width')``; `X` is left as it was.

        `Pairs` come back as `Pairs` in memory, with the same patients and the new spacing and
        units; anything else as an array.

        Raises
        ------
        InvalidPairsError
            If X is not as the contract says, or in other units than the step takes.
        """
        return self._transformed(X, may_leave_out=False)

    def fit_transform(self, X: PairsLike, y: LabelsLike = None) -> Pairs | npt.NDArray[np.float32]:
        """``fit(X).transform(X)``; `y` is ignored. A step that leaves out samples does it here."""
        return self.fit(X)._transformed(X, may_leave_out=True)

    @final
    @with_default_floats
    def _transformed(self, X: PairsLike, *, may_leave_out: bool) -> Pairs | npt.NDArray[np.float32]:
        self._check_ready()
        reader = check_pairs(X)
        self._check_use(X, may_leave_out=may_leave_out)
        known = X if isinstance(X, Pairs) else None
        self._check_units(None if known is None else known.ct_units)
        if not has_looked(self):
            self._look(reader)
        spacing = None if known is None or known.spacing is None else known.spacing.copy()
        made = self._transform_all(reader, spacing)
        remember(self, made.learnt)
        if made.named and not is_told_later(self, made.named):
            self._warn_of(list(made.named), len(reader))
        notes = Notes.joined([Notes(np.arange(len(reader))).after(made)], len(reader))
        out = made.values[notes.rows] if notes.leaves_out else made.values
        if known is None:
            return out
        left = notes.of(known)
        return known.replace(
            array=out,
            groups=left.groups,
            spacing=None if spacing is None else spacing[notes.rows],
            ct_units=self._units_after(known.ct_units),
            frame=left.frame,
        )

    def _transform_all(
        self, reader: PairReader, spacing: npt.NDArray[np.float64] | None, told: int = 64
    ) -> Block:
        """All samples transformed, as one block.

        `spacing` is changed in place. An error names all samples concerned among `told`.
        """
        lock = Lock()  # the source of X may not be thread-safe
        whole: list[npt.NDArray[np.float32]] = []  # the grid is known after the first block

        def one(start: int) -> Block:
            here = slice(start, start + self._block)
            with lock:
                block = reader[here]
            try:
                before = None if spacing is None else spacing[here]
                part, after = self._transform_spaced(block, reader.roles, before)
            except InvalidPairsError as error:
                first = start - start % told
                with lock:
                    block = reader[first : first + told]
                raise self._told(block, reader.roles, first, error) from error
            with lock:
                if not whole:
                    whole.append(np.empty((len(reader), *part.values.shape[1:]), np.float32))
            whole[0][here] = part.values
            if spacing is not None:
                spacing[here] = after
            return part._replace(values=whole[0], named=[start + row for row in part.named])

        starts = range(0, len(reader), self._block)
        safe = self.traits.threadsafe
        return joined_blocks(map_threads(one, starts) if safe else [one(s) for s in starts])

    def _transform_spaced(
        self,
        X: npt.NDArray[np.float32],
        roles: Roles,
        spacing: npt.NDArray[np.float64] | None,
    ) -> tuple[Block, npt.NDArray[np.float64] | None]:
        """`_transform_block`, and the spacing after it, for steps that find both at once."""
        part = self._transform_block(X, roles)
        return part, None if spacing is None else self._spacing_after(spacing, X)

    def _told(
        self, X: npt.NDArray[np.float32], roles: Roles, first: int, error: InvalidPairsError
    ) -> InvalidPairsError:
        """The step's error about these samples together; `error` came from one block of them."""
        try:
            self._transform_block(X, roles)
        except InvalidPairsError as about_all:
            error = about_all
        if not first:
            return error
        return InvalidPairsError(f"Row 0 is row {first} of X: {error}")

    def _check_units(self, ct_units: str | None) -> None:
        """Refuse pairs that are known to be in other units than the step takes."""
        taken = self._units_taken()
        if None not in (taken, ct_units) and taken != ct_units:
            raise InvalidPairsError(
                f"The CT of X are in {ct_units!r}, and {type(self).__name__} takes {taken!r}. Set "
                "its units to those of X, as in make_preprocessor(X.ct_units)."
            )

    def _units_taken(self) -> str | None:
        """The units of the CT that the step takes; None if they don't matter."""
        return None

    def _units_after(self, ct_units: str | None) -> str | None:
        """The units of the CT after the step."""
        return ct_units

    def _spacing_after(
        self, spacing: npt.NDArray[np.float64], X: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float64]:
        """The pixel spacing of a block's samples after the step, ``(n, 2)`` in mm."""
        return spacing
