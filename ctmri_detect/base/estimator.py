"""What detectors and transformers of pairs have in common."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

from sklearn.base import BaseEstimator
from sklearn.utils import Tags

from ctmri_detect._parameters import CheckedParameters, OneOf, check_value
from ctmri_detect.base.traits import Traits


@dataclass(slots=True)
class PairedTags(Tags):
    """Tags of scikit-learn, and two more for pairs.

    Attributes
    ----------
    missing_modality : bool
        Whether samples with a missing plane can be scored.
    localizes : bool
        Whether the anomaly map shows where the anomaly is.

    Examples
    --------
    >>> from ctmri_detect import AtlasDetector
    >>> AtlasDetector().__sklearn_tags__().missing_modality
    True
    """

    missing_modality: bool = False  # scores samples with a missing plane
    localizes: bool = True  # its map shows where the anomaly is


class PairedEstimator(CheckedParameters, BaseEstimator):
    """Tags of pairs, and nested parameters of a default."""

    traits = Traits()
    _resolved: ClassVar[dict[str, str]] = {}  # parameter -> name of the method with its default

    def __sklearn_tags__(self) -> PairedTags:
        tags = super().__sklearn_tags__()
        own = {f.name: getattr(tags, f.name) for f in fields(Tags)}
        paired = PairedTags(
            **own,
            missing_modality=self.traits.missing_modality,
            localizes=self.traits.localizes,
        )
        paired.input_tags.two_d_array = False
        paired.input_tags.three_d_array = False
        paired.input_tags.allow_nan = True
        return paired

    def set_params(self, **params: Any) -> Self:
        """Set parameters; if ``map_scoring`` is None, ``map_scoring__x`` changes its default."""
        nested = {key: params.pop(key) for key in list(params) if "__" in key}
        super().set_params(**params)  # a default may depend on these
        for name, default in self._resolved.items():
            if getattr(self, name) is None and any(key.startswith(f"{name}__") for key in nested):
                setattr(self, name, getattr(self, default)())
        return super().set_params(**nested)


class PlainOutput:
    """Mixin: `transform` never gives a DataFrame, also where scikit-learn is set to."""

    def set_output(self, *, transform: str | None = None) -> Self:
        """Accept the default output only, because pairs do not fit in a table.

        Parameters
        ----------
        transform : {"default"} or None, default=None
            None changes nothing, as in scikit-learn.

        Returns
        -------
        self
            Unchanged.

        Raises
        ------
        ValueError
            For tables, such as "pandas" and "polars".
        """
        allowed = [OneOf("default"), None]
        check_value(f"The output asked of {type(self).__name__}", transform, allowed)
        return self
